//! Facts: who lives where, then a question about one of them.
//!
//! Source: the fact retrieval of the copy-task experiment, one of its four downstream tasks, over larger pools. It tests
//! retrieval: who lives where is random, so the answer stands in the context and nowhere else.
//!
//! ```text
//! Mary lives in Oslo. Peter lives in Rome. Where does Mary live? Oslo
//! ```

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::object;
use crate::params;
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::fewshot::{self, Piece, Scan, hash, is_train, is_word};
use crate::sampling::prose::counted;
use crate::sampling::symbols;
use crate::score::forms;
use crate::task::Task;
use crate::vocab::Vocab;

/// The first six of each serve for a pool of the original's size.
#[rustfmt::skip]
const NAMES: [&str; POOL] = [
    "John", "Mary", "Peter", "Anna", "Tom", "Lucy", "Paul", "Emma", "Mark", "Sara", "David", "Julia", "Simon", "Laura",
    "Adam", "Clara", "James", "Alice", "Oliver", "Nora", "Henry", "Grace", "Leo", "Ruth", "Martin", "Helen", "Oscar",
    "Irene", "Victor", "Diana", "Hugo", "Eva", "Felix", "Rosa", "Walter", "Sophie", "Arthur", "Maya", "George", "Lena",
    "Philip", "Vera", "Edgar", "Nina", "Robert", "Olga", "Daniel", "Marta", "Samuel", "Tina", "Jacob", "Wanda", "Frank",
    "Elsa", "Ivan", "Carmen", "Louis", "Petra", "Kevin", "Ingrid", "Ralph", "Judith", "Boris", "Fiona",
];
#[rustfmt::skip]
const CITIES: [&str; POOL] = [
    "Paris", "London", "Rome", "Tokyo", "Oslo", "Cairo", "Berlin", "Madrid", "Vienna", "Prague", "Lisbon", "Dublin",
    "Athens", "Warsaw", "Budapest", "Helsinki", "Stockholm", "Brussels", "Geneva", "Zurich", "Milan", "Naples", "Venice",
    "Seville", "Porto", "Lyon", "Hamburg", "Munich", "Krakow", "Riga", "Vilnius", "Tallinn", "Sofia", "Istanbul",
    "Moscow", "Kiev", "Delhi", "Mumbai", "Bangkok", "Hanoi", "Seoul", "Osaka", "Kyoto", "Sydney", "Perth", "Auckland",
    "Toronto", "Montreal", "Boston", "Chicago", "Denver", "Seattle", "Dallas", "Lima", "Bogota", "Quito", "Havana",
    "Nairobi", "Lagos", "Tunis", "Accra", "Dakar", "Manila", "Jakarta",
];

/// Names and cities of the full pools: a set of either is one word.
const POOL: usize = 64;

params! {
    /// Parameters of Facts.
    pub struct Params {
        /// Facts in a row, each about another name and another city.
        num_facts: Span = Span::new(4, 4) => 1..=32;
        /// Names to draw from: the first of the list.
        num_names: u32 = 64 => 2..=64;
        /// Cities to draw from: the first of the list.
        num_cities: u32 = 64 => 2..=64;
    }
}

/// Facts with checked parameters.
pub struct Facts {
    params: Params,
    /// By name, the cities with which it is a key of the train split.
    train: [u64; POOL],
    written: &'static Written,
}

/// The question and the facts, in order, as numbers of name and city.
#[derive(Default)]
pub struct Instance {
    facts: Vec<[u8; 2]>,
    asked: usize,
}

struct Written {
    lives: Vec<Piece<24>>,
    city: Vec<Piece<16>>,
    question: Vec<Piece<32>>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| Written {
    lives: NAMES.iter().map(|name| Piece::new(&format!("{name} lives in "))).collect(),
    city: CITIES.iter().map(|city| Piece::new(&format!("{city}. "))).collect(),
    question: NAMES.iter().map(|name| Piece::new(&format!("Where does {name} live? "))).collect(),
});

#[inline]
fn fact([name, city]: [u8; 2]) -> u64 {
    u64::from(name) << 8 | u64::from(city)
}

