//! Reading one sentence back, by comparing its words with every template.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::lists::{
    COMMA, DAY, DAYS, FIRST_YEAR, HE, LISTS, MONTH, MONTHS, OF, PERSON, POSSESSIVE, STOP, THE, THEIR, THEIR_FIRST,
    YEAR, YEARS,
};
use super::people::{Facts, Name};
use super::writing::Subject;
use super::{COMPANY, COMPANY_CITY, DATE, MAJOR, NAME, TOPICS, UNIVERSITY};

/// A sentence, read.
#[derive(Clone, Debug)]
pub struct Sentence<'a> {
    /// Where it begins.
    pub at: usize,
    /// Who it begins with.
    pub subject: Subject,
    /// The full name, where it begins with it.
    pub name: Option<Name>,
    /// Places of its pronouns.
    pub pronouns: Vec<usize>,
    /// What it tells.
    pub topic: usize,
    /// Templates that fit.
    pub templates: Vec<u8>,
    /// What it says; empty where the sentence stops before it.
    pub value: &'a [u16],
    /// Where the value begins.
    pub value_at: usize,
}

/// What a run of tokens is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A sentence, up to its full stop.
    Whole,
    /// A sentence that stops before its value.
    Open,
}

/// Read the sentence `ids[at..end]`; `None` where no template fits, or the value is none of its kind.
pub fn read_sentence(ids: &[u16], at: usize, end: usize, extent: Extent) -> Option<Sentence<'_>> {
    let words = &ids[at..end];
    let (subject, name, len) = read_subject(words)?;
    let pronoun_possessive = subject == Subject::Pronoun && words[0] >= THEIR_FIRST;
    let marked = subject != Subject::Pronoun && words.get(len) == Some(&POSSESSIVE);
    let possessive = pronoun_possessive || marked;
    let body_at = at + len + usize::from(marked);
    let body = &ids[body_at..end];
    for topic in 0..TOPICS.len() {
        let mut templates = Vec::new();
        let mut value = 0..0;
        for (number, template) in (0..).zip(&LISTS.templates[topic]).filter(|(_, t)| t.possessive == possessive) {
            let from = template.before.len();
            let to = match extent {
                Extent::Open if body.len() == from => from,
                Extent::Whole if body.len() > from + template.after.len() => body.len() - template.after.len(),
                _ => continue,
            };
            let fits = match extent {
                Extent::Open => same(&template.before, body),
                Extent::Whole => {
                    same(&template.before, &body[..from])
                        && same(&template.after, &body[to..])
                        && is_value(topic, &body[from..to])
                }
            };
            if fits {
                templates.push(number);
                value = from..to;
            }
        }
        if !templates.is_empty() {
            let in_value = |at: &usize| value.contains(&(at - body_at));
            let inner = (body_at..end).filter(|at| !in_value(at) && (THEIR..THEIR + 3).contains(&ids[*at]));
            let pronouns = (subject == Subject::Pronoun).then_some(at).into_iter().chain(inner).collect();
            let value_at = body_at + value.start;
            return Some(Sentence { at, subject, name, pronouns, topic, templates, value: &body[value], value_at });
        }
    }
    None
}

fn read_subject(words: &[u16]) -> Option<(Subject, Option<Name>, usize)> {
    match *words {
        [THE, PERSON, ..] => Some((Subject::Unnamed, None, 2)),
        [first, ..] if (HE..THEIR).contains(&first) => Some((Subject::Pronoun, None, 1)),
        _ => LISTS.name_numbers(words.get(..3)?).map(|name| (Subject::Named, Some(name), 3)),
    }
}

/// Are these the words of a template, whatever the form of ` their`?
fn same(template: &[u16], words: &[u16]) -> bool {
    let word = |(&template, &word): (&u16, &u16)| {
        template == word || (template == THEIR && (THEIR..THEIR + 3).contains(&word))
    };
    template.len() == words.len() && template.iter().zip(words).all(word)
}

