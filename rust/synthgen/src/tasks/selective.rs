//! Selective copying: a string of symbols, the classes wanted, and the items of those classes in order.
//!
//! Source: selective copying, named as an extension by the copy-task experiment. It tests whether a model can decide, item
//! by item, what to keep: a fixed pattern of attention cannot do it.
//!
//! ```text
//! <s> x1 ... xL <key> m1 ... mr <copy> kept items </s>
//! ```
//!
//! The class of a symbol is its number modulo the number of classes C, a power of two. The marker of class c is symbol
//! C + c, the second of its class: the first, c itself, would leave open how many classes there are.

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
    Deck, check_number, content, distinct, draw, finish, read_answer, read_string, read_symbol,
};
use crate::sampling::symbols::{self, COPY, FIRST, KEY};
use crate::task::Task;
use crate::vocab::{BOS, Vocab};

/// Most classes: the largest power of two whose markers are among 500 symbols.
const MAX_CLASSES: u32 = 128;

params! {
    /// Parameters of selective copying.
    pub struct Params {
        /// Symbols in the string.
        num_items: Span = Span::new(8, 29) => 1..=4096;
        /// Classes of symbols, a power of two; at most half of num_symbols.
        num_classes: u32 = 4 => 2..=128;
        /// Classes wanted; fewer than num_classes.
        num_markers: Span = Span::new(1, 2) => 1..=127;
        /// Symbols come from the first so many of the 500 regular ones.
        num_symbols: u32 = 500 => 4..=500;
    }
}

/// A string, the markers of the classes wanted, and the items kept, as ids.
#[derive(Default)]
pub struct Instance {
    items: Vec<u16>,
    markers: Vec<u16>,
    kept: Vec<u16>,
    others: Deck,
}

/// Selective copying with checked parameters.
pub struct Selective {
    params: Params,
}

