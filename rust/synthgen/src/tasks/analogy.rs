//! Analogy: animals and what their young are called, then an animal; or pairs of words that mean nothing, one asked again.
//!
//! Source: the analogies of the copy-task experiment, one of its four downstream tasks, over a longer list. With
//! `variant="knowledge"` the answer stands nowhere in the context: it tests what a model knows. With
//! `variant="in_context"` the pairs are random and the question repeats one of them: it tests retrieval.
//!
//! ```text
//! dog:puppy, cow:calf, frog:tadpole, cat:kitten
//! river:lamp, chair:cloud, paper:stone, chair:cloud
//! ```

mod instructions;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::reading::{Flaw, Form, Reading};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::fewshot::{self, MAX_EXAMPLES, Piece, Scan, hash, is_train, is_word};
use crate::sampling::symbols;
use crate::task::Task;
use crate::vocab::Vocab;
use crate::{choice, object, params};

/// Animals and their young, the best known first.
#[rustfmt::skip]
const ANIMALS: [[&str; 2]; 56] = [
    ["dog", "puppy"], ["cat", "kitten"], ["cow", "calf"], ["horse", "foal"], ["sheep", "lamb"], ["pig", "piglet"],
    ["hen", "chick"], ["duck", "duckling"], ["goat", "kid"], ["bear", "cub"], ["deer", "fawn"], ["frog", "tadpole"],
    ["goose", "gosling"], ["butterfly", "caterpillar"], ["wolf", "pup"], ["rabbit", "kit"], ["kangaroo", "joey"],
    ["swan", "cygnet"], ["owl", "owlet"], ["lion", "cub"], ["elephant", "calf"], ["eagle", "eaglet"], ["donkey", "foal"],
    ["bee", "larva"], ["whale", "calf"], ["tiger", "cub"], ["seal", "pup"], ["turtle", "hatchling"], ["fox", "kit"],
    ["zebra", "foal"], ["turkey", "poult"], ["fish", "fry"], ["penguin", "chick"], ["koala", "joey"], ["hare", "leveret"],
    ["spider", "spiderling"], ["pigeon", "squab"], ["hedgehog", "hoglet"], ["crocodile", "hatchling"],
    ["beaver", "kit"], ["bat", "pup"], ["llama", "cria"], ["alpaca", "cria"], ["dragonfly", "nymph"],
    ["grasshopper", "nymph"], ["fly", "maggot"], ["eel", "elver"], ["platypus", "puggle"], ["echidna", "puggle"],
    ["puffin", "puffling"], ["salmon", "parr"], ["hawk", "eyas"], ["oyster", "spat"], ["mosquito", "wriggler"],
    ["cod", "codling"], ["jellyfish", "ephyra"],
];
/// Words of the other variant; none is an animal or the name of a young one.
#[rustfmt::skip]
const WORDS: [&str; POOL] = [
    "apple", "anchor", "basket", "bell", "book", "bottle", "bread", "bridge", "brush", "button", "candle", "carpet",
    "castle", "chair", "clock", "cloud", "coin", "cotton", "cup", "desk", "door", "drum", "engine", "feather", "fence",
    "flag", "flute", "forest", "garden", "glass", "hammer", "harbor", "island", "jacket", "kettle", "ladder", "lamp",
    "letter", "lemon", "meadow", "mirror", "moon", "needle", "orange", "paper", "pencil", "pepper", "piano", "pillow",
    "plate", "pocket", "river", "road", "rope", "salt", "shelf", "silver", "spoon", "stone", "table", "tower", "train",
    "valley", "window",
];
const POOL: usize = 64;

choice! {
    /// What a prompt is made of.
    pub enum Variant {
        /// Animals and their young; the question is about an animal that is not shown.
        Knowledge = "knowledge",
        /// Random pairs of words; the question repeats the first word of one.
        InContext = "in_context",
    }
}

params! {
    /// Parameters of Analogy.
    pub struct Params {
        /// Animals and their young, or random pairs of words of which one is asked again.
        variant: Variant = Variant::Knowledge;
        /// Pairs shown before the question.
        num_examples: u32 = 3 => 0..=32;
        /// Animals to draw from, the best known first; with variant="knowledge".
        num_animals: u32 = 56 => 2..=56;
        /// Words to draw from; with variant="in_context".
        num_words: u32 = 64 => 4..=64;
    }
}

