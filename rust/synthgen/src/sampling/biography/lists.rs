//! The lists of names, facts and wordings, as text files, and the vocabulary of all their words.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::people::{Facts, Name};
use super::{ATTRIBUTES, CITY, COMPANY, COMPANY_CITY, DATE, MAJOR, NAME, TOPICS, UNIVERSITY};
use crate::row::Row;
use crate::vocab::{SPECIALS, Vocab};

/// First words of the table, whose ids have names.
const FIXED: [&str; 17] = [
    ".", ",", "'s", "?", ":", " Answer", " of", " The", " person", " He", " She", " Their", " His", " Her", " their",
    " his", " her",
];
/// Ends a sentence, and occurs nowhere else.
pub const STOP: u16 = 3;
/// Inside dates and cities.
pub const COMMA: u16 = 4;
/// The ending of a possessive.
pub const POSSESSIVE: u16 = 5;
/// Ends a question.
pub const QUESTION: u16 = 6;
const COLON: u16 = 7;
const ANSWER: u16 = 8;
/// Inside dates with the day first.
pub const OF: u16 = 9;
/// ` The person` stands for who is not named yet.
pub const THE: u16 = 10;
/// See [`THE`].
pub const PERSON: u16 = 11;
/// ` He`, ` She`.
pub const HE: u16 = 12;
/// ` Their`, ` His`, ` Her`.
pub const THEIR_FIRST: u16 = 14;
/// ` their`, ` his`, ` her`.
pub const THEIR: u16 = 17;
/// The months.
pub const MONTH: u16 = (SPECIALS.len() + FIXED.len()) as u16;
/// The days, from 1.
pub const DAY: u16 = MONTH + MONTHS.len() as u16;
/// The years, from [`FIRST_YEAR`].
pub const YEAR: u16 = DAY + DAYS;
const WORDS: u16 = YEAR + YEARS;

/// Names of the months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Days of a month.
pub const DAYS: u16 = 28;
/// Years of birth.
pub const YEARS: u16 = 200;
/// The earliest year of birth.
pub const FIRST_YEAR: u32 = 1900;

/// A few words, at a fixed width so that they are written fast.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phrase {
    ids: [u16; 8],
    len: u8,
}

impl Phrase {
    /// The tokens.
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.len)]
    }

    /// Write the tokens.
    #[inline]
    pub fn write_to(&self, row: &mut Row) {
        row.extend_cut(self.ids, usize::from(self.len));
    }
}

impl From<&[u16]> for Phrase {
    fn from(words: &[u16]) -> Self {
        let mut ids = [0; 8];
        ids[..words.len()].copy_from_slice(words);
        Self { ids, len: words.len() as u8 }
    }
}

/// A sentence about someone: subject, words, the value, words. A ` their` among the words stands for his or her, too.
#[derive(Clone, Debug)]
pub struct Template {
    /// Is the subject in the possessive?
    pub possessive: bool,
    /// Between subject and value.
    pub before: Vec<u16>,
    /// After the value, with the full stop.
    pub after: Vec<u16>,
}

/// A question about someone.
#[derive(Clone, Debug)]
pub struct Question {
    /// Before the full name.
    pub before: Vec<u16>,
    /// After it, up to the place of the answer.
    pub after: Vec<u16>,
}

/// Everything the files say, in tokens.
pub struct Lists {
    /// The piece table.
    pub vocab: Vocab,
    /// First, middle and last names.
    pub names: [Vec<u16>; 3],
    /// What each attribute may be; empty for dates. Cities of companies are listed by company.
    pub values: [Vec<Phrase>; ATTRIBUTES],
    /// Sentences on each topic.
    pub templates: [Vec<Template>; ATTRIBUTES + 1],
    /// Questions on each attribute.
    pub questions: [Vec<Question>; ATTRIBUTES],
    orders: Vec<[u8; ATTRIBUTES]>,
    /// Names in small letters.
    spelled: [HashSet<String>; 3],
    name_numbers: [HashMap<u16, u32>; 3],
    value_numbers: [HashMap<Vec<u16>, Vec<u16>>; ATTRIBUTES],
}

