//! Inducto: examples of a hidden rule, and a sequence to apply it to.
//!
//! Source: the Inducto task of the `SynthLM` task set, which follows the method of Physics of Language Models Part 4.1. It
//! tests rule induction in context: which of the rules it is, only the examples tell.
//!
//! ```text
//! Ex1: [A B C D] -> [D C B A] | Ex2: [H A A F C] -> [C F A A H] | Query: [B E G G] -> [G G E B]
//! ```

mod instructions;
mod reading;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::{Shown, list};
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::induction::Compiled;
use crate::sampling::pair::{LONG, Pair, WIDE};
use crate::sampling::rules::{self, ALPHABETS, FIXED, Fit, LENGTHS, Rule, agreed, fits};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};
use crate::{choice, object, params};
use reading::{induce_in_tiers, read_letters};

/// Declared hard maximum of the examples.
const MAX_EXAMPLES: u16 = 10;
const LETTERS: u16 = *ALPHABETS.end() as u16;
const EXAMPLE: u16 = 3;
const QUERY: u16 = EXAMPLE + MAX_EXAMPLES;
const ARROW: u16 = QUERY + 1;
const OPEN: u16 = ARROW + 1;
const CLOSE: u16 = OPEN + 1;
/// A letter after a bracket, and after another letter.
const FIRST: u16 = CLOSE + 1;
const NEXT: u16 = FIRST + LETTERS;
/// Queries tried on one set of examples: the first as long as it happens to be, the others as long as an example.
const QUERIES: u32 = 4;

choice! {
    /// Which rules there are.
    pub enum Family {
        /// The 30 rules with names of their own.
        Fixed = "fixed",
        /// These, and all pairs of the simpler ones that are functions of their own.
        WithComposites = "with_composites",
    }
}

params! {
    /// Parameters of Inducto.
    pub struct Params {
        /// Number of examples.
        num_examples: Span = Span::new(2, 8) => 1..=10;
        /// Complexity classes of the rules, at even odds; a repeated entry weighs more. None: all rules at even odds.
        complexity: Option<Vec<u32>> = None => 1..=3;
        /// Letters in an example or query.
        sequence_length: Span = Span::new(4, 12) => 4..=24;
        /// Letters of the alphabet, from A on.
        vocab_size: u32 = 10 => 5..=26;
        /// The rules among which the answer is unique.
        family: Family = Family::Fixed;
    }
}

impl Family {
    fn rules(self) -> &'static [Rule] {
        match self {
            Self::Fixed => &FIXED,
            Self::WithComposites => rules::with_composites(),
        }
    }

    fn compiled(self) -> &'static Compiled {
        static FIXED: LazyLock<Compiled> = LazyLock::new(|| Compiled::new(Family::Fixed.rules()));
        static ALL: LazyLock<Compiled> = LazyLock::new(|| Compiled::new(Family::WithComposites.rules()));
        match self {
            Self::Fixed => &FIXED,
            Self::WithComposites => &ALL,
        }
    }
}

/// A rule, and pairs that follow it: the examples and, last, the query.
#[derive(Default)]
pub struct Instance {
    rule: u16,
    pairs: Vec<Pair>,
    /// Rules that fit the examples: memory of the draw.
    fitting: Vec<(u16, u32)>,
}

/// Inducto with checked parameters.
pub struct Inducto {
    params: Params,
    family: &'static Compiled,
    /// The rules to draw from: a class at even odds, then one of its rules.
    classes: Vec<Vec<u16>>,
    /// All triples of letters, a byte each, the first lowest.
    triples: Vec<u32>,
}

