//! Sequence: arithmetic progressions with their next term as demonstrations, then one to be continued.
//!
//! Source: the pattern completion of the copy-task experiment, one of its four downstream tasks, over wider ranges. It
//! tests rule induction: the step must be found in the question itself.
//!
//! ```text
//! [1,2,3]->[4], [2,5,8]->[11], [4,6,8]->[10], [3,4,5]->[6]
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
use crate::sampling::fewshot::{self, Pen, Piece, Scan, Shots, hash, is_number, numbers};
use crate::sampling::symbols;
use crate::score::forms;
use crate::task::Task;
use crate::vocab::Vocab;

/// Declared hard maxima.
const MAX_START: u32 = 9999;
const MAX_STEP: u32 = 999;

params! {
    /// Parameters of Sequence.
    pub struct Params {
        /// First term.
        start_value: Span = Span::new(1, 20) => 0..=9999;
        /// Difference between neighbours.
        step: Span = Span::new(1, 9) => 1..=999;
        /// Progressions shown before the question.
        num_examples: u32 = 3 => 0..=32;
    }
}

/// Sequence with checked parameters.
pub struct Sequence {
    params: Params,
    /// Each number as first, second, third and next term.
    terms: [Vec<Piece<12>>; 4],
}

#[inline]
fn fact([start, step]: [u32; 2]) -> u64 {
    u64::from(start) << 32 | u64::from(step)
}

impl Sequence {
    fn ranges(p: &Params) -> [(u32, u32); 2] {
        [p.start_value, p.step].map(|span| (span.lo, span.hi - span.lo + 1))
    }

    #[inline]
    fn write(&self, pen: &mut Pen<'_>, [start, step]: [u32; 2]) {
        for (i, terms) in self.terms[..3].iter().enumerate() {
            pen.write(&terms[start as usize + i * step as usize]);
        }
    }
}