/// The lists, made once.
pub static LISTS: LazyLock<Lists> = LazyLock::new(Lists::read);

const NAMES: [&str; 3] = [
    include_str!("lists/first_names.txt"),
    include_str!("lists/middle_names.txt"),
    include_str!("lists/last_names.txt"),
];
const CITIES: &str = include_str!("lists/cities.txt");
const UNIVERSITIES: &str = include_str!("lists/universities.txt");
const MAJORS: &str = include_str!("lists/majors.txt");
/// One company a line, with the city of its headquarters: `Name; City, ST`.
const COMPANIES: &str = include_str!("lists/companies.txt");
const TEMPLATES: [&str; ATTRIBUTES + 1] = [
    include_str!("templates/birth_date.txt"),
    include_str!("templates/birth_city.txt"),
    include_str!("templates/university.txt"),
    include_str!("templates/major.txt"),
    include_str!("templates/company_city.txt"),
    include_str!("templates/company.txt"),
    include_str!("templates/full_name.txt"),
];
/// One question a line: `topic: question`.
const QUESTIONS: &str = include_str!("templates/questions.txt");

/// Gives every word an id, new words the next one.
struct Table {
    words: Vec<String>,
    ids: HashMap<String, u16>,
}

impl Table {
    fn new() -> Self {
        let numbers = |first: u32, count: u16| (first..first + u32::from(count)).map(|number| format!(" {number}"));
        let fixed = FIXED.map(str::to_owned).into_iter();
        let words = fixed.chain(MONTHS.map(|month| format!(" {month}")));
        let words: Vec<String> = words.chain(numbers(1, DAYS)).chain(numbers(FIRST_YEAR, YEARS)).collect();
        debug_assert_eq!(words.len() + SPECIALS.len(), usize::from(WORDS));
        let ids = words.iter().zip(SPECIALS.len() as u16..).map(|(word, id)| (word.clone(), id)).collect();
        Self { words, ids }
    }

    fn id(&mut self, word: &str) -> u16 {
        if let Some(&id) = self.ids.get(word) {
            return id;
        }
        let id = (self.words.len() + SPECIALS.len()) as u16;
        self.words.push(word.to_owned());
        self.ids.insert(word.to_owned(), id);
        id
    }

    /// Tokens of a text: words with the space before them, punctuation and `'s` apart.
    fn ids(&mut self, text: &str) -> Vec<u16> {
        let mut ids = Vec::new();
        for word in text.split_whitespace() {
            let bare = word.trim_end_matches(['.', ',', '?', ':']);
            let (stem, possessive) = bare.strip_suffix("'s").map_or((bare, false), |stem| (stem, true));
            if !stem.is_empty() {
                ids.push(self.id(&format!(" {stem}")));
            }
            if possessive {
                ids.push(POSSESSIVE);
            }
            for mark in word[bare.len()..].chars() {
                ids.push(self.id(&mark.to_string()));
            }
        }
        ids
    }

    fn phrase(&mut self, text: &str) -> Phrase {
        Phrase::from(self.ids(text).as_slice())
    }

    fn template(&mut self, line: &str) -> Template {
        let (before, after) = line.split_once("{value}").unwrap_or((line, ""));
        let words = before.replace("{their}", "their");
        let words = words.strip_prefix("{name}").unwrap_or(&words);
        let (possessive, words) = words.strip_prefix("'s").map_or((false, words), |words| (true, words));
        Template { possessive, before: self.ids(words), after: self.ids(&after.replace("{their}", "their")) }
    }

    fn question(&mut self, line: &str) -> Question {
        let (before, after) = line.split_once("{name}").unwrap_or((line, ""));
        let before = self.ids(before);
        let mut after = self.ids(after);
        after.extend([ANSWER, COLON]);
        Question { before, after }
    }
}

