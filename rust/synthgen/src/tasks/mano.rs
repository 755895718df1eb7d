//! Mano: the value of a prefix expression in arithmetic modulo a small number.
//!
//! Source: Allen-Zhu, Physics of Language Models Part 4.1 (arXiv 2512.17351), and its reference code `PhysicsLM4`
//! (Apache-2.0), whose distribution this is. It tests the manipulation of knowledge: the tables of the operations must be
//! learned, and applied several times without writing anything down.
//!
//! ```text
//! LENGTH 3 | + * 3 5 - 4 9 | VALUE 3 ->10
//! ```

mod instructions;

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::params::Field;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::residues::{Expression, MAX_MODULUS, MAX_OPS, OP, Residues, SYNONYM, content};
use crate::score::forms;
use crate::task::Task;
use crate::vocab::{BOS, PAD, Vocab};
use crate::{choice, object, params};

/// Four operations, then their synonyms.
const OPERATION: u16 = 3;
/// For each length two tags, then for each length two markers.
const LENGTH: u16 = 11;
const MARKER: u16 = LENGTH + 2 * MAX_OPS as u16;
const VALUE: u16 = MARKER + 2 * MAX_OPS as u16;
const END: u16 = VALUE + MAX_MODULUS as u16;
/// What a text without parameters is taken to mean.
const USUAL_MODULUS: u32 = 23;
/// Fewer expressions than this without a division by zero are too few to look for.
const LEAST_SHARE: f64 = 0.25;
const NAMES: [[&str; 4]; 2] = [["+ ", "- ", "* ", "/ "], ["plus ", "minus ", "times ", "over "]];

choice! {
    /// Which operations occur: a(ddition), s(ubtraction), m(ultiplication), d(ivision).
    pub enum Operators {
        /// Addition.
        A = "a",
        /// Subtraction.
        S = "s",
        /// Multiplication.
        M = "m",
        /// Division.
        D = "d",
        /// All but multiplication and division.
        As = "as",
        /// Addition and multiplication.
        Am = "am",
        /// Addition and division.
        Ad = "ad",
        /// Subtraction and multiplication.
        Sm = "sm",
        /// Subtraction and division.
        Sd = "sd",
        /// Multiplication and division.
        Md = "md",
        /// All but division.
        Asm = "asm",
        /// All but multiplication.
        Asd = "asd",
        /// All but subtraction.
        Amd = "amd",
        /// All but addition.
        Smd = "smd",
        /// All four.
        Asmd = "asmd",
    }
}

impl Operators {
    fn codes(self) -> Vec<u8> {
        let name = self.write();
        let letters = name.as_str().unwrap_or_default();
        (0..4).filter(|&code| letters.contains(char::from(b"asmd"[usize::from(code)]))).collect()
    }
}

choice! {
    /// Which tokens are predicted.
    pub enum Loss {
        /// All but the first.
        All = "all",
        /// The value alone.
        Answer = "answer",
    }
}

params! {
    /// Parameters of Mano. The reference's names: `L` is `length_max`, `ttype` is `operators`, `value_mod` is `modulus`.
    pub struct Params {
        /// Most operations; training draws their number uniformly from 1, the qa form uses length_max.
        length_max: u32 = 10 => 1..=64;
        /// Evaluation form: length_max operations.
        qa: bool = false;
        /// Operations that occur: a for +, s for -, m for *, d for / (with d, the modulus must be prime).
        operators: Operators = Operators::Asm;
        /// The arithmetic is that of the residues of this number.
        modulus: u32 = 23 => 2..=127;
        /// Write each operation, the length tag and the answer marker as one of two synonyms, at even odds.
        knowledge_augment: bool = true;
        /// Tokens that are predicted: all but the first, or the value alone.
        loss: Loss = Loss::All;
    }
}

/// Mano with checked parameters.
pub struct Mano {
    params: Params,
    ops: Vec<u8>,
    residues: Residues,
    /// The id of every symbol.
    ids: [u16; 256],
}