impl Task for Sequence {
    const NAME: &'static str = "sequence";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Few-shot progressions: continue one that none of the demonstrations shows.";
    const SALT: u64 = 0x7365_7175_0000_0068;
    const SPLIT_KEY: &'static str = "first term and step of the question; demonstrations left out";
    const AXES: &'static [&'static str] = &["start", "step"];
    const FOLD_CASE: bool = false;
    const LEADS: &'static [&'static str] = &["next", "number", "term", "element"];
    const STOPS: &'static [&'static str] = &["\n", ", "];
    type Params = Params;
    type Instance = Shots;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        if !fewshot::enough(Self::ranges(p), p.num_examples as usize, Self::SALT, fact) {
            let allowed = format!(
                "allowed: fewer than the progressions of the train split within start_value = [{},{}] and \
                 step = [{},{}]; show less or widen one of them",
                p.start_value.lo, p.start_value.hi, p.step.lo, p.step.hi
            );
            return Err(Error::param(Self::NAME, "num_examples", p.num_examples, allowed));
        }
        let last = |i: u32| p.start_value.hi + i * p.step.hi;
        let terms = [
            numbers(last(0), "[", ","),
            numbers(last(1), "", ","),
            numbers(last(2), "", "]->"),
            numbers(last(3), "[", "], "),
        ];
        Ok(Self { params, terms })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let (start, step) = [(20, 9), (200, 50), (2000, 300)][usize::from(level) - 1];
        Params { start_value: Span::new(1, start), step: Span::new(1, step), ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { start_value: Span::new(1, 2), step: Span::new(1, 1), num_examples: 0 };
        let large = Params {
            start_value: Span::new(0, MAX_START),
            step: Span::new(1, MAX_STEP),
            num_examples: fewshot::MAX_EXAMPLES as u32,
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let Span { lo, hi } = params.start_value;
        let start_value = if hi < MAX_START { Span::new(lo, hi + 1) } else { Span::new(lo.max(2) - 1, hi) };
        let wider = Params { start_value, ..params.clone() };
        (wider != *params).then_some(wider)
    }

    fn instructions(&self) -> String {
        let shown = match self.params.num_examples {
            0 => "The prompt is a progression without its next term, written".to_owned(),
            1 => "The prompt is a progression with its next term, a comma, and a progression without it, written"
                .to_owned(),
            n => format!(
                "The prompt is {n} progressions with their next terms, with commas between them, and then a \
                 progression without it, written"
            ),
        };
        format!(
            "{shown} `[a,b,c]->`. A progression is three whole numbers that rise by equal steps: b is a plus the \
             step, c is b plus the step, and the next term is c plus the step. Each progression has a step of its \
             own, which must be found in its own numbers. Give the next term of the progression that stands last. The \
             answer is this number in square brackets, such as `[n]`, in decimal digits without leading zeros, and \
             nothing else.",
        )
    }

    fn vocab() -> &'static Vocab {
        symbols::vocab()
    }

    fn max_len(&self) -> usize {
        let progression: usize = self.terms.iter().filter_map(|terms| terms.last()).map(Piece::len).sum();
        (self.params.num_examples as usize + 1) * progression
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Shots) {
        let p = &self.params;
        fewshot::draw(rng, Self::ranges(p), p.num_examples as usize, it, Self::SALT, fact);
    }

    fn content(&self, it: &Shots) -> u64 {
        hash(Self::SALT, fact(it.query))
    }

    fn encode(&self, it: &Shots, row: &mut Row) {
        let next = |[start, step]: [u32; 2]| &self.terms[3][(start + 3 * step) as usize];
        fewshot::write_row(row, self.max_len(), |pen| {
            for &demo in &it.demos {
                self.write(pen, demo);
                pen.write(next(demo));
            }
            let question = pen.here();
            self.write(pen, it.query);
            let answer = pen.here();
            pen.write_without(next(it.query), 2);
            [question, answer]
        });
    }

    fn metadata(&self, it: &Shots) -> impl Serialize {
        let terms = |[start, step]: [u32; 2], n: u32| list((0..n).map(move |i| start + i * step));
        let [start, step] = it.query;
        object! {
            "answer": start + 3 * step,
            "examples": list(it.demos.iter().map(move |&demo| terms(demo, 4))),
            "measured": object! { "start": start, "step": step },
            "query": terms(it.query, 3),
        }
    }

    fn is_answer(text: &str) -> bool {
        is_number(bare(text), 5)
    }

    fn spelled(text: &str) -> Option<String> {
        (Self::is_answer(text) && forms::number(bare(text))).then(|| text.to_owned())
    }

    fn subjects(prompt: &str) -> Vec<String> {
        let last = prompt.rsplit(", ").next().and_then(|shot| shot.trim().strip_suffix("->"));
        last.map(str::to_owned).into_iter().collect()
    }

    /// The brackets are decoration: a number alone says the same.
    fn accepts(&self, _prompt: &str, target: &str, given: &str) -> bool {
        given == target || given == bare(target)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let wanted = rules.map(|task| task.params.num_examples);
        fewshot::read_shots(ids, form, Self::SALT, wanted, |scan| {
            let (key, next) = read_progression(rules, scan)?;
            Ok((fact(key), format!("[{next}]")))
        })
    }
}

fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

/// First term and step, and the next term by finite differences: where all second differences vanish it is 3c - 3b + a.
fn read_progression(rules: Option<&Sequence>, scan: &mut Scan<'_>) -> Result<([u32; 2], u32), Flaw> {
    let start = *scan;
    scan.expect("[")?;
    let a = scan.number(MAX_START)?;
    scan.expect(",")?;
    let b = scan.number(MAX_START + MAX_STEP)?;
    scan.expect(",")?;
    let c = scan.number(MAX_START + 2 * MAX_STEP)?;
    scan.expect("]->")?;
    let step = b.checked_sub(a).filter(|step| (1..=MAX_STEP).contains(step) && c.checked_sub(b) == Some(*step));
    let Some(step) = step else {
        return start.fail(format!("no progression that rises by 1 to {MAX_STEP}"));
    };
    if let Some(Sequence { params: p, .. }) = rules
        && !(p.start_value.contains(a) && p.step.contains(step))
    {
        return start.fail("start_value or step differ from the parameters");
    }
    Ok(([a, step], 3 * (c - b) + a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::fewshot::shares;

    #[test]
    fn small_spaces_have_keys_in_every_split() {
        let of = |starts: u32, steps: u32| (1..=starts).flat_map(move |a| (1..=steps).map(move |d| fact([a, d])));
        assert_eq!(shares(Sequence::SALT, of(4, 3)), [10, 1, 1], "the original's ranges");
        assert_eq!(shares(Sequence::SALT, of(20, 9)), [162, 9, 9]);
    }
}
