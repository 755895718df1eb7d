//! Reading biographies and questions back: sentence by sentence, then against the person that the name leads to.

use super::lists::{LISTS, QUESTION};
use super::people::{Facts, Name, People};
use super::sentences::{Extent, Sentence, cut, is_true, pronouns_flaw, read_sentence};
use super::writing::Subject;
use super::{ATTRIBUTES, NAME};
use crate::reading::{Flaw, Form};
use crate::vocab::{BOS, EOS};

/// What the parameters say about the form of a biography.
pub struct Style<'a> {
    /// What each sentence begins with.
    pub subjects: &'a [Subject],
    /// Is the day of a date first?
    pub day_first: bool,
    /// Are possessives his and her?
    pub gendered: bool,
    /// Number of fixed texts of each person.
    pub texts: Option<u32>,
    /// Does the order belong to the text?
    pub text_order: bool,
    /// The order, if it is the same for everybody.
    pub order: Option<u16>,
}

/// What was found.
pub struct Found {
    /// Of whom.
    pub name: Name,
    /// The first answer.
    pub answer: Vec<u16>,
    /// Where the answers stand.
    pub spans: Vec<std::ops::Range<u32>>,
}

/// Everybody there is.
pub struct Crowd<'a> {
    /// Their world.
    pub people: &'a People,
    /// How many.
    pub count: u32,
    /// Are dates written with the day first, in answers to prompts?
    pub day_first: bool,
}

impl Crowd<'_> {
    fn find(&self, name: Name, at: usize) -> Result<(u32, Facts), Flaw> {
        let person = self.people.named(name);
        if person >= self.count {
            return Err(Flaw::at(at, format!("nobody among the {} people has this name", self.count)));
        }
        Ok((person, self.people.facts(person)))
    }
}

/// Is this a question, rather than a biography?
pub fn is_question(ids: &[u16]) -> bool {
    ids.contains(&QUESTION)
}

/// The tokens between `<bos>` and, in a row, `<eos>`.
fn body(ids: &[u16], form: Form) -> Result<&[u16], Flaw> {
    if ids.first() != Some(&BOS) {
        return Err(Flaw::at(0, "a row begins with <bos>"));
    }
    let end = match form {
        Form::Prompt => ids.len(),
        Form::Row if ids.len() > 1 && ids.last() == Some(&EOS) => ids.len() - 1,
        Form::Row => return Err(Flaw::at(ids.len(), "expected <eos>")),
    };
    match ids[1..end].iter().position(|&id| id <= EOS) {
        Some(at) => Err(Flaw::at(1 + at, "a special token inside the text")),
        None => Ok(&ids[..end]),
    }
}

/// Read a biography.
pub fn read_biography(crowd: &Crowd<'_>, style: Option<&Style<'_>>, ids: &[u16], form: Form) -> Result<Found, Flaw> {
    let body = body(ids, form)?;
    let sentences = read_sentences(body, form)?;
    check_subjects(&sentences, style)?;
    let unnamed = sentences.iter().take_while(|s| s.subject == Subject::Unnamed).count();
    let wanted = match form {
        // The name has a sentence of its own only where no other begins with it.
        Form::Row => ATTRIBUTES + usize::from(unnamed >= ATTRIBUTES),
        Form::Prompt => unnamed.min(ATTRIBUTES) + 1,
    };
    if sentences.len() != wanted {
        return Err(Flaw::at(body.len(), "a biography has six sentences, and a prompt ends at the first answer"));
    }
    let named = sentences.iter().position(|s| s.name.is_some()).unwrap_or(ATTRIBUTES);
    if named >= sentences.len() {
        return Err(Flaw::at(body.len(), "the full name is missing"));
    }
    let first = &sentences[named];
    let Some(name) = first.name.or_else(|| LISTS.name_numbers(first.value)) else {
        return read_who(crowd, style, &sentences, body);
    };
    let (person, facts) = crowd.find(name, first.at)?;
    if let Some(other) = sentences.iter().find(|s| s.name.is_some_and(|other| other != name)) {
        return Err(Flaw::at(other.at, "another name than before"));
    }
    check_facts(&sentences, style, body, &facts)?;
    check_wording(crowd, style, &sentences, person)?;
    let answer = match form {
        Form::Row => first.value.to_vec(),
        Form::Prompt => LISTS.value(first.topic, name, &facts, crowd.day_first).ids().to_vec(),
    };
    let span = |s: &Sentence<'_>| s.value_at as u32..(s.value_at + s.value.len()) as u32;
    Ok(Found { name, answer, spans: sentences[named..].iter().map(span).collect() })
}

fn read_sentences(body: &[u16], form: Form) -> Result<Vec<Sentence<'_>>, Flaw> {
    let (ends, rest) = cut(body, 1);
    if ends.len() > ATTRIBUTES + 1 {
        return Err(Flaw::at(ends[ATTRIBUTES], "more sentences than a biography has"));
    }
    let mut sentences: Vec<Sentence<'_>> = Vec::new();
    let mut extents: Vec<(usize, Extent)> = ends.into_iter().map(|end| (end, Extent::Whole)).collect();
    if form == Form::Prompt {
        extents.push((body.len(), Extent::Open));
    } else if rest < body.len() || extents.is_empty() {
        return Err(Flaw::at(body.len(), "expected a full stop"));
    }
    let mut at = 1;
    for (end, extent) in extents {
        let sentence = read_sentence(body, at, end, extent)
            .ok_or_else(|| Flaw::at(at, "no sentence of a biography, or its value is in no list"))?;
        if sentences.iter().any(|s| s.topic == sentence.topic) {
            return Err(Flaw::at(at, "the same is told twice"));
        }
        if (sentence.topic == NAME) != (sentences.len() == ATTRIBUTES) {
            return Err(Flaw::at(at, "a sentence about the name comes last, after six others"));
        }
        sentences.push(sentence);
        at = end;
    }
    Ok(sentences)
}