impl Task for Inducto {
    const NAME: &'static str = "inducto";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Rule induction: find the rule that the examples share, and apply it.";
    const SALT: u64 = 0x696E_6475_6374_6F01;
    const MARKERS: &'static [u16] = &[OPEN, CLOSE];
    const SPLIT_KEY: &'static str =
        "the examples, in any order, and the query's input; the rule and the answer left out";
    const AXES: &'static [&'static str] = &["rule_complexity"];
    const LEADS: &'static [&'static str] = &["list", "sequence", "letters"];
    const STOPS: &'static [&'static str] = &["\n", "]"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let rules = params.family.rules();
        let of = |class: &u32| {
            let ids = 0..rules.len() as u16;
            ids.filter(|&id| u32::from(rules[usize::from(id)].complexity) == *class).collect()
        };
        let classes = match &params.complexity {
            None => vec![(0..rules.len() as u16).collect()],
            Some(classes) => classes.iter().map(of).collect(),
        };
        let v = params.vocab_size;
        let triples = (0..v * v * v).map(|i| (i % v) | ((i / v % v) << 8) | ((i / (v * v)) << 16)).collect();
        Ok(Self { family: params.family.compiled(), params, classes, triples })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let (examples, complexity) = match level {
            1 => (Span::new(4, 6), vec![1]),
            2 => (Span::new(2, 4), vec![1, 2]),
            _ => (Span::new(1, 3), vec![2, 3]),
        };
        Params { num_examples: examples, complexity: Some(complexity), ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let of = |examples, length, vocab_size, family| Params {
            num_examples: Span::new(examples, examples),
            sequence_length: Span::new(length, length),
            vocab_size,
            family,
            ..Params::default()
        };
        [of(1, 4, 5, Family::Fixed), of(10, 24, 26, Family::WithComposites)]
    }

    fn wider(params: &Params) -> Option<Params> {
        let sequence_length = Span::new(params.sequence_length.lo, params.sequence_length.hi + 1);
        (sequence_length.hi <= *LENGTHS.end() as u32).then(|| Params { sequence_length, ..params.clone() })
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            Vocab::build()
                .family(EXAMPLE, MAX_EXAMPLES, |i| format!("{}Ex{}: [", if i == 0 { "" } else { " | " }, i + 1))
                .piece(QUERY, " | Query: [")
                .piece(ARROW, "] ->")
                .piece(OPEN, " [")
                .piece(CLOSE, "]")
                .family(FIRST, LETTERS, |i| letter(i as u8).to_string())
                .family(NEXT, LETTERS, |i| format!(" {}", letter(i as u8)))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        let n = self.params.sequence_length.hi as usize;
        2 + (self.params.num_examples.hi as usize + 1) * (4 + n + self.family.longest(n))
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        rng.in_registers(|rng| {
            let count = rng.between(self.params.num_examples.lo, self.params.num_examples.hi) as usize;
            let class = if self.classes.len() == 1 { 0 } else { rng.below(self.classes.len() as u32) as usize };
            let class = &self.classes[class];
            it.rule = class[rng.below(class.len() as u32) as usize];
            // The rule stays: classes keep their odds, however often its sequences are drawn again.
            loop {
                it.pairs.clear();
                while it.pairs.len() < count {
                    self.draw(rng, it, self.params.sequence_length);
                }
                self.family.fitting(it.rule, &it.pairs, &mut it.fitting);
                for attempt in 0..QUERIES {
                    let length = if attempt == 0 {
                        self.params.sequence_length
                    } else {
                        let like = if count == 1 { 0 } else { rng.below(count as u32) as usize };
                        let n = it.pairs[like].input().len() as u32;
                        Span::new(n, n)
                    };
                    self.draw(rng, it, length);
                    if self.family.agree(&it.fitting, &it.pairs[count]) {
                        return;
                    }
                    it.pairs.pop();
                }
            }
        });
    }

    fn content(&self, it: &Instance) -> u64 {
        match it.pairs.split_last() {
            Some((query, examples)) => {
                content(examples.iter().map(|pair| (pair.input(), pair.output())), query.input())
            }
            None => 0,
        }
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        row.push(BOS);
        let count = it.pairs.len() - 1;
        for (i, pair) in it.pairs.iter().enumerate() {
            let start = row.here();
            row.push(if i == count { QUERY } else { EXAMPLE + i as u16 });
            write(row, pair.input());
            row.push(ARROW);
            let prompt = row.here();
            row.push(OPEN);
            write(row, pair.output());
            if i == count {
                row.query_after(start, prompt, prompt + 1);
                row.extend(&[CLOSE, EOS]);
                row.predict_from(prompt);
            } else {
                row.push(CLOSE);
            }
        }
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let rules = self.params.family.rules();
        let rule = &rules[usize::from(it.rule)];
        let count = it.pairs.len() - 1;
        let (examples, query) = (&it.pairs[..count], &it.pairs[count]);
        let mut first = Vec::new();
        self.family.fitting(it.rule, &examples[..1], &mut first);
        // How many other rules fit, and the lowest class of all that do.
        let others = |fitting: &[(u16, u32)]| {
            let ids = Compiled::fitting_with(fitting, query).filter(|&id| id != it.rule);
            let classes = ids.map(|id| rules[usize::from(id)].complexity);
            classes.fold((0, rule.complexity), |(count, least), class| (count + 1, least.min(class)))
        };
        object! {
            "examples": list(examples.iter().map(|pair| {
                object! { "input": letters(pair.input()), "output": letters(pair.output()) }
            })),
            "measured": object! { "alternatives": others(&first).0, "rule_complexity": others(&it.fitting).1 },
            "num_examples": count,
            "rule_complexity": rule.complexity,
            "rule_name": Shown(rule),
            "test_input": letters(query.input()),
            "test_output": letters(query.output()),
        }
    }

    fn is_answer(text: &str) -> bool {
        text.split(' ').all(|word| word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic()))
    }

    fn spelled(text: &str) -> Option<String> {
        let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>().join(" ");
        let joined = text.len() > 1 && text.bytes().all(|b| b.is_ascii_uppercase());
        if joined { Some(letters(text)) } else { forms::list(text, |item| item.len() == 1 && Self::is_answer(item)) }
    }

    fn subjects(prompt: &str) -> Vec<String> {
        forms::asked(prompt, "Query: ", "->").map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let mut examples: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while examples.len() < usize::from(MAX_EXAMPLES) && tokens.accept(EXAMPLE + examples.len() as u16) {
            let at = tokens.at();
            let input = read_letters(&mut tokens, *LENGTHS.end())?;
            tokens.expect(ARROW, "'] ->'")?;
            tokens.expect(OPEN, "' ['")?;
            let output = read_letters(&mut tokens, LONG)?;
            tokens.expect(CLOSE, "']'")?;
            if let Some(task) = rules {
                task.check_input(&input, &examples).map_err(|reason| Flaw::at(at, reason))?;
                if input == output {
                    return Err(Flaw::at(at, "an example changes nothing"));
                }
            }
            examples.push((input, output));
        }
        if examples.is_empty() {
            return tokens.fail("expected 'Ex1: ['");
        }
        tokens.expect(QUERY, "the next example, in order, or ' | Query: ['")?;
        let at = tokens.at();
        let query = read_letters(&mut tokens, *LENGTHS.end())?;
        tokens.expect(ARROW, "'] ->'")?;
        let answer = match rules {
            None => induce_in_tiers(&examples, &query),
            Some(task) => task.check_row(&examples, &query),
        };
        let answer = answer.map_err(|reason| Flaw::at(at, reason))?;
        let mut reading = Reading {
            content: content(examples.iter().map(|(input, output)| (&input[..], &output[..])), &query),
            answer: answer.iter().enumerate().map(|(i, &c)| u16::from(c) + if i == 0 { FIRST } else { NEXT }).collect(),
            ..Reading::default()
        };
        if form == Form::Prompt {
            return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at '] ->'") };
        }
        let start = tokens.at() as u32;
        tokens.expect(OPEN, "' ['")?;
        for &id in &reading.answer {
            tokens.expect(id, "the right answer")?;
        }
        tokens.expect(CLOSE, "']'")?;
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(start..tokens.at() as u32);
        if tokens.is_done() { Ok(reading) } else { tokens.fail("nothing may follow <eos>") }
    }
}

