//! Key-value retrieval: pairs of a key and a value, and one key again.
//!
//! Source: key-value retrieval of the copy-task experiment. It tests whether a model can find a place by its content and
//! read what stands beside it.
//!
//! ```text
//! <s> <key> k1 <val> v1 ... <key> kn <val> vn <key> q <val> v </s>
//! ```

use serde::Serialize;

use crate::error::Error;
use crate::object;
use crate::params;
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::prose::counted;
use crate::sampling::strings::{
    Deck, check_keys, check_number, content_of_pairs, draw, finish, read_answer, read_symbol,
};
use crate::sampling::symbols::{self, FIRST, KEY, REGULAR, VAL};
use crate::task::Task;
use crate::vocab::{BOS, Vocab};

params! {
    /// Parameters of key-value retrieval.
    pub struct Params {
        /// Pairs of a key and a value.
        num_pairs: Span = Span::new(2, 5) => 2..=500;
        /// Keys and values come from the first so many of the 500 regular symbols.
        num_symbols: u32 = 500 => 2..=500;
    }
}

/// Pairs, as they are written, and the place of the one asked about.
#[derive(Default)]
pub struct Instance {
    pairs: Vec<[u16; 4]>,
    asked: usize,
    keys: Deck,
    values: Vec<u16>,
}

/// Key-value retrieval with checked parameters.
pub struct Kv {
    params: Params,
}

impl Task for Kv {
    const NAME: &'static str = "kv";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Key-value retrieval: the value that stands beside a key.";
    const SALT: u64 = 0x6B76_0000_0000_0001;
    const SPLIT_KEY: &'static str = "the set of pairs; their order and the query left out";
    const AXES: &'static [&'static str] = &["pairs"];
    const TRIM: bool = false;
    const FOLD_CASE: bool = false;
    const LEADS: &'static [&'static str] = &["symbol"];
    const STOPS: &'static [&'static str] = &["\n", "⟨key⟩"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        check_keys(Self::NAME, params.num_pairs, params.num_symbols)?;
        Ok(Self { params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    /// Rows fit frames of 64 (the copy experiment's own), 128 and 256 tokens.
    fn preset(level: u8) -> Params {
        let num_pairs = [Span::new(6, 14), Span::new(16, 30), Span::new(32, 62)][usize::from(level) - 1];
        Params { num_pairs, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        [(2, 2), (500, 500)].map(|(pairs, num_symbols)| Params { num_pairs: Span::new(pairs, pairs), num_symbols })
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_symbols = params.num_symbols + 1;
        (num_symbols <= 500).then(|| Params { num_symbols, ..params.clone() })
    }

    fn instructions(&self) -> String {
        let Params { num_pairs, num_symbols } = self.params;
        format!(
            "The prompt begins with {} of a key and a value, one directly after another. A pair is written as the \
             mark ⟨key⟩, one symbol, which is the key, the mark ⟨val⟩, and one symbol, which is the value. {} No two \
             pairs have the same key; values may repeat, and a symbol may be a key in one pair and a value in \
             another. The prompt ends with the mark ⟨key⟩, one of these keys again, and the mark ⟨val⟩. Give the \
             value that stands beside this key in its pair. The answer is that one symbol, exactly as it is written \
             there, and nothing else.",
            counted(num_pairs, "pair", "pairs"),
            symbols::in_words(num_symbols),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        4 * self.params.num_pairs.hi as usize + 6
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let Params { num_pairs: Span { lo, hi }, num_symbols } = self.params;
        let n = rng.between(lo, hi);
        it.asked = rng.below(n) as usize;
        draw(rng, num_symbols, n as usize, &mut it.values);
        let (keys, _) = it.keys.deal(rng, num_symbols as usize, n as usize);
        it.pairs.clear();
        it.pairs.extend(keys.iter().zip(&it.values).map(|(&key, &value)| [KEY, FIRST + key, VAL, value]));
    }

    fn content(&self, it: &Instance) -> u64 {
        content_of_pairs(Self::SALT, it.pairs.iter().map(|&[_, key, _, value]| (key, value)))
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        row.extend(it.pairs.as_flattened());
        let start = row.here();
        let [_, key, _, value] = it.pairs[it.asked];
        row.extend(&[KEY, key, VAL]);
        finish(row, start, &[value]);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let pairs = it.pairs.len();
        // From the value that is read to the place where it is wanted.
        let distance = 4 * (pairs - it.asked);
        object! {
            "asked": it.asked,
            "measured": object! { "distance": distance, "pairs": pairs },
            "num_pairs": pairs,
        }
    }

    fn is_answer(text: &str) -> bool {
        symbols::is_regular_symbol(text)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let count = rules.map(|task| task.params.num_symbols);
        let mut tokens = Tokens::after_bos(ids)?;
        let mut pairs = Vec::new();
        let mut value_of = [None; REGULAR as usize];
        loop {
            let start = tokens.at();
            tokens.expect(KEY, "<key>")?;
            let key = read_symbol(count, &mut tokens)?;
            tokens.expect(VAL, "<val>")?;
            // The question is the last of the blocks: its answer is followed by the end of the row, or missing.
            let is_question = match form {
                Form::Prompt => tokens.is_done(),
                Form::Row => ids.get(tokens.at() + 1) != Some(&KEY),
            };
            let known = &mut value_of[usize::from(key - FIRST)];
            if is_question {
                check_number("pairs", pairs.len(), Some(pairs_allowed(rules)), start)?;
                let Some(value) = *known else {
                    return Err(Flaw::at(start + 1, "no pair has this key"));
                };
                let content = content_of_pairs(Self::SALT, pairs.into_iter());
                return read_answer(tokens, form, content, vec![value]);
            }
            let value = read_symbol(count, &mut tokens)?;
            if known.replace(value).is_some() {
                return Err(Flaw::at(start + 1, "two pairs have the same key"));
            }
            pairs.push((key, value));
        }
    }
}

fn pairs_allowed(rules: Option<&Kv>) -> Span {
    rules.map_or(Span::new(2, u32::from(REGULAR)), |task| task.params.num_pairs)
}