/// Analogy with checked parameters.
pub struct Analogy {
    params: Params,
    /// Animals of the train split, or by word the partners with which it is a key of the train split.
    train: Vec<u64>,
    written: &'static Written,
}

/// Shown pairs and the pair asked about, as numbers of words; an animal stands for its pair.
#[derive(Default)]
pub struct Instance {
    shown: Vec<[u8; 2]>,
    query: [u8; 2],
    /// How many pairs from the end the pair asked about is shown, 0 if it is not.
    distance: usize,
}

struct Written {
    pairs: Vec<Piece<24>>,
    animals: Vec<Piece<16>>,
    young: Vec<Piece<16>>,
    words: Vec<Piece<16>>,
    partners: Vec<Piece<16>>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| Written {
    pairs: ANIMALS.iter().map(|[animal, young]| Piece::new(&format!("{animal}:{young}, "))).collect(),
    animals: ANIMALS.iter().map(|[animal, _]| Piece::new(&format!("{animal}:"))).collect(),
    young: ANIMALS.iter().map(|[_, young]| Piece::new(young)).collect(),
    words: WORDS.iter().map(|word| Piece::new(&format!("{word}:"))).collect(),
    partners: WORDS.iter().map(|word| Piece::new(&format!("{word}, "))).collect(),
});

/// The key of a pair of words; that of an animal is its number.
#[inline]
fn fact([word, partner]: [u8; 2]) -> u64 {
    1 << 16 | u64::from(word) << 8 | u64::from(partner)
}

