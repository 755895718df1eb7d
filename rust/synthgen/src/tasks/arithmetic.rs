//! Arithmetic: sums shown as demonstrations, then a sum to be completed.
//!
//! Source: the in-context arithmetic of the copy-task experiment, one of its four downstream tasks. It tests computation
//! in a format learnt from the context: no sum that is shown is the one asked for.
//!
//! ```text
//! 3+4=7, 9+1=10, 2+2=4, 5+8=13
//! ```

use serde::Serialize;

use crate::error::Error;
use crate::metadata::list;
use crate::object;
use crate::params;
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::fewshot::{self, Piece, Scan, Shots, hash, is_number, numbers};
use crate::sampling::symbols;
use crate::score::forms;
use crate::task::Task;
use crate::vocab::Vocab;

/// Declared hard maximum of an operand.
const MAX: u32 = 9999;

params! {
    /// Parameters of Arithmetic.
    pub struct Params {
        /// Both operands are drawn from this range.
        operands: Span = Span::new(1, 9) => 0..=9999;
        /// Sums shown before the question.
        num_examples: u32 = 3 => 0..=32;
    }
}

/// Arithmetic with checked parameters.
pub struct Arithmetic {
    params: Params,
    /// Each number before a plus, before an equals sign, and as the result of a demonstration.
    left: Vec<Piece<8>>,
    right: Vec<Piece<8>>,
    sum: Vec<Piece<8>>,
}

/// Addition commutes: a pair in either order is one key.
#[inline]
fn fact([a, b]: [u32; 2]) -> u64 {
    u64::from(a.min(b)) << 32 | u64::from(a.max(b))
}

fn range(span: Span) -> (u32, u32) {
    (span.lo, span.hi - span.lo + 1)
}