/// One expression, and whether tag and marker are synonyms.
#[derive(Default)]
pub struct Instance {
    expression: Expression,
    synonyms: [bool; 2],
}

impl Instance {
    fn length(&self) -> u16 {
        (self.expression.symbols().len() / 2) as u16
    }
}

fn is_prime(n: u32) -> bool {
    (2..n).all(|divisor| !n.is_multiple_of(divisor))
}

impl Task for Mano {
    const NAME: &'static str = "mano";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Knowledge manipulation: the value of a prefix expression modulo a small number.";
    const SALT: u64 = 0x6D61_6E6F_0000_0001;
    const SPLIT_KEY: &'static str = "the expression; synonyms and the modulus left out";
    const AXES: &'static [&'static str] = &["length", "depth"];
    const HAS_COMPAT: bool = true;
    const ENCODING: &'static [&'static str] = &["knowledge_augment", "loss"];
    const LEADS: &'static [&'static str] = &["remainder", "number"];
    const STOPS: &'static [&'static str] = &["\n", " |"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let p = &params;
        let ops = p.operators.codes();
        let residues = Residues::new(p.modulus, &ops, Self::SALT);
        if ops.contains(&3) {
            if !is_prime(p.modulus) {
                let allowed = "allowed: a prime, since only then everything but 0 can be divided by; or operators \
                               without d";
                return Err(Error::param(Self::NAME, "modulus", p.modulus, allowed));
            }
            let shares = residues.share_defined(p.length_max);
            let most = shares.iter().take_while(|&&share| share >= LEAST_SHARE).count() - 1;
            if most < p.length_max as usize {
                let allowed = format!(
                    "allowed: at most {most} with operators = {} and modulus = {}, beyond which three expressions in \
                     four divide by 0; lower it or raise modulus",
                    p.operators.write(),
                    p.modulus
                );
                return Err(Error::param(Self::NAME, "length_max", p.length_max, allowed));
            }
        }
        let plain = if p.knowledge_augment { 0 } else { SYNONYM };
        let ids = std::array::from_fn(|symbol| match symbol as u8 {
            value @ 0..OP => VALUE + u16::from(value),
            op => OPERATION + u16::from((op - OP) & !plain),
        });
        Ok(Self { params, ops, residues, ids })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let length_max = [10, 13, 16][usize::from(level) - 1];
        Params { length_max, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let small = Params { length_max: 1, operators: Operators::A, modulus: 2, ..Params::default() };
        let large = Params {
            length_max: MAX_OPS as u32,
            operators: Operators::Asmd,
            modulus: MAX_MODULUS,
            loss: Loss::Answer,
            ..Params::default()
        };
        [small, large]
    }

    fn wider(params: &Params) -> Option<Params> {
        let length_max = params.length_max + 1;
        let longer = Params { length_max, ..params.clone() };
        // With division, a longer expression may too often divide by zero; a larger prime does so less.
        let prime = || (params.modulus + 1..=127).find(|&m| (2..m).all(|d| m % d != 0));
        if length_max <= MAX_OPS as u32 && Self::new(longer.clone()).is_ok() {
            Some(longer)
        } else {
            prime().map(|modulus| Params { modulus, ..params.clone() })
        }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            let lengths = 2 * MAX_OPS as u16;
            let tag = |i: u16| format!("{} {} | ", ["LENGTH", "OPS"][usize::from(i % 2)], i / 2 + 1);
            let marker = |i: u16| format!("| {} {} ->", ["VALUE", "RESULT"][usize::from(i % 2)], i / 2 + 1);
            Vocab::build()
                .family(OPERATION, 8, |i| NAMES[usize::from(i / 4)][usize::from(i % 4)].to_owned())
                .family(LENGTH, lengths, tag)
                .family(MARKER, lengths, marker)
                .family(VALUE, MAX_MODULUS as u16, |v| format!("{v} "))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        2 * self.params.length_max as usize + 5
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let p = &self.params;
        let lengths = if p.qa { 1 } else { p.length_max };
        let [fewer, synonyms] = rng.below_each([lengths, 4]);
        it.synonyms = [synonyms % 2 == 1, synonyms / 2 == 1];
        self.residues.draw(rng, p.length_max - fewer, &mut it.expression);
    }

    fn content(&self, it: &Instance) -> u64 {
        it.expression.content.finish()
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let tag = 2 * (it.length() - 1);
        let [first, last] = it.synonyms.map(|synonym| tag + u16::from(synonym && self.params.knowledge_augment));
        row.extend(&[BOS, LENGTH + first]);
        row.ids.extend(it.expression.symbols().iter().map(|&symbol| self.ids[usize::from(symbol)]));
        row.extend(&[MARKER + last, VALUE + u16::from(it.expression.value)]);
        let answer = row.here() - 1;
        row.query(1, answer);
        row.predict_from(if self.params.loss == Loss::All { 1 } else { answer });
    }

    fn loss_exceeds_answers(&self) -> bool {
        self.params.loss == Loss::All
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let symbols = it.expression.symbols();
        let mut expression = String::new();
        for &symbol in symbols {
            let _ = match symbol {
                value @ 0..OP => write!(expression, "{value} "),
                op => write!(expression, "{} ", NAMES[0][usize::from(op % 4)].trim_end()),
            };
        }
        expression.pop();
        let values = symbols.iter().filter(|&&symbol| symbol < OP).count();
        object! {
            "expression": expression,
            "length": it.length(),
            "measured": object! { "depth": depth(symbols), "length": it.length(), "operands": values },
            "modulus": self.params.modulus,
            "value": it.expression.value,
        }
    }

    fn is_answer(text: &str) -> bool {
        matches!(text.len(), 1..=3) && text.bytes().all(|b| b.is_ascii_digit())
    }

    fn spelled(text: &str) -> Option<String> {
        (Self::is_answer(text) && forms::number(text)).then(|| text.to_owned())
    }

    fn compat_id(&self, id: u16) -> Option<u16> {
        let tag = |i: u16| 10 * (i / 2 + 1) + i % 2;
        match id {
            PAD => Some(0),
            BOS => Some(9999),
            OPERATION..LENGTH => Some(1 + id - OPERATION),
            LENGTH..MARKER => Some(tag(id - LENGTH)),
            MARKER..VALUE => Some(tag(id - MARKER) + 4),
            VALUE..END if u32::from(id - VALUE) < self.params.modulus => Some(5000 + (id - VALUE)),
            _ => None,
        }
    }

    fn compat_synonym(&self, compat: u16) -> Option<u16> {
        (compat == 9998 && self.params.knowledge_augment).then_some(BOS)
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        read(rules, rules.map_or(USUAL_MODULUS, |task| task.params.modulus), ids, form)
    }

    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        read(None, self.params.modulus, ids, form)
    }
}