impl Lists {
    fn read() -> Self {
        let mut table = Table::new();
        let names = NAMES.map(|list| list.lines().map(|name| table.id(&format!(" {name}"))).collect::<Vec<_>>());
        let mut values: [Vec<Phrase>; ATTRIBUTES] = Default::default();
        for (attribute, list) in [(CITY, CITIES), (UNIVERSITY, UNIVERSITIES), (MAJOR, MAJORS)] {
            values[attribute] = list.lines().map(|value| table.phrase(value)).collect();
        }
        for (company, city) in COMPANIES.lines().filter_map(|line| line.split_once("; ")) {
            values[COMPANY].push(table.phrase(company));
            values[COMPANY_CITY].push(table.phrase(city));
        }
        let templates = TEMPLATES.map(|list| list.lines().map(|line| table.template(line)).collect());
        let questions = std::array::from_fn(|attribute| {
            let lines = QUESTIONS.lines().filter_map(|line| line.split_once(": "));
            let own = lines.filter(|(topic, _)| *topic == TOPICS[attribute]);
            own.map(|(_, question)| table.question(question)).collect()
        });
        let name_numbers = std::array::from_fn(|part| names[part].iter().copied().zip(0..).collect());
        let mut value_numbers: [HashMap<Vec<u16>, Vec<u16>>; ATTRIBUTES] = Default::default();
        for (numbers, values) in value_numbers.iter_mut().zip(&values) {
            for (value, number) in values.iter().zip(0..) {
                numbers.entry(value.ids().to_vec()).or_default().push(number);
            }
        }
        let spelled = NAMES.map(|list| list.lines().map(str::to_ascii_lowercase).collect());
        let Table { words, .. } = table;
        let vocab = Vocab::build()
            .family(SPECIALS.len() as u16, words.len() as u16, |i| words[usize::from(i)].clone())
            .finish();
        Self { vocab, names, values, templates, questions, orders: orders(), spelled, name_numbers, value_numbers }
    }

    /// An order of the attributes, the fixed one first.
    #[inline]
    pub fn order(&self, number: u16) -> &[u8; ATTRIBUTES] {
        &self.orders[usize::from(number)]
    }

    /// What a topic says about someone.
    #[inline]
    pub fn value(&self, topic: usize, name: Name, facts: &Facts, day_first: bool) -> Phrase {
        let number: u16 = match topic {
            DATE => return date(facts.month, facts.day, facts.year, day_first),
            NAME => {
                let [first, middle, last] = std::array::from_fn(|part| self.names[part][name[part] as usize]);
                return Phrase { ids: [first, middle, last, 0, 0, 0, 0, 0], len: 3 };
            }
            CITY => facts.city.into(),
            UNIVERSITY => facts.university,
            MAJOR => facts.major.into(),
            _ => facts.company,
        };
        self.values[topic][usize::from(number)]
    }

    /// Numbers of a first, a middle and a last name.
    pub fn name_numbers(&self, ids: &[u16]) -> Option<[u32; 3]> {
        let [first, middle, last] = *<&[u16; 3]>::try_from(ids).ok()?;
        let number = |part: usize, id: u16| self.name_numbers[part].get(&id).copied();
        Some([number(0, first)?, number(1, middle)?, number(2, last)?])
    }

    /// Is this, in small letters, a first, middle or last name?
    pub fn is_name(&self, part: usize, word: &str) -> bool {
        self.spelled[part].contains(word)
    }

    /// Numbers of the values of an attribute with this text; none for no value. A city has the number of each company there.
    pub fn value_numbers(&self, attribute: usize, ids: &[u16]) -> &[u16] {
        self.value_numbers[attribute].get(ids).map_or(&[], Vec::as_slice)
    }
}

/// He, she, their, his, her.
pub fn is_pronoun(id: u16) -> bool {
    (HE..THEIR + 3).contains(&id)
}