impl Task for Analogy {
    const NAME: &'static str = "analogy";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str =
        "Few-shot analogies: an animal and its young, or a random pair of words shown before.";
    const SALT: u64 = 0x616E_616C_0000_0370;
    const SPLIT_KEY: &'static str =
        "the animal asked about, or both words of the pair asked about; what else is shown left out";
    const AXES: &'static [&'static str] = &["rank"];
    const LEADS: &'static [&'static str] = &["a", "an", "word", "animal", "baby", "young", "called"];
    const STOPS: &'static [&'static str] = &["\n", ", "];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let trains = |facts: &mut dyn Iterator<Item = u64>| {
            facts.enumerate().fold(0, |set, (i, fact)| set | u64::from(is_train(Self::SALT, fact)) << i)
        };
        let (train, most) = match p.variant {
            Variant::Knowledge => {
                let train = trains(&mut (0..u64::from(p.num_animals)));
                // One of them may be asked about.
                (vec![train], train.count_ones().saturating_sub(1))
            }
            Variant::InContext => {
                let n = p.num_words as u8;
                let train: Vec<u64> = (0..n)
                    .map(|word| trains(&mut (0..n).map(|partner| fact([word, partner]))) & !(1 << word))
                    .collect();
                // Every word keeps a partner until the last pair, so that drawing never comes to a dead end.
                let kept = train.iter().map(|partners| partners.count_ones()).min().unwrap_or_default();
                (train, kept.div_ceil(2).min(p.num_words / 2))
            }
        };
        let fewest = u32::from(p.variant == Variant::InContext);
        if !(fewest..=most.max(fewest)).contains(&p.num_examples) {
            let allowed =
                format!("allowed: {fewest}..={} here; draw from more animals or words, or show less", most.max(fewest));
            return Err(Error::param(Self::NAME, "num_examples", p.num_examples, allowed));
        }
        Ok(Self { params, train, written: &WRITTEN })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        Params { num_animals: [12, 24, 56][usize::from(level) - 1], ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { num_examples: 0, num_animals: 2, ..Params::default() };
        [small, Params { variant: Variant::InContext, num_examples: 24, ..Params::default() }]
    }

    fn wider(params: &Params) -> Option<Params> {
        let mut wider = params.clone();
        match params.variant {
            Variant::Knowledge => wider.num_animals = (wider.num_animals + 1).min(56),
            Variant::InContext => wider.num_words = (wider.num_words + 1).min(64),
        }
        (wider != *params).then_some(wider)
    }

    fn drawn(params: &Params) -> Params {
        let default = Params::default();
        match params.variant {
            Variant::Knowledge => Params { num_words: default.num_words, ..params.clone() },
            Variant::InContext => Params { num_animals: default.num_animals, ..params.clone() },
        }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        // "grasshopper:nymph, " and "butterfly:caterpillar".
        let (shown, asked) = match self.params.variant {
            Variant::Knowledge => (23, 21),
            Variant::InContext => (16, 14),
        };
        2 + self.params.num_examples as usize * shown + asked
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let count = self.params.num_examples as usize;
        it.shown.clear();
        rng.in_registers(|rng| match self.params.variant {
            Variant::Knowledge => self.draw_animals(rng, it, count),
            Variant::InContext => self.draw_words(rng, it, count),
        });
    }

    fn content(&self, it: &Instance) -> u64 {
        match self.params.variant {
            Variant::Knowledge => hash(Self::SALT, u64::from(it.query[0])),
            Variant::InContext => hash(Self::SALT, fact(it.query)),
        }
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let w = self.written;
        let [word, partner] = it.query.map(usize::from);
        fewshot::write_row(row, self.max_len(), |pen| match self.params.variant {
            Variant::Knowledge => {
                for &[animal, _] in &it.shown {
                    pen.write(&w.pairs[usize::from(animal)]);
                }
                let question = pen.here();
                pen.write(&w.animals[word]);
                let answer = pen.here();
                pen.write(&w.young[word]);
                [question, answer]
            }
            Variant::InContext => {
                for &[word, partner] in &it.shown {
                    pen.write(&w.words[usize::from(word)]);
                    pen.write(&w.partners[usize::from(partner)]);
                }
                let question = pen.here();
                pen.write(&w.words[word]);
                let answer = pen.here();
                pen.write_without(&w.partners[partner], 2);
                [question, answer]
            }
        });
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let variant = self.params.variant;
        let spell = move |[word, partner]: [u8; 2]| match variant {
            Variant::Knowledge => ANIMALS[usize::from(word)],
            Variant::InContext => [WORDS[usize::from(word)], WORDS[usize::from(partner)]],
        };
        let [query, answer] = spell(it.query);
        object! {
            "answer": answer,
            "examples": list(it.shown.iter().map(move |&pair| spell(pair))),
            "measured": object! {
                "distance"?: (variant == Variant::InContext).then_some(it.distance),
                "rank"?: (variant == Variant::Knowledge).then_some(u32::from(it.query[0]) + 1),
            },
            "query": query,
        }
    }

    fn is_answer(text: &str) -> bool {
        is_word(text)
    }

    /// Any word has the form of an answer.
    fn mentions(text: &str) -> bool {
        ANIMALS.iter().flatten().chain(&WORDS).any(|word| word.eq_ignore_ascii_case(text))
    }

    fn subjects(prompt: &str) -> Vec<String> {
        let last = prompt.rsplit(", ").next().and_then(|pair| pair.trim().strip_suffix(':'));
        last.map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let text = fewshot::characters(ids)?;
        let mut first = Scan::new(&text);
        let known = first.word(WORDS, "").is_ok();
        let in_context = rules.map_or(known, |task| task.params.variant == Variant::InContext);
        if in_context { read_words(rules, ids, &text, form) } else { read_animals(rules, ids, form) }
    }
}

impl Analogy {
    #[inline]
    fn draw_animals(&self, rng: &mut TaskRng, it: &mut Instance, count: usize) {
        let n = self.params.num_animals;
        let [query, mut a, mut b, mut c] = rng.below_each([n; 4]);
        it.query = [query as u8; 2];
        it.distance = 0;
        let mut free = self.train[0] & !(1 << query);
        loop {
            for animal in [a, b, c] {
                if it.shown.len() == count {
                    return;
                }
                if free >> animal & 1 == 1 {
                    free &= !(1 << animal);
                    it.shown.push([animal as u8; 2]);
                }
            }
            [a, b, c] = rng.below_each([n; 3]);
        }
    }

