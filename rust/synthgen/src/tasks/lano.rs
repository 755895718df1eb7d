//! Lano: strings of a levelled, ambiguous context-free grammar.
//!
//! Source: the Lano task of Physics of Language Models Part 4.1, with the grammars of Part 1. It tests whether a model
//! learns a hierarchy that it never sees: only the terminals are shown.
//!
//! ```text
//! 3 1 2 1 3 1 2 ...
//! ```

mod instructions;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::grammar::{Chart, Draft, Grammar, MAX_TERMINALS, NAMES, Sampler, Shape, shipped};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, PAD, Vocab};
use crate::{choice, object, params};

const TERMINAL: u16 = 3;
const TERMINALS: u16 = MAX_TERMINALS as u16;
/// How much of a grammar that is refused an error shows.
const SHOWN: usize = 60;

choice! {
    /// The grammars that come with the library.
    pub enum Shipped {
        /// Depth 6, 32 rules, none of which repeats a symbol.
        Cfg3b = "cfg3b",
        /// Depth 6, 32 rules.
        Cfg3i = "cfg3i",
        /// Depth 6, 39 rules.
        Cfg3h = "cfg3h",
        /// Depth 6, 48 rules.
        Cfg3g = "cfg3g",
        /// Depth 6, 54 rules.
        Cfg3f = "cfg3f",
        /// Depth 7, 57 rules.
        Cfg3j = "cfg3j",
        /// Depth 7, 68 rules.
        Cfg3k = "cfg3k",
    }
}

params! {
    /// Parameters of Lano.
    pub struct Params {
        /// Which shipped grammar: our own ones, in the shapes of the reference's grammars of these names.
        grammar: Shipped = Shipped::Cfg3f;
        /// Text of a grammar file in the reference's JSON form, instead of a shipped grammar.
        grammar_json: Option<String> = None;
    }
}

/// Lano with checked parameters.
pub struct Lano {
    params: Params,
    grammar: Grammar,
    sampler: Sampler,
}

