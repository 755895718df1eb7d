//! Capo: short biographies of made-up people, to measure how many bits of facts a model stores.
//!
//! Source: the bioS data of Allen-Zhu and Li, Physics of Language Models Parts 3.1 to 3.3 (arXiv 2309.14316, 2309.14402,
//! 2404.05405), used again in Part 4.1 (arXiv 2512.17351). It tests knowledge capacity: people stay the same, and every
//! row tells one of them in other words.
//!
//! ```text
//! Anna Bea Carter comes from a family in Ogden, UT. Her main subject was Botany. She is on the staff of Onyx Capital. ...
//! ```

mod instructions;
mod spans;

use std::ops::Range;
use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::reading::{Flaw, Form, Reading};
use crate::rng::{Index, StreamKey, TaskRng};
use crate::row::Row;
use crate::sampling::bijection::Bijection;
use crate::sampling::biography::lists::{FIRST_YEAR, LISTS, MONTHS, is_pronoun};
use crate::sampling::biography::people::{Facts, Name, ORDERS, People, Wording, capacity};
use crate::sampling::biography::reading::{Crowd, Style, is_question, read_biography, read_question};
use crate::sampling::biography::sentences::{first_value, is_name_text, is_value_text, same_value};
use crate::sampling::biography::writing::Writer;
use crate::sampling::biography::{ATTRIBUTES, NAME, TOPICS};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};
use crate::{choice, object, params};
use spans::{PRONOUN, Span, Spans};

/// Declared hard maximum of the number of people.
const MAX_PEOPLE: u32 = 2_000_000;

choice! {
    /// What a row is.
    pub enum Kind {
        /// A biography of six sentences.
        Bio = "bio",
        /// A question about one attribute of one person, and its answer.
        Qa = "qa",
    }
}

choice! {
    /// Which person a row is about.
    pub enum Exposure {
        /// Everybody once per num_people rows, in an order of its own each time.
        Epochs = "epochs",
        /// Anybody.
        Uniform = "uniform",
    }
}

choice! {
    /// Which order the sentences are in.
    pub enum Permute {
        /// The fixed one.
        None = "none",
        /// One drawn with the text.
        Text = "text",
        /// One drawn for every row.
        Fresh = "fresh",
    }
}

choice! {
    /// Where the full name first appears.
    pub enum Reverse {
        /// In the first sentence.
        None = "none",
        /// In the second.
        Second = "1",
        /// In the third.
        Third = "2",
        /// In a sentence of its own after the sixth.
        Last = "6",
    }
}

choice! {
    /// Which possessive pronouns are written.
    pub enum Pronouns {
        /// Their.
        Neutral = "neutral",
        /// His, her.
        Gendered = "gendered",
    }
}

choice! {
    /// What is predicted.
    pub enum Loss {
        /// Everything after the start.
        All = "all",
        /// The answers.
        Value = "value",
    }
}

params! {
    /// Parameters of Capo.
    pub struct Params {
        /// Number of people.
        num_people: u32 = 50_000 => 1..=2_000_000;
        /// Which world of people; the seed of the rows only decides who is told about when, and in which words.
        people_seed: u32 = 0 => 0..=4_294_967_295;
        /// Biographies, or questions about one attribute with their answers.
        form: Kind = Kind::Bio;
        /// Tell about everybody once per num_people rows, or about anybody in any row (biographies).
        exposure: Exposure = Exposure::Epochs;
        /// Fixed texts per person (1 is bioS single, M is multiM). None: sentences redrawn for every row.
        wordings: Option<u32> = None => 1..=100;
        /// Order of the sentences: fixed, drawn with each text, or redrawn for every row.
        permute: Permute = Permute::Fresh;
        /// In the fixed order, tell the city of the employer before the employer, or after.
        city_first: bool = true;
        /// Begin every sentence with the full name, not only the first one.
        fullname: bool = false;
        /// Sentences that say "The person" before the full name appears.
        reverse: Reverse = Reverse::None;
        /// Write dates as "2 of October, 1996" instead of "October 2, 1996".
        reverse_md: bool = false;
        /// Possessive pronouns: their, or his and her. As subjects people are always He or She.
        pronouns: Pronouns = Pronouns::Neutral;
        /// Predict everything after `<bos>`, or the tokens of the answers only.
        loss: Loss = Loss::All;
    }
}