impl Task for Selective {
    const NAME: &'static str = "selective";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Selective copying: give back only the items of the classes named.";
    const SALT: u64 = 0x7365_6C65_0000_0001;
    const SPLIT_KEY: &'static str = "the string; the markers left out";
    const AXES: &'static [&'static str] = &["length", "classes", "markers"];
    const TRIM: bool = false;
    const FOLD_CASE: bool = false;
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let classes = p.num_classes;
        if !classes.is_power_of_two() {
            let allowed = format!(
                "allowed: a power of two up to {MAX_CLASSES}; the nearest are {} and {}",
                classes.next_power_of_two() / 2,
                classes.next_power_of_two()
            );
            return Err(Error::param(Self::NAME, "num_classes", classes, allowed));
        }
        if 2 * classes > p.num_symbols {
            let allowed = format!(
                "allowed: at most half of num_symbols = {}, since the markers are symbols too; raise num_symbols",
                p.num_symbols
            );
            return Err(Error::param(Self::NAME, "num_classes", classes, allowed));
        }
        if p.num_markers.hi >= classes {
            let allowed = format!("allowed: at most num_classes - 1 = {}; raise num_classes", classes - 1);
            let Span { lo, hi } = p.num_markers;
            return Err(Error::param(Self::NAME, "num_markers", format!("[{lo},{hi}]"), allowed));
        }
        Ok(Self { params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    /// Rows fit frames of 64 (the copy experiment's own), 128 and 256 tokens.
    fn preset(level: u8) -> Params {
        let (num_items, num_classes, num_markers) = match level {
            1 => (Span::new(8, 29), 4, Span::new(1, 2)),
            2 => (Span::new(32, 60), 8, Span::new(2, 4)),
            _ => (Span::new(64, 122), 16, Span::new(4, 8)),
        };
        Params { num_items, num_classes, num_markers, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let of = |length, num_classes, markers, num_symbols| Params {
            num_items: Span::new(length, length),
            num_classes,
            num_markers: Span::new(markers, markers),
            num_symbols,
        };
        [of(1, 2, 1, 4), of(4096, 128, 64, 500)]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_symbols = params.num_symbols + 1;
        (num_symbols <= 500).then(|| Params { num_symbols, ..params.clone() })
    }

    fn instructions(&self) -> String {
        let Params { num_items, num_classes, num_markers, num_symbols } = self.params;
        let bracketed = if num_symbols > u32::from(symbols::PRINTED) { "; ⟨n⟩ is number n" } else { "" };
        format!(
            "The prompt is a string of {}, the mark ⟨key⟩, {}, and the mark ⟨copy⟩. {} Symbols have numbers: an ASCII \
             character with code c is number c - 32, so that a space is 0, `0` is 16, `A` is 33 and `a` is \
             65{bracketed}. The class of a symbol is the remainder when its number is divided by {num_classes}. The \
             markers are symbols too, and each of them asks for its own class. Give all symbols before ⟨key⟩ whose \
             class is asked for, in their order and as often as they stand there, and leave out the rest; there is at \
             least one. The answer is these symbols alone, written one directly after another. Spaces among them, at \
             the ends too, are part of the answer.",
            counted(num_items, "symbol", "symbols"),
            counted(num_markers, "marker", "markers"),
            symbols::in_words(num_symbols),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        (2 * self.params.num_items.hi + self.params.num_markers.hi + 4) as usize
    }

    /// One item is drawn to be kept whatever else is, and its class made one of those wanted.
    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let classes = p.num_classes as u16;
        let length = rng.between(p.num_items.lo, p.num_items.hi);
        draw(rng, p.num_symbols, length as usize, &mut it.items);
        let Span { lo, hi } = p.num_markers;
        let [chosen, more] = rng.below_each([length, hi - lo + 1]);
        let count = lo + more;
        let place = rng.below(count);
        let class_of = |id: u16| (id - FIRST) & (classes - 1);
        let class = class_of(it.items[chosen as usize]);
        let (others, _) = it.others.deal(rng, usize::from(classes) - 1, count as usize - 1);
        it.markers.clear();
        it.markers.extend(others.iter().map(|&other| FIRST + classes + other + u16::from(other >= class)));
        it.markers.push(FIRST + classes + class);
        it.markers.swap(place as usize, count as usize - 1);
        let wanted = it.markers.iter().fold(0u128, |wanted, &marker| wanted | 1 << class_of(marker));
        // Whether an item is kept cannot be guessed: write it in any case, keep it by moving on.
        it.kept.clear();
        it.kept.resize(it.items.len(), 0);
        let mut kept = 0;
        for &item in &it.items {
            it.kept[kept] = item;
            kept += (wanted >> class_of(item) & 1) as usize;
        }
        it.kept.truncate(kept);
    }

    fn content(&self, it: &Instance) -> u64 {
        content(Self::SALT, &it.items)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        row.extend(&it.items);
        row.push(KEY);
        row.extend(&it.markers);
        row.push(COPY);
        finish(row, 1, &it.kept);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let (length, classes) = (it.items.len(), self.params.num_classes);
        let (markers, kept) = (it.markers.len(), it.kept.len());
        object! {
            "length": length,
            "measured": object! {
                "classes": classes, "distinct": distinct(&it.items), "kept": kept, "length": length, "markers": markers,
            },
            "num_classes": classes,
            "num_kept": kept,
            "num_markers": markers,
        }
    }

    fn is_answer(text: &str) -> bool {
        symbols::is_regular_text(text)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let params = rules.map(|task| &task.params);
        let count = params.map(|p| p.num_symbols);
        let mut tokens = Tokens::after_bos(ids)?;
        let items = read_string(count, &mut tokens)?;
        check_number("symbols", items.len(), params.map(|p| p.num_items), tokens.at())?;
        tokens.expect(KEY, "<key>")?;
        let start = tokens.at();
        let mut wanted: Vec<u32> = Vec::new();
        let mut classes = 0;
        while tokens.peek() != Some(COPY) || wanted.is_empty() {
            let at = tokens.at();
            let number = u32::from(read_symbol(None, &mut tokens)? - FIRST);
            // The highest bit of a marker's number is the number of classes.
            let of = number.checked_ilog2().map_or(0, |bits| 1 << bits);
            classes = if wanted.is_empty() { of } else { classes };
            if !(2..=MAX_CLASSES).contains(&of) || of != classes || params.is_some_and(|p| p.num_classes != of) {
                return Err(Flaw::at(at, format!("symbol {number} does not mark a class among this many")));
            }
            if wanted.contains(&number) {
                return Err(Flaw::at(at, "a class is marked twice"));
            }
            wanted.push(number);
        }
        let most = Span::new(1, classes - 1);
        check_number("classes marked", wanted.len(), Some(params.map_or(most, |p| p.num_markers)), start)?;
        tokens.expect(COPY, "<copy>")?;
        let mut is_wanted = [false; MAX_CLASSES as usize];
        for marker in &wanted {
            is_wanted[(marker - classes) as usize] = true;
        }
        let kept: Vec<u16> =
            items.iter().copied().filter(|id| is_wanted[(u32::from(id - FIRST) % classes) as usize]).collect();
        if kept.is_empty() {
            return Err(Flaw::at(start, "no item is of a class marked"));
        }
        read_answer(tokens, form, content(Self::SALT, &items), kept)
    }
}