/// Operations on the longest way from the topmost one to a value.
fn depth(symbols: &[u8]) -> u32 {
    let mut stack: Vec<u32> = Vec::new();
    for &symbol in symbols.iter().rev() {
        let below = if symbol < OP { None } else { stack.pop().max(stack.pop()) };
        stack.push(below.map_or(0, |below| below + 1));
    }
    stack.last().copied().unwrap_or_default()
}

fn read(rules: Option<&Mano>, modulus: u32, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
    let mut tokens = Tokens::after_bos(ids)?;
    let lengths = 2 * MAX_OPS as u16;
    let tag = tokens.expect_family(LENGTH, lengths, "a length tag")?;
    let length = tag / 2 + 1;
    let mut symbols = Vec::new();
    let mut synonym = tag % 2 == 1;
    while let Some(id) = tokens.peek().filter(|id| !(MARKER..VALUE).contains(id)) {
        let at = tokens.at();
        if let Some(code) = tokens.family(OPERATION, 8) {
            synonym |= code >= 4;
            let op = (code % 4) as u8;
            if rules.is_some_and(|task| !task.ops.contains(&op)) {
                return Err(Flaw::at(at, "an operation that these parameters exclude"));
            }
            symbols.push(OP + op);
        } else if id >= VALUE && u32::from(id - VALUE) < modulus {
            tokens.family(VALUE, MAX_MODULUS as u16);
            symbols.push((id - VALUE) as u8);
        } else {
            return Err(Flaw::at(at, format!("expected an operation or a value below {modulus}")));
        }
    }
    let right = evaluate(&symbols, modulus).map_err(|(at, reason)| Flaw::at(2 + at, reason))?;
    if symbols.len() as u32 != 2 * length + 1 {
        return Err(Flaw::at(1, format!("{} operations, the tag says {length}", symbols.len() / 2)));
    }
    let at = tokens.at();
    let marker = tokens.expect_family(MARKER, lengths, "an answer marker")?;
    synonym |= marker % 2 == 1;
    if marker / 2 != tag / 2 {
        return Err(Flaw::at(at, format!("a marker of length {}, the tag says {length}", marker / 2 + 1)));
    }
    if let Some(Mano { params: p, .. }) = rules {
        if length > p.length_max || (p.qa && length != p.length_max) {
            return Err(Flaw::at(
                1,
                format!("{length} operations; allowed: 1..={}, in the qa form the most", p.length_max),
            ));
        }
        if synonym && !p.knowledge_augment {
            return Err(Flaw::at(1, "synonyms only with knowledge_augment"));
        }
    }
    let answer = VALUE + right as u16;
    let mut reading =
        Reading { content: content(Mano::SALT, &symbols).finish(), answer: vec![answer], ..Reading::default() };
    if form == Form::Prompt {
        return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at the answer marker") };
    }
    let last = tokens.at() as u32;
    tokens.expect(answer, "the right value")?;
    if !tokens.is_done() {
        return tokens.fail("nothing may follow the value");
    }
    let all = rules.is_none_or(|task| task.params.loss == Loss::All);
    reading.loss.push(if all { 1 } else { last }..last + 1);
    Ok(reading)
}