impl Task for Facts {
    const NAME: &'static str = "facts";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Fact retrieval: where somebody lives, said once among other facts.";
    const SALT: u64 = 0x6661_6374_0000_0022;
    const SPLIT_KEY: &'static str = "name and city of the fact that is asked about; the other facts left out";
    const AXES: &'static [&'static str] = &["num_facts", "distance"];
    const TRIM: bool = false;
    const LEADS: &'static [&'static str] = &["city", "in", "he", "she", "they", "lives", "live"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let mut train = [0; POOL];
        for (name, cities) in (0..p.num_names as u8).zip(&mut train) {
            for city in 0..p.num_cities as u8 {
                *cities |= u64::from(is_train(Self::SALT, fact([name, city]))) << city;
            }
        }
        // Every name keeps a train city until the last fact, so that drawing never comes to a dead end.
        let kept = train[..p.num_names as usize].iter().map(|cities| cities.count_ones()).min().unwrap_or_default();
        let most = kept.min(p.num_names);
        if p.num_facts.hi > most.max(1) {
            let allowed = format!(
                "allowed: at most {} with num_names = {} and num_cities = {}; ask for fewer facts or raise both",
                most.max(1),
                p.num_names,
                p.num_cities
            );
            return Err(Error::param(
                Self::NAME,
                "num_facts",
                format!("[{},{}]", p.num_facts.lo, p.num_facts.hi),
                allowed,
            ));
        }
        Ok(Self { params, train, written: &WRITTEN })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let num_facts = [4, 8, 16][usize::from(level) - 1];
        Params { num_facts: Span::new(num_facts, num_facts), ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { num_facts: Span::new(1, 1), num_names: 2, num_cities: 2 };
        [small, Params { num_facts: Span::new(1, 32), ..Params::default() }]
    }

    fn wider(params: &Params) -> Option<Params> {
        let (names, cities) = (params.num_names, params.num_cities);
        let num_names = if names <= cities { (names + 1).min(64) } else { names };
        let num_cities = if names <= cities { cities } else { cities + 1 };
        let wider = Params { num_names, num_cities, ..params.clone() };
        (wider != *params && num_cities <= 64).then_some(wider)
    }

    fn instructions(&self) -> String {
        let facts = self.params.num_facts;
        let each = if facts.hi > 1 { ", each about another person and another city" } else { "" };
        format!(
            "The prompt tells where people live, in {} of the form `NAME lives in CITY.`{each}, and then asks `Where \
             does NAME live?` about a person that was named. Who lives where is invented: take it from the prompt \
             alone, not from what is known of people or cities. Find the sentence about the person of the question \
             and give the city that it names. The answer is the name of this city alone, spelled as in the sentence, \
             without a full stop or other words.",
            counted(facts, "sentence", "sentences"),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        let w = self.written;
        let longest = |lens: &mut dyn Iterator<Item = usize>| lens.max().unwrap_or_default();
        let lives = longest(&mut w.lives.iter().map(Piece::len));
        let city = longest(&mut w.city.iter().map(Piece::len));
        let question = longest(&mut w.question.iter().map(Piece::len));
        2 + self.params.num_facts.hi as usize * (lives + city) + question + city - 2
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let (n, c) = (p.num_names, p.num_cities);
        it.facts.clear();
        let facts = &mut it.facts;
        let asked = &mut it.asked;
        rng.in_registers(|rng| {
            let widths = p.num_facts.hi - p.num_facts.lo + 1;
            let [name, city, more] = rng.below_each([n, c, widths]);
            let count = p.num_facts.lo + more;
            let query = [name as u8, city as u8];
            let (mut names, mut cities) = (1u64 << name, 1u64 << city);
            let mut add = |[name, city]: [u32; 2]| {
                let free = (names >> name | cities >> city) & 1 == 0 && self.train[name as usize] >> city & 1 == 1;
                if free {
                    facts.push([name as u8, city as u8]);
                    names |= 1 << name;
                    cities |= 1 << city;
                }
                facts.len() + 1 >= count as usize
            };
            let mut done = count == 1;
            let mut place = 0;
            while !done {
                let [a, b, c, d, e, f, at] = rng.below_each([n, c, n, c, n, c, count]);
                place = at;
                done = add([a, b]) || add([c, d]) || add([e, f]);
            }
            *asked = place as usize;
            facts.push(query);
            let last = facts.len() - 1;
            facts.swap(*asked, last);
        });
    }

    fn content(&self, it: &Instance) -> u64 {
        hash(Self::SALT, fact(it.facts[it.asked]))
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let w = self.written;
        // A fact is a piece of 24 and one of 16, the question one of 32.
        fewshot::write_row(row, 40 * it.facts.len() + 48, |pen| {
            for &[name, city] in &it.facts {
                pen.write(&w.lives[usize::from(name)]);
                pen.write(&w.city[usize::from(city)]);
            }
            let [name, city] = it.facts[it.asked].map(usize::from);
            let question = pen.here();
            pen.write(&w.question[name]);
            let answer = pen.here();
            pen.write_without(&w.city[city], 2);
            [question, answer]
        });
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let spell = |&[name, city]: &[u8; 2]| [NAMES[usize::from(name)], CITIES[usize::from(city)]];
        let [name, city] = spell(&it.facts[it.asked]);
        let count = it.facts.len();
        object! {
            "answer": city,
            "facts": list(it.facts.iter().map(spell)),
            "measured": object! { "distance": count - it.asked, "num_facts": count },
            "query": name,
        }
    }

    fn is_answer(text: &str) -> bool {
        is_word(text)
    }

    /// Any word has the form of an answer.
    fn mentions(text: &str) -> bool {
        CITIES.iter().any(|city| city.eq_ignore_ascii_case(text))
    }

    fn subjects(prompt: &str) -> Vec<String> {
        forms::asked(prompt, "Where does ", "live?").map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let (names, cities, counts) = rules.map_or((POOL, POOL, Span::new(1, 32)), |Self { params: p, .. }| {
            (p.num_names as usize, p.num_cities as usize, p.num_facts)
        });
        let text = fewshot::characters(ids)?;
        let mut scan = Scan::new(&text);
        let mut told: Vec<(usize, usize, usize)> = Vec::new();
        while !scan.accept("Where does ") {
            let at = scan.at();
            let name = scan.word(NAMES[..names].iter().copied(), "a name")?;
            scan.expect(" lives in ")?;
            let city = scan.word(CITIES[..cities].iter().copied(), "a city")?;
            scan.expect(". ")?;
            if told.iter().any(|&(_, n, c)| n == name || c == city) {
                return Err(Flaw::at(at, "a name or a city occurs twice"));
            }
            told.push((at, name, city));
        }
        if !counts.contains(told.len() as u32) {
            return scan.fail(format!("{} facts; allowed: {}..={}", told.len(), counts.lo, counts.hi));
        }
        let at = scan.at();
        let asked = scan.word(NAMES, "a name")?;
        scan.expect(" live? ")?;
        let Some(&(_, _, home)) = told.iter().find(|&&(_, name, _)| name == asked) else {
            return Err(Flaw::at(at, "nothing was said about this name"));
        };
        let key = |name: usize, city: usize| fact([name as u8, city as u8]);
        if let Some(&(at, ..)) =
            told.iter().find(|&&(_, name, city)| name != asked && !is_train(Self::SALT, key(name, city)))
        {
            return Err(Flaw::at(at, "a fact that is not asked about is not of the train split"));
        }
        scan.finish(ids, CITIES[home], form, hash(Self::SALT, key(asked, home)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::fewshot::shares;

    #[test]
    fn small_spaces_have_keys_in_every_split() {
        let of = |n: u8| (0..n).flat_map(move |name| (0..n).map(move |city| fact([name, city])));
        assert_eq!(shares(Facts::SALT, of(6)), [32, 2, 2], "the original's pools");
        for num_facts in [Span::new(4, 4), Span::new(1, 5)] {
            assert!(Facts::new(Params { num_facts, num_names: 6, num_cities: 6 }).is_ok());
        }
    }

    #[test]
    fn names_and_cities_are_distinct() {
        for list in [NAMES, CITIES] {
            assert_eq!(list.iter().collect::<std::collections::BTreeSet<_>>().len(), POOL);
        }
    }
}
