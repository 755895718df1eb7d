//! Associative recall: pairs of a key and a value, then several keys, each to be answered by its value.
//!
//! Source: the copy-task experiment names associative recall as an extension; several queries and the gaps before them
//! follow multi-query associative recall (Arora et al., Zoology, arXiv 2312.04927). It tests how many pairs a model can
//! hold at once, and for how long.
//!
//! ```text
//! <s> k1 <val> v1 ... kn <val> vn [fillers] <key> q <val> v [fillers] <key> q' <val> v' ... </s>
//! ```

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::object;
use crate::params;
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::prose::counted;
use crate::sampling::strings::{
    Deck, check_keys, check_number, content_of_pairs, draw, draw_numbers, read_end, read_symbol,
};
use crate::sampling::symbols::{self, FIRST, KEY, REGULAR, VAL};
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};

params! {
    /// Parameters of associative recall.
    pub struct Params {
        /// Pairs of a key and a value.
        num_pairs: Span = Span::new(4, 15) => 2..=500;
        /// Queries, each about another key.
        num_queries: u32 = 4 => 1..=500;
        /// Filler symbols before each query: any symbols that are no keys of the row.
        gap: Span = Span::new(0, 0) => 0..=1024;
        /// Keys, values and fillers come from the first so many of the 500 regular symbols.
        num_symbols: u32 = 500 => 2..=500;
    }
}

/// Pairs, as they are written, and the queries.
#[derive(Default)]
pub struct Instance {
    pairs: Vec<[u16; 3]>,
    /// Places of the pairs asked about.
    asked: Vec<u16>,
    /// Number of fillers before each query.
    gaps: Vec<u16>,
    /// The fillers, all in one.
    fillers: Vec<u16>,
    keys: Deck,
    places: Deck,
    values: Vec<u16>,
}

/// Associative recall with checked parameters.
pub struct Recall {
    params: Params,
}

