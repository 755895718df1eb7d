//! Pattern completion: a pattern, repeated, cut off, and completed.
//!
//! Source: pattern completion of the copy-task experiment. It tests induction: find where the present stretch began before,
//! and go on as it went on there.
//!
//! ```text
//! <s> p1 ... pk p1 ... pk p1 ... pm pm+1 ... pk </s>
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
use crate::sampling::strings::{check_number, content, distinct, draw, finish, read_answer, read_end, read_string};
use crate::sampling::symbols::{self, FIRST};
use crate::task::Task;
use crate::vocab::{BOS, Vocab};

params! {
    /// Parameters of pattern completion.
    pub struct Params {
        /// Symbols in the pattern.
        pattern_length: Span = Span::new(4, 4) => 2..=1024;
        /// How often the whole pattern stands in the prompt before the last, cut one.
        repeats: u32 = 2 => 2..=16;
        /// Symbols come from the first so many of the 500 regular ones.
        num_symbols: u32 = 500 => 2..=500;
    }
}

/// Draws of a pattern before a fixed one stands in. At worst, two symbols in a row of two, half of the draws are refused.
const MAX_DRAWS: u32 = 64;

/// A pattern, as ids, and how much of it the cut leaves.
#[derive(Default)]
pub struct Instance {
    pattern: Vec<u16>,
    cut: usize,
}

/// Pattern completion with checked parameters.
pub struct Pattern {
    params: Params,
    /// By pattern length, from the smallest: the periods that a repetition of something shorter would have.
    periods: Vec<Vec<usize>>,
}