/// Month, day and year from 0, and whether the day comes first.
fn read_date(ids: &[u16]) -> Option<(u8, u8, u8, bool)> {
    let (day, month, year, day_first) = match *ids {
        [day, OF, month, COMMA, year] => (day, month, year, true),
        [month, day, COMMA, year] => (day, month, year, false),
        _ => return None,
    };
    let within = |id: u16, first: u16, count: u16| id.checked_sub(first).filter(|&i| i < count).map(|i| i as u8);
    Some((within(month, MONTH, MONTHS.len() as u16)?, within(day, DAY, DAYS)?, within(year, YEAR, YEARS)?, day_first))
}

fn is_value(topic: usize, ids: &[u16]) -> bool {
    match topic {
        DATE => read_date(ids).is_some(),
        NAME => LISTS.name_numbers(ids).is_some(),
        _ => !LISTS.value_numbers(topic, ids).is_empty(),
    }
}

/// Is this the value of an attribute (the name excepted) for a person with these facts? With `day_first` given, dates must
/// be written that way.
pub fn is_true(topic: usize, ids: &[u16], facts: &Facts, day_first: Option<bool>) -> bool {
    let number = match topic {
        DATE => {
            let found = read_date(ids);
            return found.is_some_and(|(month, day, year, first)| {
                (month, day, year) == (facts.month, facts.day, facts.year) && day_first.is_none_or(|want| want == first)
            });
        }
        UNIVERSITY => facts.university,
        MAJOR => facts.major.into(),
        COMPANY | COMPANY_CITY => facts.company,
        _ => facts.city.into(),
    };
    LISTS.value_numbers(topic, ids).contains(&number)
}

/// Is this text a value of some topic? Capitals do not matter.
pub fn is_value_text(text: &str) -> bool {
    static TEXTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let values = LISTS.values.iter().flatten().map(|value| LISTS.vocab.decode(value.ids()));
        values.map(|value| value.trim().to_ascii_lowercase()).collect()
    });
    let text = text.to_ascii_lowercase();
    TEXTS.contains(&text) || date_of(&text).is_some() || is_name_text(&text)
}

/// Is this text the full name of a person? Capitals do not matter.
pub fn is_name_text(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let mut words = text.split(' ');
    let names = [0, 1, 2].map(|part| words.next().is_some_and(|word| LISTS.is_name(part, word)));
    names == [true; 3] && words.next().is_none()
}

/// The end of the longest value that whole words at the beginning say, if the text goes on as biographies do.
pub fn first_value(text: &str) -> Option<usize> {
    static AFTER: LazyLock<Vec<String>> = LazyLock::new(|| {
        let templates = LISTS.templates.iter().flatten();
        let written = templates.flat_map(|template| {
            (0..3).map(|form| {
                let their = |&id: &u16| if id == THEIR { THEIR + form } else { id };
                LISTS.vocab.decode(&template.after.iter().map(their).collect::<Vec<_>>())
            })
        });
        let mut written: Vec<_> = written.collect();
        written.sort_unstable();
        written.dedup();
        written
    });
    let ends = text.match_indices([' ', '.']).map(|(at, _)| at).chain([text.len()]).take(9);
    let end = ends.filter(|&end| is_value_text(text[..end].trim())).last()?;
    let behind = &text[end..];
    let goes_on = |after: &String| match behind.strip_prefix(after.as_str()) {
        Some(next) => next.is_empty() || next.starts_with(char::is_whitespace),
        None => after.starts_with(behind),
    };
    (behind.trim().is_empty() || AFTER.iter().any(goes_on)).then_some(end)
}