impl Task for Recall {
    const NAME: &'static str = "recall";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Multi-query associative recall: hold pairs, and give the value of key after key.";
    const SALT: u64 = 0x7265_6361_0000_0001;
    const SPLIT_KEY: &'static str = "the set of pairs; their order, queries and fillers left out";
    const AXES: &'static [&'static str] = &["pairs", "queries", "gap"];
    const TRIM: bool = false;
    const FOLD_CASE: bool = false;
    const LEADS: &'static [&'static str] = &["symbol"];
    const STOPS: &'static [&'static str] = &["\n", "⟨key⟩"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        check_keys(Self::NAME, p.num_pairs, p.num_symbols)?;
        if p.num_queries > p.num_pairs.lo {
            let allowed = format!(
                "allowed: at most the smallest num_pairs = {}, since no key is asked about twice; \
                 ask less or raise num_pairs",
                p.num_pairs.lo
            );
            return Err(Error::param(Self::NAME, "num_queries", p.num_queries, allowed));
        }
        if p.gap.hi > 0 && p.num_pairs.hi == p.num_symbols {
            let allowed = format!(
                "allowed: 0 while every symbol may be a key, since fillers are no keys; raise num_symbols above {}",
                p.num_pairs.hi
            );
            return Err(Error::param(Self::NAME, "gap", format!("[{},{}]", p.gap.lo, p.gap.hi), allowed));
        }
        Ok(Self { params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    /// Rows fit frames of 64 (the copy experiment's own), 128 and 256 tokens.
    fn preset(level: u8) -> Params {
        let (num_pairs, num_queries, gap) = match level {
            1 => (Span::new(4, 12), 4, Span::new(0, 2)),
            2 => (Span::new(14, 24), 6, Span::new(2, 4)),
            _ => (Span::new(28, 48), 8, Span::new(5, 9)),
        };
        Params { num_pairs, num_queries, gap, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let of = |pairs, num_queries, gap, num_symbols| Params {
            num_pairs: Span::new(pairs, pairs),
            num_queries,
            gap: Span::new(gap, gap),
            num_symbols,
        };
        [of(2, 1, 0, 2), of(499, 499, 1024, 500)]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_symbols = params.num_symbols + 1;
        (num_symbols <= 500).then(|| Params { num_symbols, ..params.clone() })
    }

    fn instructions(&self) -> String {
        let Params { num_pairs, gap, num_symbols, .. } = self.params;
        let fillers = if gap.hi == 0 {
            String::new()
        } else {
            let fillers = counted(gap, "filler symbol", "filler symbols");
            format!(" After the pairs stand {fillers} without any meaning, to be ignored; no filler is a key.")
        };
        format!(
            "The prompt begins with {} of a key and a value, one directly after another. A pair is written as one \
             symbol, which is the key, the mark ⟨val⟩, and one symbol, which is the value. {} No two pairs have the \
             same key; values may repeat, and a symbol may be a key in one pair and a value in another.{fillers} The \
             prompt ends with a question: the mark ⟨key⟩, one of the keys, and the mark ⟨val⟩ again. Give the value \
             that this key has in its pair. The answer is that one symbol, exactly as it is written there, and \
             nothing else.",
            counted(num_pairs, "pair", "pairs"),
            symbols::in_words(num_symbols),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        let p = &self.params;
        (2 + 3 * p.num_pairs.hi + p.num_queries * (p.gap.hi + 4)) as usize
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let n = rng.between(p.num_pairs.lo, p.num_pairs.hi) as usize;
        draw(rng, p.num_symbols, n, &mut it.values);
        let (keys, others) = it.keys.deal(rng, p.num_symbols as usize, n);
        it.pairs.clear();
        it.pairs.extend(keys.iter().zip(&it.values).map(|(&key, &value)| [FIRST + key, VAL, value]));
        let queries = p.num_queries as usize;
        it.asked.clear();
        it.asked.extend_from_slice(it.places.deal(rng, n, queries).0);
        draw_numbers(rng, p.gap.hi - p.gap.lo + 1, p.gap.lo as u16, queries, &mut it.gaps);
        let fillers = it.gaps.iter().map(|&gap| usize::from(gap)).sum();
        draw_numbers(rng, others.len() as u32, 0, fillers, &mut it.fillers);
        it.fillers.iter_mut().for_each(|filler| *filler = FIRST + others[usize::from(*filler)]);
    }

    fn content(&self, it: &Instance) -> u64 {
        content_of_pairs(Self::SALT, it.pairs.iter().map(|&[key, _, value]| (key, value)))
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        row.extend(it.pairs.as_flattened());
        let mut fillers = &it.fillers[..];
        for (&place, &gap) in it.asked.iter().zip(&it.gaps) {
            let (before, after) = fillers.split_at(usize::from(gap));
            row.extend(before);
            fillers = after;
            let start = row.here();
            let [key, _, value] = it.pairs[usize::from(place)];
            row.extend(&[KEY, key, VAL, value]);
            row.predict_from(start + 3);
            row.query(start, start + 3);
        }
        let end = row.here();
        row.push(EOS);
        row.predict_from(end);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let (pairs, queries) = (it.pairs.len(), it.asked.len());
        let distances = it.asked.iter().zip(&it.gaps).scan(3 * pairs, |at, (&place, &gap)| {
            *at += usize::from(gap) + 4;
            // From the value in its pair to the place where it is wanted.
            Some(*at - 3 * (usize::from(place) + 1))
        });
        object! {
            "asked": &it.asked,
            "measured": object! { "distance": list(distances), "gap": &it.gaps, "pairs": pairs, "queries": queries },
            "num_pairs": pairs,
            "num_queries": queries,
        }
    }

    fn is_answer(text: &str) -> bool {
        symbols::is_regular_symbol(text)
    }

    /// Fillers may follow, which are symbols as the answer is; words of people may not.
    fn leading(text: &str) -> Option<usize> {
        let end = symbols::first_symbol(text)?;
        let goes_on = match text[end..].split_once("⟨key⟩") {
            Some((fillers, _)) => fillers.is_empty() || symbols::is_regular_text(fillers),
            None => symbols::is_no_prose(&text[end..]) && !text[end..].starts_with(' '),
        };
        goes_on.then_some(end)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let params = rules.map(|task| &task.params);
        let count = params.map(|p| p.num_symbols);
        let mut tokens = Tokens::after_bos(ids)?;
        let mut value_of = [None; REGULAR as usize];
        let mut pairs = Vec::new();
        // A symbol that <val> follows is a key; the first that it does not follow is no part of a pair any more.
        while ids.get(tokens.at() + 1) == Some(&VAL) && tokens.peek() != Some(KEY) {
            let at = tokens.at();
            let key = read_symbol(count, &mut tokens)?;
            tokens.expect(VAL, "<val>")?;
            let value = read_symbol(count, &mut tokens)?;
            if value_of[usize::from(key - FIRST)].replace((value, false)).is_some() {
                return Err(Flaw::at(at, "two pairs have the same key"));
            }
            pairs.push((key, value));
        }
        let pairs_allowed = params.map_or(Span::new(2, u32::from(REGULAR)), |p| p.num_pairs);
        check_number("pairs", pairs.len(), Some(pairs_allowed), tokens.at())?;
        let content = content_of_pairs(Self::SALT, pairs.into_iter());
        let mut reading = Reading { content, ..Reading::default() };
        let mut queries = 0;
        while tokens.peek() != Some(EOS) || queries == 0 {
            let mut gap = 0;
            while tokens.peek().is_some_and(symbols::is_regular) {
                let at = tokens.at();
                let filler = read_symbol(count, &mut tokens)?;
                if value_of[usize::from(filler - FIRST)].is_some() {
                    return Err(Flaw::at(at, "a filler is one of the keys"));
                }
                gap += 1;
            }
            check_number("fillers", gap, params.map(|p| p.gap), tokens.at())?;
            tokens.expect(KEY, "<key>")?;
            let at = tokens.at();
            let key = read_symbol(count, &mut tokens)?;
            let Some((right, asked)) = &mut value_of[usize::from(key - FIRST)] else {
                return Err(Flaw::at(at, "no pair has this key"));
            };
            if std::mem::replace(asked, true) {
                return Err(Flaw::at(at, "a key is asked about twice"));
            }
            let right = *right;
            tokens.expect(VAL, "<val>")?;
            if queries == 0 {
                reading.answer.push(right);
            }
            if form == Form::Prompt {
                return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at <val>") };
            }
            let answer = tokens.at() as u32;
            tokens.expect(right, "the right value")?;
            reading.loss.push(answer..answer + 1);
            queries += 1;
        }
        let end = tokens.at();
        let asked = params.map(|p| Span::new(p.num_queries, p.num_queries));
        check_number("queries", queries, asked, end)?;
        reading.loss.push(end as u32..end as u32 + 1);
        read_end(tokens)?;
        Ok(reading)
    }
}
