//! Copying: a string of symbols, and the same string again.
//!
//! Source: simple sequence copying of the copy-task experiment. It tests whether a model can hold a string of arbitrary
//! symbols and give it back in order.
//!
//! ```text
//! <s> x1 ... xL <copy> x1 ... xL </s>
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
use crate::sampling::symbols::{self, COPY};
use crate::task::Task;
use crate::vocab::{BOS, Vocab};

params! {
    /// Parameters of Copying.
    pub struct Params {
        /// Symbols in the string.
        num_items: Span = Span::new(8, 30) => 1..=4096;
        /// Symbols come from the first so many of the 500 regular ones.
        num_symbols: u32 = 500 => 2..=500;
    }
}

/// A string, as ids.
#[derive(Default)]
pub struct Instance {
    items: Vec<u16>,
}

/// Copying with checked parameters.
pub struct Copying {
    params: Params,
}

impl Task for Copying {
    const NAME: &'static str = "copying";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Copying: give a string of arbitrary symbols back.";
    const SALT: u64 = 0x636F_7079_0000_0001;
    const SPLIT_KEY: &'static str = "the string";
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
            "The prompt is a string of {} and then the mark ⟨copy⟩, which is no part of the string. {} Give the \
             string back unchanged: the same symbols in the same order, each as often as it stands there. The answer \
             is these symbols alone, written one directly after another as in the prompt, without separators, \
             quotation marks or the mark. Spaces among them, at the ends too, are part of the answer.",
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
    }

    fn content(&self, it: &Instance) -> u64 {
        content(Self::SALT, &it.items)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        row.extend(&it.items);
        row.push(COPY);
        finish(row, 1, &it.items);
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
        let items = read_string(rules.map(|task| task.params.num_symbols), &mut tokens)?;
        check_number("symbols", items.len(), rules.map(|task| task.params.num_items), tokens.at())?;
        tokens.expect(COPY, "<copy>")?;
        read_answer(tokens, form, content(Self::SALT, &items), items)
    }
}