impl Inducto {
    /// Add a pair that follows the rule, shows a change, and is like no other.
    #[inline]
    fn draw(&self, rng: &mut TaskRng, it: &mut Instance, length: Span) {
        let v = self.params.vocab_size;
        it.pairs.push(Pair::default());
        let Some((pair, others)) = it.pairs.split_last_mut() else {
            return;
        };
        loop {
            let threes = v * v * v;
            let [extra, draws @ ..] = rng.below_each([length.hi - length.lo + 1, threes, threes, threes, threes]);
            let n = (length.lo + extra) as usize;
            let mut letters = [0; WIDE];
            letters[..16].copy_from_slice(&self.twelve(draws).to_le_bytes());
            if n > 12 {
                let more = self.twelve(rng.below_each([threes; 4])).to_le_bytes();
                letters[12..28].copy_from_slice(&more);
            }
            letters[n..].fill(0);
            pair.set_input(letters, n);
            let removed = self.family.apply(it.rule, pair, v as u8);
            if removed == 0
                && let Some(places) = self.family.removes_from(it.rule, n)
            {
                let at = 1 + rng.below(places.len() as u32 - 1) as usize;
                pair.repeat(usize::from(places[at - 1]), usize::from(places[at]));
                self.family.apply(it.rule, pair, v as u8);
            }
            if pair.changes() && !others.iter().any(|other| other.same_input(pair)) {
                return;
            }
        }
    }

