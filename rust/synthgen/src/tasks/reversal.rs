//! Reversal: a string of symbols, and the same string backwards.
//!
//! Source: list reversal, named as an extension by the copy-task experiment. Beside copying it tells a model that can only
//! repeat what followed last time from one that can go to a place.
//!
//! ```text
//! <s> x1 ... xL <sep> xL ... x1 </s>
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
use crate::sampling::strings::{check_number, content, distinct, draw, finish, read_answer, read_string};
use crate::sampling::symbols::{self, SEP};
use crate::task::Task;
use crate::vocab::{BOS, Vocab};

params! {
    /// Parameters of Reversal.
    pub struct Params {
        /// Symbols in the string.
        num_items: Span = Span::new(8, 30) => 1..=4096;
        /// Symbols come from the first so many of the 500 regular ones.
        num_symbols: u32 = 500 => 2..=500;
    }
}

/// A string and its reversal, as ids.
#[derive(Default)]
pub struct Instance {
    items: Vec<u16>,
    reversed: Vec<u16>,
}

/// Reversal with checked parameters.
pub struct Reversal {
    params: Params,
}

impl Task for Reversal {
    const NAME: &'static str = "reversal";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Reversal: give a string of arbitrary symbols back, last symbol first.";
    const SALT: u64 = 0x7265_7665_0000_0001;
    const SPLIT_KEY: &'static str = "the string, as it stands in the prompt";
    const AXES: &'static [&'static str] = &["length"];
    const TRIM: bool = false;
    const FOLD_CASE: bool = false;
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        Ok(Self { params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    /// Rows fit frames of 64 (the copy experiment's own), 128 and 256 tokens.
    fn preset(level: u8) -> Params {
        let num_items = [Span::new(8, 30), Span::new(32, 62), Span::new(64, 126)][usize::from(level) - 1];
        Params { num_items, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        [(1, 2), (4096, 500)].map(|(length, num_symbols)| Params { num_items: Span::new(length, length), num_symbols })
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_symbols = params.num_symbols + 1;
        (num_symbols <= 500).then(|| Params { num_symbols, ..params.clone() })
    }

    fn instructions(&self) -> String {
        let Params { num_items, num_symbols } = self.params;
        format!(
            "The prompt is a string of {} and then the mark ⟨sep⟩, which is no part of the string. {} Give the string \
             backwards, symbol by symbol: the last symbol first, the first symbol last. Each symbol itself stays as \
             it is: what is written in angle brackets is not turned around. The answer is these symbols alone, \
             written one directly after another as in the prompt, without separators, quotation marks or the mark. \
             Spaces among them, at the ends too, are part of the answer.",
            counted(num_items, "symbol", "symbols"),
            symbols::in_words(num_symbols),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        2 * self.params.num_items.hi as usize + 3
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let Span { lo, hi } = self.params.num_items;
        let length = rng.between(lo, hi) as usize;
        draw(rng, self.params.num_symbols, length, &mut it.items);
        it.reversed.clear();
        it.reversed.extend(it.items.iter().rev());
    }

    fn content(&self, it: &Instance) -> u64 {
        content(Self::SALT, &it.items)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        row.extend(&it.items);
        row.push(SEP);
        finish(row, 1, &it.reversed);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let length = it.items.len();
        object! { "length": length, "measured": object! { "distinct": distinct(&it.items), "length": length } }
    }

    fn is_answer(text: &str) -> bool {
        symbols::is_regular_text(text)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let mut items = read_string(rules.map(|task| task.params.num_symbols), &mut tokens)?;
        check_number("symbols", items.len(), rules.map(|task| task.params.num_items), tokens.at())?;
        tokens.expect(SEP, "<sep>")?;
        let content = content(Self::SALT, &items);
        // Turned around in place, symbol by symbol.
        let length = items.len();
        for i in 0..length / 2 {
            items.swap(i, length - 1 - i);
        }
        read_answer(tokens, form, content, items)
    }
}