/// The value of a prefix expression, from its end: operations find their values on a stack.
fn evaluate(symbols: &[u8], modulus: u32) -> Result<u32, (usize, &'static str)> {
    let mut stack: Vec<u32> = Vec::new();
    for (at, &symbol) in symbols.iter().enumerate().rev() {
        if symbol < OP {
            stack.push(u32::from(symbol));
            continue;
        }
        let (Some(a), Some(b)) = (stack.pop(), stack.pop()) else {
            return Err((at, "an operation without two values"));
        };
        stack.push(match symbol - OP {
            0 => (a + b) % modulus,
            1 => (modulus + a - b) % modulus,
            2 => a * b % modulus,
            // What times b is a? In a field there is exactly one, unless b is 0.
            _ => match (0..modulus).filter(|x| x * b % modulus == a).collect::<Vec<_>>()[..] {
                [quotient] => quotient,
                _ => return Err((at, "a division that has no value")),
            },
        });
    }
    match stack[..] {
        [value] => Ok(value),
        _ => Err((symbols.len(), "the symbols are not one expression")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::check_work_at;

    #[test]
    fn work_is_bounded_where_as_many_expressions_divide_by_zero_as_parameters_allow() {
        check_work_at::<Mano>(Params { operators: Operators::D, length_max: 31, ..Params::default() });
        check_work_at::<Mano>(Params { operators: Operators::D, length_max: 2, modulus: 2, ..Params::default() });
    }

    #[test]
    fn an_expression_that_stands_in_is_valid() {
        // Not one in 2^60 divides by 1 throughout: the search gives up.
        let residues = Residues::new(2, &[3], 0);
        let mut found = Expression::default();
        let mut rng = crate::rng::StreamKey::new("t", "", 1, 0).rng(0.into(), 0);
        residues.draw(&mut rng, 60, &mut found);
        assert_eq!((found.symbols().len(), evaluate(found.symbols(), 2)), (121, Ok(1)));
    }
}
