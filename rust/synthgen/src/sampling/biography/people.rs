//! Persons without a table: person `p` of a seed is computed, name and facts, in constant time.

use super::lists::LISTS;
use super::{ATTRIBUTES, TOPICS};
use crate::rng::{Index, StreamKey, TaskRng};
use crate::sampling::bijection::Bijection;

/// Sizes of the lists of first, middle and last names.
pub const NAME_SIZES: [u32; 3] = [400, 400, 1000];
/// Full names there are.
pub const FULL_NAMES: u32 = NAME_SIZES[0] * NAME_SIZES[1] * NAME_SIZES[2];
/// Months, days, years, cities, universities, majors, companies, pronouns.
pub const FACT_SIZES: [u32; 8] = [12, 28, 200, 200, 300, 100, 263, 2];
/// Orders of six sentences.
pub const ORDERS: u32 = 720;
/// Where the text numbers of a person begin among its generators: 0 belongs to the names, 1 to the facts.
const FIRST_TEXT: u32 = 2;

/// What is there to be known about so many people, in bits: who they are, and their facts. A lower bound on what a model
/// has stored that writes all biographies right (Allen-Zhu and Li, Physics of Language Models Part 3.3).
pub fn capacity(people: u32) -> f64 {
    let facts: f64 = FACT_SIZES.iter().map(|&size| f64::from(size)).product();
    let people = f64::from(people);
    people * ((f64::from(FULL_NAMES) / people).log2() + facts.log2())
}

/// A full name, by the numbers of its parts.
pub type Name = [u32; 3];

/// What is told about a person, by numbers within the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Month of birth, from 0.
    pub month: u8,
    /// Day of birth, from 0.
    pub day: u8,
    /// Year of birth, from 0.
    pub year: u8,
    /// City of birth.
    pub city: u8,
    /// University.
    pub university: u16,
    /// Field of study.
    pub major: u8,
    /// Employer, which has its city.
    pub company: u16,
    /// She, or he?
    pub she: bool,
}

/// Which sentences tell about someone, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// Sentence on each topic.
    pub templates: [u8; ATTRIBUTES + 1],
    /// Which of the orders.
    pub order: u16,
}

impl Wording {
    /// Uniform and independent in every part.
    #[inline]
    pub fn draw(rng: &mut TaskRng, sizes: &[u32; TOPICS.len()]) -> Self {
        let [a, b, c, d, e, f, g] = *sizes;
        let [a, b, c, d, e, f, g, order] = rng.below_each([a, b, c, d, e, f, g, ORDERS]);
        Self { templates: [a, b, c, d, e, f, g].map(|t| t as u8), order: order as u16 }
    }
}

/// All people of one seed.
#[derive(Clone, Debug)]
pub struct People {
    stream: StreamKey,
    names: Bijection,
    wordings: [u32; TOPICS.len()],
}

impl People {
    /// The people of a seed: person `p` is the same however many are used.
    pub fn new(seed: u32) -> Self {
        let stream = StreamKey::new("people", "", seed.into(), 0);
        let names = Bijection::new(&mut stream.rng(0.into(), 0), FULL_NAMES);
        Self { stream, names, wordings: std::array::from_fn(|topic| LISTS.templates[topic].len() as u32) }
    }

    /// Sizes of the lists of sentences.
    pub fn wordings(&self) -> &[u32; TOPICS.len()] {
        &self.wordings
    }

    fn rng(&self, person: u32, sub: u32) -> TaskRng {
        self.stream.rng(Index { row: person.into(), sub }, 0)
    }

    /// The name of a person; no two persons share it.
    #[inline]
    pub fn name(&self, person: u32) -> Name {
        let number = self.names.apply(person);
        [number / (NAME_SIZES[1] * NAME_SIZES[2]), number / NAME_SIZES[2] % NAME_SIZES[1], number % NAME_SIZES[2]]
    }

    /// Whose name it is.
    pub fn named(&self, [first, middle, last]: Name) -> u32 {
        self.names.invert((first * NAME_SIZES[1] + middle) * NAME_SIZES[2] + last)
    }

    /// The facts about a person: uniform and independent.
    #[inline]
    pub fn facts(&self, person: u32) -> Facts {
        let [month, day, year, city, university, major, company, she] = self.rng(person, 1).below_each(FACT_SIZES);
        Facts {
            month: month as u8,
            day: day as u8,
            year: year as u8,
            city: city as u8,
            university: university as u16,
            major: major as u8,
            company: company as u16,
            she: she == 1,
        }
    }

    /// The wording of a person's text of this number.
    pub fn wording(&self, person: u32, text: u32) -> Wording {
        Wording::draw(&mut self.rng(person, FIRST_TEXT + text), &self.wordings)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_lead_back() {
        let people = People::new(0);
        let names: HashSet<Name> = (0..200_000).map(|person| people.name(person)).collect();
        assert_eq!(names.len(), 200_000);
        assert!(names.iter().all(|name| (0..3).all(|part| name[part] < NAME_SIZES[part])));
        assert!((0..20_000).all(|person| people.named(people.name(person)) == person));
    }

    #[test]
    fn values_are_stable() {
        let people = People::new(0);
        let names = (people.name(0), people.name(1_999_999));
        assert_eq!((names, people.facts(7), people.wording(7, 0)), (VALUE_NAMES, VALUE_FACTS, VALUE_WORDING));
        assert_ne!(People::new(1).facts(7), VALUE_FACTS);
    }

    const VALUE_NAMES: (Name, Name) = ([330, 188, 743], [147, 108, 900]);
    const VALUE_FACTS: Facts =
        Facts { month: 11, day: 17, year: 80, city: 12, university: 21, major: 13, company: 94, she: true };
    const VALUE_WORDING: Wording = Wording { templates: [8, 25, 35, 6, 37, 38, 9], order: 311 };

    /// Only then has a biography one right name at its end (`reverse`), and a prompt one right answer.
    #[test]
    fn no_two_people_of_the_first_seed_share_all_facts() {
        let people = People::new(0);
        let key = |person: u32| {
            let f = people.facts(person);
            let date = (u64::from(f.month) * 28 + u64::from(f.day)) * 200 + u64::from(f.year);
            let rest = (u64::from(f.city) * 300 + u64::from(f.university)) * 100 + u64::from(f.major);
            (date * 6_000_000 + rest) * 263 + u64::from(f.company)
        };
        let mut keys: Vec<u64> = (0..2_000_000).map(key).collect();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