    /// The letters of four triples, a byte each.
    #[inline]
    fn twelve(&self, triples: [u32; 4]) -> u128 {
        let joined = triples.iter().rev();
        joined.fold(0, |letters, &i| letters << 24 | u128::from(self.triples[i as usize]))
    }

    fn check_input(&self, input: &[u8], examples: &[(Vec<u8>, Vec<u8>)]) -> Result<(), String> {
        let Params { sequence_length: length, vocab_size, .. } = self.params;
        if !length.contains(input.len() as u32) {
            return Err(format!("{} letters; allowed: {}..={}", input.len(), length.lo, length.hi));
        }
        if input.iter().any(|&c| u32::from(c) >= vocab_size) {
            return Err(format!("a letter beyond the first {vocab_size}"));
        }
        if examples.iter().any(|(other, _)| other == input) {
            return Err("a sequence is given twice".to_owned());
        }
        Ok(())
    }

    fn check_row(&self, examples: &[(Vec<u8>, Vec<u8>)], query: &[u8]) -> Result<Vec<u8>, String> {
        let Params { num_examples: count, vocab_size, complexity, family, .. } = &self.params;
        if !count.contains(examples.len() as u32) {
            return Err(format!("{} examples; allowed: {}..={}", examples.len(), count.lo, count.hi));
        }
        self.check_input(query, examples)?;
        let shown: Vec<(&[u8], &[u8])> = examples.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        let fits = fits(family.rules(), &shown, query);
        let answer = agreed(&fits)?;
        let allowed = |fit: &Fit<'_>| {
            (!fit.rule.shifts() || u32::from(fit.alphabet) == *vocab_size)
                && complexity.as_ref().is_none_or(|classes| classes.contains(&u32::from(fit.rule.complexity)))
        };
        if !fits.iter().any(allowed) {
            return Err("no rule of the complexity classes fits the examples".to_owned());
        }
        if answer == query {
            return Err("the query changes nothing".to_owned());
        }
        Ok(answer)
    }
}

fn letter(c: u8) -> char {
    char::from(b'A' + c)
}

fn letters(letters: &[u8]) -> impl Serialize {
    list(letters.iter().map(|&c| letter(c)))
}

/// Hash the examples in any order, and the query.
fn content<'a>(examples: impl Iterator<Item = (&'a [u8], &'a [u8])>, query: &[u8]) -> u64 {
    let example = |(input, output): (&[u8], &[u8])| {
        let lengths = (input.len() << 8 | output.len()) as u64;
        (add(add(Content::new(lengths), input), output).finish(), 0)
    };
    let head = Content::new(Inducto::SALT).unordered(examples.map(example));
    add(head.fact(query.len() as u64), query).finish()
}

/// Add letters, eight to a word.
#[inline]
fn add(head: Content, letters: &[u8]) -> Content {
    let (words, rest) = letters.as_chunks::<8>();
    let head = words.iter().fold(head, |hash, &word| hash.fact(u64::from_le_bytes(word)));
    if rest.is_empty() {
        return head;
    }
    head.fact(rest.iter().rev().fold(0, |word, &c| word << 8 | u64::from(c)))
}

#[inline]
fn write(row: &mut Row, letters: &[u8]) {
    let at = row.len();
    row.ids.extend(letters.iter().map(|&c| NEXT + u16::from(c)));
    row.ids[at] -= NEXT - FIRST;
}

#[cfg(test)]
mod tests;
