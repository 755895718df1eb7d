//! Random grammars of a given shape.

use std::collections::BTreeSet;

use super::{Grammar, Level, MAX_CHOICES, MAX_DEPTH, MAX_RULE, MAX_RULES, MAX_SYMBOLS, MAX_TERMINALS};
use crate::rng::{StreamKey, TaskRng};
use crate::sampling::permutation::choose_front;

/// Draws of a level before the shape is given up.
const ATTEMPTS: u32 = 10_000;

/// What a random grammar should look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Lengths of the rules, by level and symbol.
    pub lengths: Vec<Vec<Vec<u8>>>,
    /// Number of terminals.
    pub terminals: usize,
    /// May a rule have the same symbol twice?
    pub repeats: bool,
}

impl Shape {
    /// Read the short form: levels divided by `|`, symbols by spaces, a digit per rule.
    pub(super) fn parse(text: &str, terminals: usize, repeats: bool) -> Self {
        let symbol = |digits: &str| digits.bytes().map(|digit| digit - b'0').collect();
        let lengths = text.split('|').map(|level| level.split(' ').map(symbol).collect()).collect();
        Self { lengths, terminals, repeats }
    }

    fn check(&self) -> Result<(), String> {
        let total: usize = self.lengths.iter().flatten().map(Vec::len).sum();
        let outside = |what: &str, found: usize, most: usize| Err(format!("{found} {what}; allowed: 1..={most}"));
        if !(1..=MAX_DEPTH).contains(&self.lengths.len()) {
            return outside("levels", self.lengths.len(), MAX_DEPTH);
        }
        if !(1..=MAX_TERMINALS).contains(&self.terminals) {
            return outside("terminals", self.terminals, MAX_TERMINALS);
        }
        if !(1..=MAX_RULES).contains(&total) {
            return outside("rules", total, MAX_RULES);
        }
        for (d, level) in self.lengths.iter().enumerate() {
            let below = self.lengths.get(d + 1).map_or(self.terminals, Vec::len);
            if !(1..=MAX_SYMBOLS).contains(&level.len()) {
                return outside(&format!("symbols in level {d}"), level.len(), MAX_SYMBOLS);
            }
            if let Some(symbol) = level.iter().find(|rules| !(1..=MAX_CHOICES).contains(&rules.len())) {
                return outside(&format!("rules of a symbol in level {d}"), symbol.len(), MAX_CHOICES);
            }
            if let Some(&long) = level.iter().flatten().find(|&&len| !(1..=MAX_RULE).contains(&usize::from(len))) {
                return outside(&format!("symbols in a rule of level {d}"), long.into(), MAX_RULE);
            }
            let places: usize = level.iter().flatten().map(|&len| usize::from(len)).sum();
            if places < below {
                return Err(format!(
                    "level {d} has {places} places for the {below} symbols below: some are never used"
                ));
            }
            for len in 1..=MAX_RULE {
                let wanted = level.iter().flatten().filter(|&&l| usize::from(l) == len).count();
                let known = self.candidates(below, len);
                if wanted > known {
                    return Err(format!("level {d} wants {wanted} different rules of length {len}; there are {known}"));
                }
            }
        }
        Ok(())
    }

    /// Number of right-hand sides of a length over `below` symbols.
    fn candidates(&self, below: usize, len: usize) -> usize {
        let factor = |place: usize| if self.repeats { below } else { below.saturating_sub(place) };
        (0..len).map(factor).fold(1, usize::saturating_mul)
    }
}

impl Grammar {
    /// A random grammar of a shape: every rule uniform among the right-hand sides of its length that its level does not yet
    /// have, given that every symbol is used. `Err` says what is wrong with the shape.
    pub fn random(name: &str, shape: &Shape, seed: u64) -> Result<Self, String> {
        shape.check()?;
        let text = format!("{:?};{};{}", shape.lengths, shape.terminals, shape.repeats);
        let mut rng = StreamKey::new("grammar", &text, seed, 0).rng(0.into(), 0);
        let levels = (0..shape.lengths.len()).map(|d| draw_level(shape, d, &mut rng));
        Self::new(name, levels.collect::<Result<_, _>>()?, shape.terminals)
    }
}

fn draw_level(shape: &Shape, d: usize, rng: &mut TaskRng) -> Result<Level, String> {
    let below = shape.lengths.get(d + 1).map_or(shape.terminals, Vec::len);
    for _ in 0..ATTEMPTS {
        let mut seen = BTreeSet::new();
        let level = shape.lengths[d].iter().map(|symbol| {
            symbol.iter().map(|&len| draw_rule(shape, below, len.into(), &mut seen, rng)).collect::<Option<Vec<_>>>()
        });
        let level: Option<Level> = level.collect();
        let used: BTreeSet<u8> = seen.iter().flatten().copied().collect();
        if let Some(level) = level.filter(|_| used.len() == below) {
            return Ok(level);
        }
    }
    Err(format!("level {d}: no draw in {ATTEMPTS} uses all {below} symbols below; give it more or longer rules"))
}

fn draw_rule(
    shape: &Shape,
    below: usize,
    len: usize,
    seen: &mut BTreeSet<Vec<u8>>,
    rng: &mut TaskRng,
) -> Option<Vec<u8>> {
    // Where nearly all candidates are taken, one in so many draws finds a new one.
    let tries = 50 * shape.candidates(below, len).min(2 * MAX_RULES);
    let mut symbols: Vec<u8> = (0..=(below - 1) as u8).collect();
    (0..tries).find_map(|_| {
        let rule: Vec<u8> = if shape.repeats {
            (0..len).map(|_| rng.below(below as u32) as u8).collect()
        } else {
            choose_front(rng, &mut symbols, len);
            symbols[..len].to_vec()
        };
        seen.insert(rule.clone()).then_some(rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_have_the_shape_that_was_asked_for() {
        for repeats in [false, true] {
            let shape = Shape::parse("23|33 23 123|22 333 23", 5, repeats);
            for seed in 0..50 {
                let grammar = Grammar::random("g", &shape, seed).unwrap();
                let lengths: Vec<Vec<Vec<u8>>> = grammar
                    .levels()
                    .iter()
                    .map(|level| level.iter().map(|rules| rules.iter().map(|r| r.len() as u8).collect()).collect())
                    .collect();
                assert_eq!((lengths, grammar.terminals()), (shape.lengths.clone(), 5));
                assert!(grammar.shares().iter().flatten().all(|&share| share > 0.0));
                let distinct = |rule: &Vec<u8>| rule.iter().collect::<BTreeSet<_>>().len() == rule.len();
                assert!(repeats || grammar.levels().iter().flatten().flatten().all(distinct));
            }
            assert_eq!(Grammar::random("g", &shape, 3), Grammar::random("g", &shape, 3));
            assert_ne!(Grammar::random("g", &shape, 3), Grammar::random("g", &shape, 4));
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for (text, terminals, part) in [
            ("2", 3, "2 places for the 3 symbols"),
            ("9", 3, "symbols in a rule"),
            ("0", 3, "symbols in a rule"),
            ("23|22 222222", 2, "8 different rules of length 2; there are 4"),
            ("2", 0, "0 terminals"),
            ("2", 99, "99 terminals"),
            (&["2"; 17].join("|"), 1, "17 levels"),
            (&["8"; 5].join("|"), 1, "the longest string"),
        ] {
            let message = Grammar::random("g", &Shape::parse(text, terminals, true), 0).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        let no_repeats = Shape::parse("333", 2, false);
        assert!(Grammar::random("g", &no_repeats, 0).unwrap_err().contains("there are 0"));
    }
}