/// All orders of the attributes, alphabetically.
fn orders() -> Vec<[u8; ATTRIBUTES]> {
    let digits = |mut number: usize| {
        std::array::from_fn::<u8, ATTRIBUTES, _>(|_| {
            let digit = (number % ATTRIBUTES) as u8;
            number /= ATTRIBUTES;
            digit
        })
    };
    let all = (0..ATTRIBUTES.pow(ATTRIBUTES as u32)).map(digits);
    let mut orders: Vec<_> = all.filter(|order| (0..ATTRIBUTES as u8).all(|topic| order.contains(&topic))).collect();
    orders.sort_unstable();
    orders
}

/// A date in tokens.
#[inline]
pub fn date(month: u8, day: u8, year: u8, day_first: bool) -> Phrase {
    let (month, day, year) = (MONTH + u16::from(month), DAY + u16::from(day), YEAR + u16::from(year));
    if day_first {
        Phrase { ids: [day, OF, month, COMMA, year, 0, 0, 0], len: 5 }
    } else {
        Phrase { ids: [month, day, COMMA, year, 0, 0, 0, 0], len: 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_have_their_sizes_and_no_entry_twice() {
        let texts = NAMES.into_iter().chain([CITIES, UNIVERSITIES, MAJORS, COMPANIES]).chain(TEMPLATES);
        let sizes = [400, 400, 1000, 200, 300, 100, 263];
        for (at, text) in texts.enumerate() {
            let lines: HashSet<&str> = text.lines().collect();
            assert_eq!(lines.len(), text.lines().count(), "list {at}");
            assert!(text.is_ascii() && text.ends_with('\n') && !text.contains('\r'), "list {at}");
            assert!(lines.iter().all(|line| line.split(' ').all(|word| !word.is_empty())), "list {at}");
            assert!(sizes.get(at).is_none_or(|&size| lines.len() == size), "list {at}: {}", lines.len());
        }
        let companies: HashSet<&str> = COMPANIES.lines().filter_map(|line| line.split("; ").next()).collect();
        assert_eq!(companies.len(), 263);
        for templates in &TEMPLATES[..ATTRIBUTES] {
            assert!(templates.lines().count() >= 45);
        }
    }

    #[test]
    fn every_sentence_has_its_slots() {
        for line in TEMPLATES.into_iter().flat_map(str::lines) {
            assert!(line.starts_with("{name}") && line.ends_with('.'), "{line}");
            assert_eq!(line.matches("{value}").count(), 1, "{line}");
            assert_eq!(line.matches('{').count(), 2 + line.matches("{their}").count(), "{line}");
            let words = line.replace("{their}", "");
            for pronoun in ["he", "she", "they", "their", "his", "her", "him", "them"] {
                assert!(words.split(' ').all(|word| word != pronoun), "{line}");
            }
        }
        for line in QUESTIONS.lines() {
            assert_eq!(line.matches("{name}").count(), 1, "{line}");
        }
        assert!(LISTS.questions.iter().all(|questions| questions.len() >= 5));
    }

    #[test]
    fn a_full_stop_only_ends_sentences() {
        let lists = &*LISTS;
        for phrase in lists.values.iter().flatten() {
            assert!(!phrase.ids().contains(&STOP));
        }
        for template in lists.templates.iter().flatten() {
            assert!(!template.before.contains(&STOP));
            assert_eq!(template.after.iter().position(|&id| id == STOP), Some(template.after.len() - 1));
        }
        assert!(lists.vocab.pieces()[3..].iter().all(|piece| piece.starts_with(' ') || piece.len() <= 2));
        for (id, piece) in [(STOP, "."), (OF, " of"), (THE, " The"), (HE, " He"), (THEIR_FIRST, " Their")] {
            assert_eq!(lists.vocab.piece(id), piece);
        }
        for (id, piece) in [(THEIR, " their"), (MONTH, " January"), (DAY, " 1"), (YEAR, " 1900"), (WORDS - 1, " 2099")]
        {
            assert_eq!(lists.vocab.piece(id), piece);
        }
    }
}