impl Task for Arithmetic {
    const NAME: &'static str = "arithmetic";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Few-shot sums: complete a sum that none of the demonstrations shows.";
    const SALT: u64 = 0x6172_6974_0000_0008;
    const SPLIT_KEY: &'static str = "the two operands of the question in either order; demonstrations left out";
    const AXES: &'static [&'static str] = &["operand_digits", "carries"];
    const FOLD_CASE: bool = false;
    const LEADS: &'static [&'static str] = &["sum", "total", "number"];
    const STOPS: &'static [&'static str] = &["\n", ", "];
    type Params = Params;
    type Instance = Shots;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let operands = range(p.operands);
        if !fewshot::enough([operands; 2], p.num_examples as usize, Self::SALT, fact) {
            let allowed = format!(
                "allowed: fewer than the pairs of the train split within operands = [{},{}]; show less or widen operands",
                p.operands.lo, p.operands.hi
            );
            return Err(Error::param(Self::NAME, "num_examples", p.num_examples, allowed));
        }
        let last = p.operands.hi;
        Ok(Self {
            left: numbers(last, "", "+"),
            right: numbers(last, "", "="),
            sum: numbers(2 * last, "", ", "),
            params,
        })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let operands = Span::new(1, [9, 99, 999][usize::from(level) - 1]);
        Params { operands, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { operands: Span::new(1, 2), num_examples: 0 };
        [small, Params { operands: Span::new(0, MAX), num_examples: fewshot::MAX_EXAMPLES as u32 }]
    }

    fn wider(params: &Params) -> Option<Params> {
        let Span { lo, hi } = params.operands;
        let operands = if hi < MAX { Span::new(lo, hi + 1) } else { Span::new(lo.max(1) - 1, hi) };
        let wider = Params { operands, ..params.clone() };
        (wider != *params).then_some(wider)
    }

    fn instructions(&self) -> String {
        let Params { operands: Span { lo, hi }, num_examples } = self.params;
        let shown = match num_examples {
            0 => "The prompt is a sum".to_owned(),
            1 => "The prompt is a complete sum, a comma, and a sum".to_owned(),
            n => format!("The prompt is {n} complete sums, with commas between them, and then a sum"),
        };
        let examples = if num_examples > 0 {
            " What is shown complete is there for the form alone: the sum that is asked for is not among it."
        } else {
            ""
        };
        format!(
            "{shown} without its result, such as `a+b=`. The numbers a and b are whole numbers from {lo} to {hi}, in \
             decimal notation, and + is ordinary addition.{examples} Add the two numbers of the unfinished sum, which \
             stands last, and give the result. The answer is this number alone, in decimal digits without leading \
             zeros, separators, signs or words, and without repeating the sum.",
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        let last = self.params.operands.hi as usize;
        let sum = self.left[last].len() + self.right[last].len() + self.sum[2 * last].len();
        (self.params.num_examples as usize + 1) * sum
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Shots) {
        let operands = range(self.params.operands);
        fewshot::draw(rng, [operands; 2], self.params.num_examples as usize, it, Self::SALT, fact);
    }

    fn content(&self, it: &Shots) -> u64 {
        hash(Self::SALT, fact(it.query))
    }

    fn encode(&self, it: &Shots, row: &mut Row) {
        fewshot::write_row(row, self.max_len(), |pen| {
            for &[a, b] in &it.demos {
                pen.write(&self.left[a as usize]);
                pen.write(&self.right[b as usize]);
                pen.write(&self.sum[(a + b) as usize]);
            }
            let [a, b] = it.query;
            let question = pen.here();
            pen.write(&self.left[a as usize]);
            pen.write(&self.right[b as usize]);
            let answer = pen.here();
            pen.write_without(&self.sum[(a + b) as usize], 2);
            [question, answer]
        });
    }

    fn metadata(&self, it: &Shots) -> impl Serialize {
        let [a, b] = it.query;
        let (a_text, b_text) = (a.to_string(), b.to_string());
        object! {
            "answer": a + b,
            "examples": list(it.demos.iter().map(|&[a, b]| [a, b, a + b])),
            "measured": object! {
                "carries": add(&a_text, &b_text).1, "operand_digits": a_text.len().max(b_text.len()),
            },
            "query": [a, b],
        }
    }

    fn is_answer(text: &str) -> bool {
        is_number(text, 5)
    }

    fn spelled(text: &str) -> Option<String> {
        (Self::is_answer(text) && forms::number(text)).then(|| text.to_owned())
    }

    fn subjects(prompt: &str) -> Vec<String> {
        let last = prompt.rsplit(", ").next().and_then(|sum| sum.trim().strip_suffix('=')?.split_once('+'));
        last.map(|(a, b)| vec![format!("{a}+{b}"), format!("{b}+{a}")]).unwrap_or_default()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let allowed = rules.map_or(Span::new(0, MAX), |task| task.params.operands);
        let wanted = rules.map(|task| task.params.num_examples);
        fewshot::read_shots(ids, form, Self::SALT, wanted, |scan| {
            let a = operand(scan, allowed)?;
            scan.expect("+")?;
            let b = operand(scan, allowed)?;
            scan.expect("=")?;
            Ok((fact([a, b]), add(&a.to_string(), &b.to_string()).0))
        })
    }
}

fn operand(scan: &mut Scan<'_>, allowed: Span) -> Result<u32, Flaw> {
    let start = *scan;
    let value = scan.number(MAX)?;
    if allowed.contains(value) {
        return Ok(value);
    }
    start.fail(format!("operand {value}; allowed: {}..={}", allowed.lo, allowed.hi))
}

/// Add two decimal numbers digit by digit; count the carries.
fn add(a: &str, b: &str) -> (String, u32) {
    let digits = |text: &str| text.bytes().rev().map(|b| b - b'0').collect::<Vec<_>>();
    let (a, b) = (digits(a), digits(b));
    let (mut sum, mut carry, mut carries) = (Vec::new(), 0, 0);
    for i in 0..a.len().max(b.len()) {
        let digit = a.get(i).unwrap_or(&0) + b.get(i).unwrap_or(&0) + carry;
        carry = digit / 10;
        carries += u32::from(carry);
        sum.push(char::from(b'0' + digit % 10));
    }
    if carry > 0 {
        sum.push('1');
    }
    (sum.iter().rev().collect(), carries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::fewshot::shares;

    #[test]
    fn small_spaces_have_keys_in_every_split() {
        let pairs = (1..10).flat_map(|a| (a..10).map(move |b| fact([a, b])));
        assert_eq!(shares(Arithmetic::SALT, pairs), [41, 2, 2]);
    }

    #[test]
    fn carries_are_carried() {
        assert_eq!(add("999", "1"), ("1000".to_owned(), 3));
        assert_eq!(add("0", "0"), ("0".to_owned(), 0));
        assert_eq!(add("45", "155"), ("200".to_owned(), 2));
    }
}