impl Task for Lano {
    const NAME: &'static str = "lano";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Hierarchical structure: strings of a levelled context-free grammar.";
    const SALT: u64 = 0x6C61_6E6F_0000_0001;
    const SPLIT_KEY: &'static str = "the string";
    const AXES: &'static [&'static str] = &["rule_count", "bits_per_token"];
    const HAS_COMPAT: bool = true;
    const LEADS: &'static [&'static str] = &["string", "sequence"];
    type Params = Params;
    type Instance = Draft;

    fn new(params: Params) -> Result<Self, Error> {
        let grammar = match &params.grammar_json {
            Some(text) => {
                if params.grammar != Params::default().grammar {
                    let allowed = "allowed: only one of grammar and grammar_json; leave the other out";
                    return Err(Error::param(Self::NAME, "grammar", name(params.grammar), allowed));
                }
                Grammar::from_json(text).map_err(|reason| {
                    let allowed = format!("allowed: a grammar in the reference's JSON form; {reason}");
                    Error::param(Self::NAME, "grammar_json", shorten(text), allowed)
                })?
            }
            None => own(params.grammar).clone(),
        };
        let sampler = Sampler::new(&grammar);
        Ok(Self { params, grammar, sampler })
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let grammar = match level {
            1 => Shipped::Cfg3f,
            2 => Shipped::Cfg3j,
            _ => Shipped::Cfg3k,
        };
        Params { grammar, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let random = |levels: Vec<Vec<Vec<u8>>>, terminals| {
            let shape = Shape { lengths: levels, terminals, repeats: true };
            let grammar_json = Grammar::random("custom", &shape, 0).ok().map(|grammar| grammar.to_json());
            Params { grammar_json, ..Params::default() }
        };
        let small = vec![vec![vec![2, 3]], vec![vec![2, 3]; 2]];
        let symbol = || vec![1, 3, 2, 3];
        let middle = |size: usize| vec![symbol(); size];
        let large = vec![vec![symbol()], middle(8), middle(16), middle(32), middle(24), middle(16), middle(16)];
        [random(small, 2), random(large, MAX_TERMINALS)]
    }

    fn wider(params: &Params) -> Option<Params> {
        params.grammar_json.as_ref().map(|_| Self::preset(2))
    }

    fn drawn(params: &Params) -> Params {
        // A file's spacing and its redundant fields are not consulted.
        let plain = |text: &String| Grammar::from_json(text).map_or_else(|_| text.clone(), |grammar| grammar.to_json());
        Params { grammar_json: params.grammar_json.as_ref().map(plain), ..params.clone() }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> =
            LazyLock::new(|| Vocab::build().family(TERMINAL, TERMINALS, |i| format!("{} ", i + 1)).finish());
        &VOCAB
    }

    fn max_len(&self) -> usize {
        self.grammar.longest() + 2
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Draft) {
        self.sampler.draw(rng, it);
    }

    fn content(&self, it: &Draft) -> u64 {
        content(it.terminals())
    }

    fn encode(&self, it: &Draft, row: &mut Row) {
        row.push(BOS);
        let start = row.here();
        row.ids.extend(it.terminals().iter().map(|&terminal| TERMINAL + u16::from(terminal)));
        // The question is <bos> alone.
        row.query(0, start);
        row.push(EOS);
        row.predict_from(start);
    }

    fn metadata(&self, it: &Draft) -> impl Serialize {
        let choices = self.sampler.choices(&self.grammar, it);
        let bits = self.grammar.derivation_bits(&choices);
        let length = it.terminals().len();
        // Logarithms may differ in their last digits from platform to platform.
        let rounded = |number: f64| (number * 1e6).round() / 1e6;
        object! {
            "grammar": self.grammar.name(),
            "measured": object! {
                "bits_per_token": rounded(bits / length as f64),
                "depth": self.grammar.depth(),
                "derivation_bits": rounded(bits),
                "length": length,
                "rule_count": self.grammar.rule_count(),
            },
            "rules": choices,
        }
    }

    fn is_answer(text: &str) -> bool {
        terminals(text).is_some()
    }

    fn spelled(text: &str) -> Option<String> {
        forms::list(text, |item| terminals(item).is_some())
    }

    /// Every string of the grammar is right, not the one drawn alone. The grammar is the one in force if it has the
    /// target, else whichever shipped one has.
    fn accepts(&self, _: &str, target: &str, given: &str) -> bool {
        let (Some(target), Some(given)) = (terminals(target), terminals(given)) else {
            return false;
        };
        if self.grammar.contains(&target) {
            return self.grammar.contains(&given);
        }
        let other = NAMES.into_iter().filter_map(shipped).find(|grammar| grammar.contains(&target));
        other.map_or(given == target, |grammar| grammar.contains(&given))
    }

    /// A string does not say which grammar it is of.
    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        Self::read(Some(self), ids, form)
    }

    fn target_content(&self, target: &str) -> Option<u64> {
        terminals(target).map(|terminals| content(&terminals))
    }

    fn compat_id(&self, id: u16) -> Option<u16> {
        let used = self.grammar.terminals() as u16;
        match id {
            PAD => Some(0),
            BOS | EOS => Some(used + 1),
            _ => Some(id - TERMINAL + 1).filter(|&terminal| terminal <= used),
        }
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        if form == Form::Prompt {
            if !tokens.is_done() {
                return tokens.fail("a prompt is empty: the whole string is the answer");
            }
            let grammar = rules.map_or_else(|| own(Params::default().grammar), |task| &task.grammar);
            let shortest = grammar.shortest_string();
            let answer = shortest.iter().map(|&terminal| TERMINAL + u16::from(terminal)).collect();
            return Ok(Reading { content: content(&shortest), answer, ..Reading::default() });
        }
        let used = rules.map_or(TERMINALS, |task| task.grammar.terminals() as u16);
        let mut string = Vec::with_capacity(ids.len());
        while let Some(terminal) = tokens.family(TERMINAL, used) {
            string.push(terminal as u8);
        }
        let end = tokens.at();
        tokens.expect(EOS, "a terminal of the grammar or <eos>")?;
        if !tokens.is_done() {
            return tokens.fail("something follows <eos>");
        }
        if let Some(task) = rules {
            let chart = Chart::new(&task.grammar, &string);
            if !chart.accepts() {
                let (reason, at) = chart.flaw();
                return Err(Flaw::at(1 + at, reason));
            }
        }
        let mut reading = Reading { content: content(&string), answer: ids[1..end].to_vec(), ..Reading::default() };
        reading.loss.push(1..end as u32 + 1);
        Ok(reading)
    }
}

fn name(grammar: Shipped) -> &'static str {
    NAMES[grammar as usize]
}

/// A shipped grammar.
fn own(grammar: Shipped) -> &'static Grammar {
    shipped(name(grammar)).expect("every choice is a name of a shipped grammar, which a test builds")
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    format!("{shown:?}")
}

/// The content hash of a string: its length, then sixteen terminals to a word.
fn content(string: &[u8]) -> u64 {
    let word = |bytes: &[u8]| {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(eight)
    };
    let start = Content::new(Lano::SALT).fact(string.len() as u64);
    let sixteens = string.chunks(16).map(|part| {
        let (low, high) = part.split_at(part.len().min(8));
        word(low) | word(high) << 4
    });
    sixteens.fold(start, Content::fact).finish()
}

/// The terminals that a text spells, from 0; `None` when it spells something else, or nothing.
fn terminals(text: &str) -> Option<Vec<u8>> {
    let terminal = |word: &str| {
        let number: u8 = word.parse().ok().filter(|_| !word.starts_with(['+', '0']))?;
        number.checked_sub(1).filter(|&terminal| usize::from(terminal) < MAX_TERMINALS)
    };
    let found: Option<Vec<u8>> = text.split_ascii_whitespace().map(terminal).collect();
    found.filter(|terminals| !terminals.is_empty())
}