/// The order of exposures of one epoch.
struct Epoch {
    key: (StreamKey, u32, u64),
    order: Bijection,
}

/// Whom a row is about, and in which words.
#[derive(Default)]
pub struct Instance {
    epoch: Option<Epoch>,
    /// Person and number of the exposure, for the first attempt at a row.
    located: Option<(u32, u64)>,
    person: u32,
    exposure: Option<u64>,
    name: Name,
    facts: Facts,
    wording: Wording,
    /// Attribute and wording of the question.
    asked: (u8, u8),
}

/// Capo with checked parameters.
pub struct Capo {
    params: Params,
    people: People,
    writer: Writer,
}

impl Task for Capo {
    const NAME: &'static str = "capo";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Knowledge capacity: biographies of people who stay the same while the words change.";
    const SALT: u64 = 0x6361_706F_0000_0001;
    const SPLIT_KEY: &'static str =
        "the person asked about (form=\"qa\"); biographies are not split, all belong to train";
    const AXES: &'static [&'static str] = &["num_people", "total_bits"];
    const ENCODING: &'static [&'static str] = &["city_first", "fullname", "reverse", "reverse_md", "pronouns", "loss"];
    const LEADS: &'static [&'static str] = &["city", "company", "date", "person", "name", "in", "at", "on", "from"];
    const STOPS: &'static [&'static str] = &["\n", "."];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        if params.fullname && params.reverse != Reverse::None {
            let allowed = "allowed: false together with reverse, which keeps the full name back; choose one of them";
            return Err(Error::param(Self::NAME, "fullname", true, allowed));
        }
        let unnamed = match params.reverse {
            Reverse::None => 0,
            Reverse::Second => 1,
            Reverse::Third => 2,
            Reverse::Last => ATTRIBUTES + 1,
        };
        let gendered = params.pronouns == Pronouns::Gendered;
        let writer = Writer::new(unnamed, params.fullname, params.reverse_md, gendered);
        Ok(Self { people: People::new(params.people_seed), params, writer })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let num_people = [50_000, 100_000, 200_000][usize::from(level) - 1];
        Params { num_people, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { num_people: 1, form: Kind::Qa, loss: Loss::Value, ..Params::default() };
        let large = Params {
            num_people: MAX_PEOPLE,
            people_seed: u32::MAX,
            wordings: Some(100),
            permute: Permute::Text,
            reverse: Reverse::Third,
            reverse_md: true,
            pronouns: Pronouns::Gendered,
            ..Params::default()
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_people = params.num_people + 1;
        (num_people <= MAX_PEOPLE).then(|| Params { num_people, ..params.clone() })
    }

    fn drawn(params: &Params) -> Params {
        let Params { num_people, people_seed, form, .. } = *params;
        if form == Kind::Qa {
            return Params { num_people, people_seed, form, ..Params::default() };
        }
        let own_order = params.permute == Permute::Text && params.wordings.is_none();
        Params { permute: if own_order { Permute::Fresh } else { params.permute }, ..params.clone() }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        &LISTS.vocab
    }

    fn max_len(&self) -> usize {
        let (biography, question) = self.writer.longest();
        2 + if self.params.form == Kind::Qa { question } else { biography }
    }

    fn locate(&self, stream: StreamKey, at: Index, it: &mut Instance) {
        it.located = None;
        if self.params.form == Kind::Qa || self.params.exposure == Exposure::Uniform {
            return;
        }
        let people = u64::from(self.params.num_people);
        let (number, place) = (at.row / people, at.row % people);
        let key = (stream, at.sub, number);
        if it.epoch.as_ref().is_none_or(|epoch| epoch.key != key) {
            // No row makes so many attempts.
            let mut rng = stream.rng(Index { row: number, sub: at.sub }, u32::MAX);
            it.epoch = Some(Epoch { key, order: Bijection::new(&mut rng, self.params.num_people) });
        }
        it.located = it.epoch.as_ref().map(|epoch| (epoch.order.apply(place as u32), number));
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        // Later attempts are at rows that must be shorter, or of another split: anybody will do.
        let located = it.located.take();
        it.exposure = located.map(|(_, number)| number);
        it.person = located.map_or_else(|| rng.below(p.num_people), |(person, _)| person);
        it.name = self.people.name(it.person);
        it.facts = self.people.facts(it.person);
        if p.form == Kind::Qa {
            let attribute = rng.below(ATTRIBUTES as u32) as u8;
            it.asked = (attribute, rng.below(LISTS.questions[usize::from(attribute)].len() as u32) as u8);
            return;
        }
        it.wording = match p.wordings {
            None => Wording::draw(rng, self.people.wordings()),
            // After as many exposures, everybody has been told about in each of the texts.
            Some(texts) => {
                let turn = |number| ((number + u64::from(it.person)) % u64::from(texts)) as u32;
                let text = it.exposure.map_or_else(|| rng.below(texts), turn);
                self.people.wording(it.person, text)
            }
        };
        match p.permute {
            Permute::None => it.wording.order = u16::from(!p.city_first),
            Permute::Fresh if p.wordings.is_some() => it.wording.order = rng.below(ORDERS) as u16,
            _ => {}
        }
    }

    fn content(&self, it: &Instance) -> u64 {
        match self.params.form {
            Kind::Bio => u64::MAX,
            Kind::Qa => content(it.name),
        }
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        self.write(it, row, |_, _| {});
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let p = &self.params;
        let mut row = Row::default();
        let mut found: Vec<(usize, Range<u32>)> = Vec::new();
        self.write(it, &mut row, |topic, range| found.push((topic, range)));
        let vocab = Self::vocab();
        let name_mentions = found.iter().filter(|(topic, _)| *topic == NAME).count();
        found.extend((0..row.here()).filter(|&at| is_pronoun(row.ids[at as usize])).map(|at| (PRONOUN, at..at + 1)));
        let ends: Vec<usize> = row
            .ids
            .iter()
            .scan(0, |end, &id| {
                *end += if Vocab::is_special(id) { 0 } else { vocab.piece(id).len() };
                Some(*end)
            })
            .collect();
        // The space before a word is not part of it.
        let span = |(topic, range): (usize, Range<u32>)| {
            let (first, last) = (range.start as usize, range.end as usize - 1);
            let start = ends[first] + 1 - vocab.piece(row.ids[first]).len();
            Span { topic, chars: [start, ends[last]], tokens: [range.start, range.end] }
        };
        let spans = Spans(found.into_iter().map(span).collect());
        let value = |topic: usize| vocab.decode(self.writer.value(topic, it.name, &it.facts).ids()).trim().to_owned();
        let [first, middle, last] = [0, 1, 2].map(|part| vocab.piece(LISTS.names[part][it.name[part] as usize]).trim());
        let bits = capacity(p.num_people);
        let asks = p.form == Kind::Qa;
        let topic = |&topic: &u8| TOPICS[usize::from(topic)];
        let sentences = self.writer.subjects.len();
        object! {
            "asked"?: asks.then(|| topic(&it.asked.0)),
            "birthcity": value(1),
            "birthday": it.facts.day + 1,
            "birthmonth": MONTHS[usize::from(it.facts.month)],
            "birthyear": FIRST_YEAR + u32::from(it.facts.year),
            "company1city": value(4),
            "company1name": value(5),
            "exposure_idx": it.exposure,
            "field": value(3),
            "first_name": first,
            "last_name": last,
            "measured": object! {
                "bits_per_person": (bits / f64::from(p.num_people) * 1e6).round() / 1e6,
                "name_mentions": name_mentions,
                "num_people": p.num_people,
                "sentences"?: (!asks).then_some(sentences),
                "tokens": row.len(),
                "total_bits": bits.round(),
                "words": vocab.decode(&row.ids).split_whitespace().count(),
            },
            "middle_name": middle,
            "order"?: (!asks).then(|| list(LISTS.order(it.wording.order).iter().map(topic))),
            "person_id": it.person,
            "pronoun": if it.facts.she { "She" } else { "He" },
            "spans": spans,
            "templates"?: (!asks).then(|| &it.wording.templates[..sentences]),
            "university": value(2),
        }
    }

    fn is_answer(text: &str) -> bool {
        is_value_text(text)
    }

    fn spelled(text: &str) -> Option<String> {
        Some(text.to_owned()).filter(|text| Self::is_answer(text)).or_else(|| forms::date(text))
    }

    fn leading(text: &str) -> Option<usize> {
        first_value(text)
    }

    /// Names are of those who are asked about, and words in small letters are no subjects of study.
    fn mentions(text: &str) -> bool {
        !is_name_text(text) && !text.starts_with(|c: char| c.is_lowercase()) && Self::spelled(text).is_some()
    }

    fn accepts(&self, _prompt: &str, target: &str, given: &str) -> bool {
        same_value(target, given)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        static FIRST: LazyLock<People> = LazyLock::new(|| People::new(0));
        match rules {
            Some(task) => read(&task.crowd(task.params.num_people), rules, ids, form),
            None => read(&Crowd { people: &FIRST, count: MAX_PEOPLE, day_first: false }, None, ids, form),
        }
    }

    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        read(&self.crowd(MAX_PEOPLE), None, ids, form)
    }

    fn loss_exceeds_answers(&self) -> bool {
        self.params.loss == Loss::All
    }

    fn only_train(&self) -> Option<&'static str> {
        let reason = "biographies are not split, all of them belong to train; form=\"qa\" is split by person";
        (self.params.form == Kind::Bio).then_some(reason)
    }
}