fn check_subjects(sentences: &[Sentence<'_>], style: Option<&Style<'_>>) -> Result<(), Flaw> {
    let unnamed = sentences.iter().take_while(|s| s.subject == Subject::Unnamed).count();
    let later = sentences.get(unnamed + 1).map_or(Subject::Pronoun, |s| s.subject);
    for (place, sentence) in sentences.iter().enumerate() {
        let fits = match style {
            Some(style) => style.subjects.get(place) == Some(&sentence.subject),
            None if place < unnamed => true,
            None if place == unnamed => sentence.subject == Subject::Named && unnamed <= 2,
            None => sentence.subject == later && (later == Subject::Pronoun || unnamed == 0),
        };
        if !fits {
            return Err(Flaw::at(sentence.at, "begins with the wrong one of name, pronoun and 'The person'"));
        }
    }
    Ok(())
}

/// Facts, their order where it is fixed, and pronouns.
fn check_facts(sentences: &[Sentence<'_>], style: Option<&Style<'_>>, body: &[u16], facts: &Facts) -> Result<(), Flaw> {
    let order = style.and_then(|style| style.order).map(|order| LISTS.order(order));
    for (place, sentence) in sentences.iter().enumerate() {
        if order.and_then(|order| order.get(place)).is_some_and(|&topic| usize::from(topic) != sentence.topic) {
            return Err(Flaw::at(sentence.at, "out of the fixed order"));
        }
        if sentence.topic == NAME || sentence.value.is_empty() {
            continue;
        }
        if !is_true(sentence.topic, sentence.value, facts, style.map(|s| s.day_first)) {
            return Err(Flaw::at(sentence.value_at, "not so for this person, or not written so"));
        }
    }
    let places: Vec<usize> = sentences.iter().flat_map(|s| s.pronouns.iter().copied()).collect();
    let pronouns: Vec<u16> = places.iter().map(|&at| body[at]).collect();
    match pronouns_flaw(&pronouns, facts.she, style.map(|s| s.gendered)) {
        Some(flaw) => Err(Flaw::at(places[flaw], "not a pronoun of this person, or not of the form wanted")),
        None => Ok(()),
    }
}

/// Where texts are fixed, is this one of the person's?
fn check_wording(
    crowd: &Crowd<'_>,
    style: Option<&Style<'_>>,
    sentences: &[Sentence<'_>],
    person: u32,
) -> Result<(), Flaw> {
    let Some((style, texts)) = style.and_then(|style| Some((style, style.texts?))) else {
        return Ok(());
    };
    let one_of_them = (0..texts).any(|text| {
        let wording = crowd.people.wording(person, text);
        let order = LISTS.order(wording.order);
        sentences.iter().enumerate().all(|(place, sentence)| {
            sentence.templates.contains(&wording.templates[sentence.topic])
                && (!style.text_order || order.get(place).is_none_or(|&topic| usize::from(topic) == sentence.topic))
        })
    });
    if one_of_them { Ok(()) } else { Err(Flaw::at(1, "none of the texts of this person")) }
}

/// Six facts, and the question whose they are: whoever they hold for.
fn read_who(
    crowd: &Crowd<'_>,
    style: Option<&Style<'_>>,
    sentences: &[Sentence<'_>],
    body: &[u16],
) -> Result<Found, Flaw> {
    let holds = |facts: &Facts| sentences[..ATTRIBUTES].iter().all(|s| is_true(s.topic, s.value, facts, None));
    let person = (0..crowd.count)
        .find(|&person| holds(&crowd.people.facts(person)))
        .ok_or_else(|| Flaw::at(1, format!("so for nobody among the {} people", crowd.count)))?;
    let facts = crowd.people.facts(person);
    check_facts(sentences, style, body, &facts)?;
    check_wording(crowd, style, sentences, person)?;
    let name = crowd.people.name(person);
    let answer = LISTS.value(NAME, name, &facts, false).ids().to_vec();
    Ok(Found { name, answer, spans: Vec::new() })
}

/// Read a question with its answer. `day_first` says how dates are written, if that is fixed.
pub fn read_question(crowd: &Crowd<'_>, day_first: Option<bool>, ids: &[u16], form: Form) -> Result<Found, Flaw> {
    let body = body(ids, form)?;
    let fits = |before: &[u16], after: &[u16]| {
        let rest = body.get(1..)?.strip_prefix(before)?;
        let (name, rest) = rest.split_at_checked(3)?;
        let value = rest.strip_prefix(after)?;
        Some((LISTS.name_numbers(name)?, value))
    };
    let all = LISTS.questions.iter().enumerate();
    let (topic, (name, value)) = all
        .flat_map(|(topic, questions)| questions.iter().map(move |q| (topic, q)))
        .find_map(|(topic, q)| Some((topic, fits(&q.before, &q.after)?)))
        .ok_or_else(|| Flaw::at(1, "no question about a person"))?;
    let (_, facts) = crowd.find(name, 1)?;
    let from = body.len() - value.len();
    let answer = match form {
        Form::Prompt if value.is_empty() => LISTS.value(topic, name, &facts, crowd.day_first).ids().to_vec(),
        Form::Prompt => return Err(Flaw::at(from, "a prompt ends at 'Answer:'")),
        Form::Row if is_true(topic, value, &facts, day_first) => value.to_vec(),
        Form::Row => return Err(Flaw::at(from, "wrong answer")),
    };
    let span = from as u32..body.len() as u32;
    Ok(Found { name, answer, spans: vec![span] })
}