    #[inline]
    fn draw_words(&self, rng: &mut TaskRng, it: &mut Instance, count: usize) {
        let n = self.params.num_words;
        // The second of a pair skips the first.
        let pair = |word: u32, other: u32| [word as u8, (other + u32::from(other >= word)) as u8];
        let [word, other, place] = rng.below_each([n, n - 1, count as u32]);
        it.query = pair(word, other);
        it.distance = count - place as usize;
        let mut used = 1u64 << it.query[0] | 1 << it.query[1];
        while it.shown.len() + 1 < count {
            let [a, b, c, d, e, f] = rng.below_each([n, n - 1, n, n - 1, n, n - 1]);
            for drawn in [pair(a, b), pair(c, d), pair(e, f)] {
                let both = 1u64 << drawn[0] | 1 << drawn[1];
                if used & both == 0
                    && self.train[usize::from(drawn[0])] >> drawn[1] & 1 == 1
                    && it.shown.len() + 1 < count
                {
                    used |= both;
                    it.shown.push(drawn);
                }
            }
        }
        it.shown.push(it.query);
        it.shown.swap(place as usize, count - 1);
    }
}

fn read_animals(rules: Option<&Analogy>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
    let pool = rules.map_or(ANIMALS.len(), |task| task.params.num_animals as usize);
    let wanted = rules.map(|task| task.params.num_examples);
    fewshot::read_shots(ids, form, Analogy::SALT, wanted, |scan| {
        let animal = scan.word(ANIMALS[..pool].iter().map(|pair| pair[0]), "an animal")?;
        scan.expect(":")?;
        Ok((animal as u64, ANIMALS[animal][1].to_owned()))
    })
}

fn read_words(rules: Option<&Analogy>, ids: &[u16], text: &str, form: Form) -> Result<Reading, Flaw> {
    let pool = rules.map_or(POOL, |task| task.params.num_words as usize);
    let pool = || WORDS[..pool].iter().copied();
    let mut scan = Scan::new(text);
    let mut shown: Vec<(usize, usize, usize)> = Vec::new();
    let (asked, partner) = loop {
        let at = scan.at();
        let word = scan.word(pool(), "a word")?;
        scan.expect(":")?;
        // A word seen before is the question, and only there may one come again.
        if let Some(&(_, _, partner)) = shown.iter().find(|&&(_, other, _)| other == word) {
            break (word, partner);
        }
        let partner = scan.word(pool(), "a word")?;
        scan.expect(", ")?;
        let seen = |one: usize| shown.iter().any(|&(_, a, b)| a == one || b == one);
        if word == partner || seen(word) || seen(partner) {
            return Err(Flaw::at(at, "a word occurs twice"));
        }
        shown.push((at, word, partner));
    };
    let key = |word: usize, partner: usize| fact([word as u8, partner as u8]);
    let others = shown.iter().filter(|&&(_, word, _)| word != asked);
    if let Some((at, ..)) = others.clone().find(|&&(_, word, partner)| !is_train(Analogy::SALT, key(word, partner))) {
        return Err(Flaw::at(*at, "a pair that is not asked about is not of the train split"));
    }
    let count = shown.len();
    match rules.map(|task| task.params.num_examples as usize) {
        Some(wanted) if wanted != count => scan.fail(format!("{count} pairs, wanted {wanted}")),
        _ if count > MAX_EXAMPLES => scan.fail("more pairs than any parameters allow"),
        _ => scan.finish(ids, WORDS[partner], form, hash(Analogy::SALT, key(asked, partner))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::fewshot::shares;

    #[test]
    fn small_spaces_have_keys_in_every_split() {
        for (animals, wanted) in [(9, [7, 1, 1]), (12, [10, 1, 1]), (24, [22, 1, 1]), (56, [50, 3, 3])] {
            assert_eq!(shares(Analogy::SALT, 0..animals), wanted, "{animals} animals");
        }
    }

    #[test]
    fn words_and_animals_are_told_apart() {
        let animals: Vec<&str> = ANIMALS.iter().flatten().copied().collect();
        assert!(WORDS.iter().all(|word| !animals.contains(word)));
        let distinct: std::collections::BTreeSet<_> = WORDS.iter().collect();
        assert_eq!(distinct.len(), POOL);
    }
}