impl Capo {
    fn crowd(&self, count: u32) -> Crowd<'_> {
        Crowd { people: &self.people, count, day_first: self.params.reverse_md }
    }

    /// Write the row; `mark` is told where names and values stand.
    #[inline]
    fn write(&self, it: &Instance, row: &mut Row, mark: impl FnMut(usize, Range<u32>)) {
        let who = (it.name, &it.facts);
        row.push(BOS);
        match self.params.form {
            Kind::Bio => self.writer.biography(row, who, &it.wording, mark),
            Kind::Qa => self.writer.question(row, who, (it.asked.0.into(), it.asked.1.into()), mark),
        }
        row.push(EOS);
        match self.params.loss {
            Loss::All => row.predict_from(1),
            Loss::Value => row.loss.extend(row.queries.iter().map(|query| query.answer.clone())),
        }
    }
}

/// The name is the person.
fn content(name: Name) -> u64 {
    name.into_iter().fold(Content::new(Capo::SALT), |hash, part| hash.fact(part.into())).finish()
}

/// Read a row about one of these people, under all the rules of a task or those common to all parameters.
fn read(crowd: &Crowd<'_>, rules: Option<&Capo>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
    let asked = is_question(ids);
    if rules.is_some_and(|task| (task.params.form == Kind::Qa) != asked) {
        return Err(Flaw::at(1.min(ids.len()), "a biography where form=\"qa\", or a question where form=\"bio\""));
    }
    let found = if asked {
        read_question(crowd, rules.map(|task| task.params.reverse_md), ids, form)?
    } else {
        let style = rules.map(|Capo { params: p, writer, .. }| Style {
            subjects: &writer.subjects,
            day_first: p.reverse_md,
            gendered: p.pronouns == Pronouns::Gendered,
            texts: p.wordings,
            text_order: p.permute == Permute::Text,
            order: (p.permute == Permute::None).then_some(u16::from(!p.city_first)),
        });
        read_biography(crowd, style.as_ref(), ids, form)?
    };
    let loss = match rules.map_or(Loss::All, |task| task.params.loss) {
        Loss::All => std::iter::once(1..ids.len() as u32).collect(),
        Loss::Value => found.spans,
    };
    let content = if asked { content(found.name) } else { u64::MAX };
    Ok(Reading { content, loss, answer: found.answer })
}