impl Task for Pattern {
    const NAME: &'static str = "pattern";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Induction: complete a repeated pattern.";
    const SALT: u64 = 0x7061_7474_0000_0001;
    const SPLIT_KEY: &'static str = "the pattern; repeats and the place of the cut left out";
    const AXES: &'static [&'static str] = &["period"];
    const TRIM: bool = false;
    const FOLD_CASE: bool = false;
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let Span { lo, hi } = params.pattern_length;
        let is_prime = |&q: &usize| q >= 2 && (2..q).all(|d| !q.is_multiple_of(d));
        let primes: Vec<usize> = (2..=hi as usize).filter(is_prime).collect();
        let periods = |length: usize| {
            let dividing = primes.iter().filter(move |&&q| length.is_multiple_of(q));
            dividing.map(|q| length / q).collect()
        };
        Ok(Self { periods: (lo..=hi).map(|length| periods(length as usize)).collect(), params })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    /// Rows fit frames of 64 (the copy experiment's own), 128 and 256 tokens.
    fn preset(level: u8) -> Params {
        let pattern_length = [Span::new(4, 20), Span::new(22, 42), Span::new(44, 84)][usize::from(level) - 1];
        Params { pattern_length, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        [(2, 2, 2), (1024, 16, 500)].map(|(length, repeats, num_symbols)| Params {
            pattern_length: Span::new(length, length),
            repeats,
            num_symbols,
        })
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_symbols = params.num_symbols + 1;
        (num_symbols <= 500).then(|| Params { num_symbols, ..params.clone() })
    }

    fn instructions(&self) -> String {
        let Params { pattern_length, repeats, num_symbols } = self.params;
        format!(
            "The prompt is a pattern of {}, written {repeats} times in full and once more in part, with no mark \
             between the copies: the last copy has its first symbol at least, and breaks off before its end. {} The \
             pattern is not itself a repetition of something shorter; it is the shortest string that, written again \
             and again and cut off, gives the prompt. Complete the last copy: give the symbols of the pattern that \
             are still missing, in order, and stop where the pattern ends. The answer is these symbols alone, written \
             one directly after another as in the prompt. Spaces among them, at the ends too, are part of the \
             answer.",
            counted(pattern_length, "symbol", "symbols"),
            symbols::in_words(num_symbols),
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        ((self.params.repeats + 1) * self.params.pattern_length.hi) as usize + 2
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let Params { pattern_length: Span { lo, hi }, num_symbols, .. } = self.params;
        let length = rng.between(lo, hi) as usize;
        let periods = &self.periods[length - lo as usize];
        let repeats = |pattern: &[u16], period: usize| pattern[period..] == pattern[..length - period];
        for _ in 0..MAX_DRAWS {
            draw(rng, num_symbols, length, &mut it.pattern);
            if !periods.iter().any(|&period| repeats(&it.pattern, period)) {
                it.cut = cut(&it.pattern);
                return;
            }
        }
        // Reached with a probability of at most 2^-64.
        it.pattern.fill(FIRST);
        it.pattern[length - 1] += 1;
        it.cut = cut(&it.pattern);
    }

    fn content(&self, it: &Instance) -> u64 {
        content(Self::SALT, &it.pattern)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        for _ in 0..self.params.repeats {
            row.extend(&it.pattern);
        }
        let (left, completion) = it.pattern.split_at(it.cut);
        row.extend(left);
        finish(row, 1, completion);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let length = it.pattern.len();
        object! {
            "cut": it.cut,
            "measured": object! {
                "completion": length - it.cut, "distinct": distinct(&it.pattern), "period": length,
            },
            "pattern_length": length,
        }
    }

    fn is_answer(text: &str) -> bool {
        symbols::is_regular_text(text)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let text = read_string(rules.map(|task| task.params.num_symbols), &mut tokens)?;
        let end = tokens.at();
        let length = smallest_period(&text);
        let (whole, over) = (text.len() / length, text.len() % length);
        check_number("symbols in the pattern", length, rules.map(|task| task.params.pattern_length), end)?;
        let last = u32::from(form == Form::Row);
        let allowed = rules.map_or(Span::new(2, u32::MAX - 1), |task| {
            let repeats = task.params.repeats;
            Span::new(repeats, repeats)
        });
        check_number("whole patterns", whole, Some(Span::new(allowed.lo + last, allowed.hi + last)), end)?;
        if length == 1 || (over == 0) != (form == Form::Row) {
            return Err(Flaw::at(end, "a row ends with a whole pattern of two symbols or more, a prompt inside one"));
        }
        let pattern = &text[..length];
        let cut = cut(pattern);
        let content = content(Self::SALT, pattern);
        if form == Form::Row {
            read_end(tokens)?;
            let answer = end - (length - cut);
            let loss = std::iter::once(answer as u32..end as u32 + 1).collect();
            return Ok(Reading { content, loss, answer: pattern[cut..].to_vec() });
        }
        if rules.is_some() && over != cut {
            return Err(Flaw::at(end, format!("a prompt with this pattern ends {cut} symbols into it, not {over}")));
        }
        read_answer(tokens, form, content, pattern[over..].to_vec())
    }
}

/// How much of the pattern stands before the completion. Nothing in a row marks where its prompt ends, so the place is a
/// function of the pattern: a row says all about itself. The hash has nothing in common with that of the split.
fn cut(pattern: &[u16]) -> usize {
    let mix = |hash: u64, &id: &u16| {
        let hash = (hash ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^ hash >> 32
    };
    1 + (pattern.iter().fold(0, mix) % (pattern.len() as u64 - 1)) as usize
}

/// The smallest distance at which the text repeats itself, by the border of every prefix (Knuth, Morris and Pratt, 1977).
/// For a pattern that is no repetition itself, written out twice or more, it is the pattern's length and nothing else.
fn smallest_period(text: &[u16]) -> usize {
    let mut borders = vec![0; text.len()];
    for i in 1..text.len() {
        let mut border: usize = borders[i - 1];
        while border > 0 && text[border] != text[i] {
            border = borders[border - 1];
        }
        borders[i] = border + usize::from(text[border] == text[i]);
    }
    text.len() - borders.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_written_out_is_found_again() {
        for (text, period) in
            [("a", 1), ("ab", 2), ("aaaa", 1), ("ababa", 2), ("aabaab", 3), ("abaabaab", 3), ("aabaa", 3)]
        {
            let ids: Vec<u16> = text.bytes().map(symbols::of_char).collect();
            assert_eq!(smallest_period(&ids), period, "{text}");
        }
    }

    #[test]
    fn cuts_fall_everywhere_and_know_nothing_of_the_split() {
        let task = Pattern::new(Params { pattern_length: Span::new(7, 7), ..Params::default() }).expect("valid");
        let key = crate::rng::StreamKey::new("t", "", 1, 0);
        let mut instance = Instance::default();
        let mut counts = [[0u32; 8]; 3];
        for row in 0..60_000u64 {
            task.sample(&mut key.rng(row.into(), 0), &mut instance);
            counts[crate::split::Split::of(task.content(&instance)) as usize][instance.cut] += 1;
        }
        for cuts in counts {
            let mean = cuts.iter().sum::<u32>() / 6;
            // Five standard deviations of a binomial count, bounded by the root of the mean.
            let near = |&c: &u32| f64::from(c.abs_diff(mean)) < 5.0 * f64::from(mean).sqrt();
            assert!(cuts[0] == 0 && cuts[7] == 0 && cuts[1..7].iter().all(near), "{counts:?}");
        }
    }
}