/// Day, month and year of a date in words, in either order.
fn date_of(text: &str) -> Option<(String, String, String)> {
    let words: Vec<String> = text.split(' ').map(str::to_ascii_lowercase).collect();
    let (day, month, year) = match words.as_slice() {
        [day, of, month, year] if of == "of" => (day, month.strip_suffix(',')?, year),
        [month, day, year] => (&day.strip_suffix(',')?.to_owned(), month.as_str(), year),
        _ => return None,
    };
    let within = |word: &str, from: u32, count: u16| {
        word.parse().is_ok_and(|n: u32| (from..from + u32::from(count)).contains(&n) && n.to_string() == word)
    };
    let known = MONTHS.iter().any(|name| name.eq_ignore_ascii_case(month));
    (known && within(day, 1, DAYS) && within(year, FIRST_YEAR, YEARS))
        .then(|| (day.clone(), month.to_owned(), year.clone()))
}

/// Do two texts say the same value? A date may be written in two ways.
pub fn same_value(one: &str, other: &str) -> bool {
    one == other || date_of(one).is_some_and(|date| date_of(other) == Some(date))
}

/// May these tokens be the pronouns of this person? Possessives are either all neutral or all of the person's gender; with
/// `gendered` given it is known which.
pub fn pronouns_flaw(ids: &[u16], she: bool, gendered: Option<bool>) -> Option<usize> {
    let mut wanted = gendered;
    ids.iter().position(|&id| {
        let form = match id {
            THEIR_FIRST..THEIR => id - THEIR_FIRST,
            THEIR.. => id - THEIR,
            _ => return id != HE + u16::from(she),
        };
        let own = 1 + u16::from(she);
        let gendered = *wanted.get_or_insert(form > 0);
        form != if gendered { own } else { 0 }
    })
}

/// Cut a text at its full stops: the end of each whole sentence, and where the rest begins.
pub fn cut(ids: &[u16], from: usize) -> (Vec<usize>, usize) {
    let ends: Vec<usize> = (from..ids.len()).filter(|&at| ids[at] == STOP).map(|at| at + 1).collect();
    let rest = ends.last().copied().unwrap_or(from);
    (ends, rest)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::lists::date;
    use super::*;

    /// Every sentence has one reading: its topic, its template and its value.
    #[test]
    fn sentences_read_back_as_what_was_written() {
        let mut read = 0;
        for (topic, templates) in LISTS.templates.iter().enumerate() {
            let values: Vec<Vec<u16>> = match topic {
                DATE => vec![date(4, 0, 99, false).ids().to_vec(), date(4, 27, 0, true).ids().to_vec()],
                NAME => vec![(0..3).map(|part| LISTS.names[part][5]).collect()],
                _ => LISTS.values[topic].iter().map(|value| value.ids().to_vec()).collect(),
            };
            for (number, template) in templates.iter().enumerate() {
                for value in &values {
                    let mut ids = if template.possessive { vec![THEIR_FIRST] } else { vec![HE] };
                    ids.extend(&template.before);
                    let at = ids.len();
                    let open = read_sentence(&ids, 0, at, Extent::Open).expect("an open sentence");
                    assert!(open.topic == topic && open.templates.contains(&(number as u8)));
                    ids.extend(value);
                    ids.extend(&template.after);
                    let whole = read_sentence(&ids, 0, ids.len(), Extent::Whole).expect("a sentence");
                    assert_eq!((whole.topic, whole.templates, whole.value_at), (topic, vec![number as u8], at));
                    assert_eq!(whole.value, value);
                    read += 1;
                }
            }
        }
        assert!(read > 40_000, "{read}");
    }

    #[test]
    fn words_before_a_value_tell_what_is_asked() {
        let mut topics: HashMap<(bool, &[u16]), usize> = HashMap::new();
        for (topic, templates) in LISTS.templates.iter().enumerate() {
            for template in templates {
                let known = topics.entry((template.possessive, &template.before)).or_insert(topic);
                assert_eq!(*known, topic, "{}", LISTS.vocab.decode(&template.before));
            }
        }
    }
}
