//! Levelled context-free grammars: the symbols of a level rewrite into symbols of the next one, the last level is the
//! terminals. All that Lano asks of them lives here: loading, sampling, parsing, laws and exact predictions.
//!
//! Terminals are numbered from 0 inside this module; the reference's numbers, where terminals count from 1, belong to
//! the JSON form and to labels.

mod derivation;
mod json;
mod law;
mod parse;
mod predict;
mod random;
mod sampler;
mod shipped;
mod wide;

use std::collections::BTreeSet;

pub use derivation::Labels;
pub use law::LengthLaw;
pub use parse::Chart;
pub use predict::{kl, next_token};
pub use random::Shape;
pub use sampler::{Draft, Sampler};
pub use shipped::{NAMES, shipped};

/// Most terminals.
pub const MAX_TERMINALS: usize = 16;
/// Most levels above the terminals.
pub const MAX_DEPTH: usize = 16;
/// Most symbols of a level.
pub const MAX_SYMBOLS: usize = 256;
/// Most rules of one symbol.
pub const MAX_CHOICES: usize = 64;
/// Most rules of a grammar.
pub const MAX_RULES: usize = 1024;
/// Most symbols on the right of a rule.
pub const MAX_RULE: usize = 8;
/// No string of a grammar may be longer.
pub const LONGEST: usize = 4096;
/// Words of memory that a chart of the longest string may take.
const MAX_CHART: usize = 1 << 24;

/// The rules of a level: per symbol its right-hand sides, as positions in the next level.
pub type Level = Vec<Vec<Vec<u8>>>;

/// A checked grammar: each symbol rewrites by one of its rules, uniformly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    name: String,
    levels: Vec<Level>,
    terminals: usize,
    /// Shortest and longest string of each symbol, by level, terminals included.
    lengths: Vec<Vec<(usize, usize)>>,
}

impl Grammar {
    /// Check a grammar; the root is the one symbol of the first level. `Err` says what is wrong.
    pub fn new(name: impl Into<String>, levels: Vec<Level>, terminals: usize) -> Result<Self, String> {
        if levels.is_empty() || levels.len() > MAX_DEPTH {
            return Err(format!("depth {}; allowed: 1..={MAX_DEPTH}", levels.len()));
        }
        if !(1..=MAX_TERMINALS).contains(&terminals) {
            return Err(format!("{terminals} terminals; allowed: 1..={MAX_TERMINALS}"));
        }
        if levels[0].len() != 1 {
            return Err(format!("{} symbols in level 0; allowed: one, the root", levels[0].len()));
        }
        let total: usize = levels.iter().flatten().map(Vec::len).sum();
        if total > MAX_RULES {
            return Err(format!("{total} rules; allowed: at most {MAX_RULES}"));
        }
        for (d, level) in levels.iter().enumerate() {
            let below = levels.get(d + 1).map_or(terminals, Vec::len);
            check_level(level, below).map_err(|reason| format!("level {d}: {reason}"))?;
        }
        let mut grammar = Self { name: name.into(), levels, terminals, lengths: Vec::new() };
        grammar.lengths = grammar.measure();
        let longest = grammar.longest();
        if longest > LONGEST {
            return Err(format!("the longest string has {longest} terminals; allowed: at most {LONGEST}"));
        }
        let words: usize = grammar.lengths.iter().map(|level| level.iter().map(|l| l.1 / 64 + 1).sum::<usize>()).sum();
        if words * (longest + 1) > MAX_CHART {
            return Err("too many symbols for strings of this length: a parse would need over 128 MiB".to_owned());
        }
        Ok(grammar)
    }

    fn measure(&self) -> Vec<Vec<(usize, usize)>> {
        let mut lengths = vec![vec![(1, 1); self.terminals]];
        for level in self.levels.iter().rev() {
            let below = &lengths[lengths.len() - 1];
            let of_rule = |rule: &Vec<u8>| {
                // A chain of the longest rules exceeds a machine word before it exceeds the depth.
                let add = |(lo, hi): (usize, usize), &child: &u8| {
                    let (a, b) = below[usize::from(child)];
                    (lo.saturating_add(a), hi.saturating_add(b))
                };
                rule.iter().fold((0, 0), add)
            };
            let of_symbol = |rules: &Vec<Vec<u8>>| {
                rules.iter().map(of_rule).fold((usize::MAX, 0), |(lo, hi), (a, b)| (lo.min(a), hi.max(b)))
            };
            lengths.push(level.iter().map(of_symbol).collect());
        }
        lengths.reverse();
        lengths
    }

    /// Its name: of a shipped grammar, or `custom`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Levels above the terminals.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Number of terminals.
    pub fn terminals(&self) -> usize {
        self.terminals
    }

    /// Symbols of every level, the root's first, the terminals last.
    pub fn sizes(&self) -> Vec<usize> {
        self.levels.iter().map(Vec::len).chain([self.terminals]).collect()
    }

    /// All rules, by level.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Number of rules.
    pub fn rule_count(&self) -> usize {
        self.levels.iter().flatten().map(Vec::len).sum()
    }

    /// Length of the shortest string.
    pub fn shortest(&self) -> usize {
        self.lengths[0][0].0
    }

    /// Length of the longest string.
    pub fn longest(&self) -> usize {
        self.lengths[0][0].1
    }

    /// The reference's number of a symbol: terminals from 1, three specials, then level by level from the lowest.
    pub fn symbol_id(&self, level: usize, symbol: usize) -> u32 {
        if level == self.depth() {
            return symbol as u32 + 1;
        }
        let lower: usize = self.levels[level + 1..].iter().map(Vec::len).sum();
        (self.terminals + 4 + lower + symbol) as u32
    }

    /// Expected share of each symbol among the symbols of its level, by level, terminals included.
    pub fn shares(&self) -> Vec<Vec<f64>> {
        let sizes = self.sizes();
        let mut counts = vec![vec![1.0]];
        for (d, level) in self.levels.iter().enumerate() {
            let mut next = vec![0.0; sizes[d + 1]];
            for (rules, &count) in level.iter().zip(&counts[d]) {
                for &child in rules.iter().flatten() {
                    next[usize::from(child)] += count / rules.len() as f64;
                }
            }
            counts.push(next);
        }
        let share = |level: Vec<f64>| {
            let total: f64 = level.iter().sum();
            level.into_iter().map(|count| count / total).collect()
        };
        counts.into_iter().map(share).collect()
    }
}

fn check_level(level: &Level, below: usize) -> Result<(), String> {
    if level.is_empty() || level.len() > MAX_SYMBOLS {
        return Err(format!("{} symbols; allowed: 1..={MAX_SYMBOLS}", level.len()));
    }
    let mut seen = BTreeSet::new();
    for (symbol, rules) in level.iter().enumerate() {
        if rules.is_empty() || rules.len() > MAX_CHOICES {
            return Err(format!("symbol {symbol} has {} rules; allowed: 1..={MAX_CHOICES}", rules.len()));
        }
        for rule in rules {
            if rule.is_empty() || rule.len() > MAX_RULE {
                let len = rule.len();
                return Err(format!("symbol {symbol} has a rule of length {len}; allowed: 1..={MAX_RULE}"));
            }
            if let Some(child) = rule.iter().find(|&&child| usize::from(child) >= below) {
                return Err(format!("symbol {symbol} has child {child}, but the next level has {below} symbols"));
            }
            if !seen.insert(rule) {
                return Err(format!("the right-hand side {rule:?} occurs twice; a level must have each only once"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_grammars_are_refused() {
        let refused = |levels: Vec<Level>, terminals, part: &str| {
            let message = Grammar::new("g", levels, terminals).unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        let rule = || vec![vec![vec![0, 1]]];
        refused(vec![], 2, "depth 0");
        refused(vec![rule(); 17], 2, "depth 17");
        refused(vec![rule()], 0, "0 terminals");
        refused(vec![rule()], 17, "17 terminals");
        refused(vec![vec![vec![vec![0]], vec![vec![1]]]], 2, "one, the root");
        refused(vec![vec![vec![]]], 2, "0 rules");
        refused(vec![vec![vec![vec![]]]], 2, "length 0");
        refused(vec![vec![vec![vec![0; 9]]]], 2, "length 9");
        refused(vec![rule()], 1, "child 1, but the next level has 1");
        refused(vec![vec![vec![vec![0], vec![0]]]], 2, "occurs twice");
        refused(vec![vec![vec![vec![0; 8]]]; 16], 2, "the longest string");
        refused(vec![rule(), vec![vec![vec![16]], vec![vec![1]]]], 16, "level 1: symbol 0 has child 16");
        // Eleven levels that double, 80 symbols each: strings of 4096.
        let pairs = |next: fn(u8) -> [u8; 2]| (0..80).map(|i| vec![next(i).to_vec()]).collect::<Level>();
        let mut levels = vec![rule()];
        levels.extend((0..10).map(|_| pairs(|i| [i, i])));
        levels.push(pairs(|i| [i % 16, i / 16]));
        refused(levels, 16, "over 128 MiB");
        assert!(Grammar::new("g", vec![rule()], 2).is_ok());
    }

    #[test]
    fn symbols_are_numbered_as_in_the_reference() {
        let grammar = shipped("cfg3f").unwrap();
        assert_eq!(grammar.symbol_id(0, 0), 22);
        assert_eq!((grammar.symbol_id(1, 0), grammar.symbol_id(5, 0), grammar.symbol_id(5, 2)), (19, 7, 9));
        assert_eq!(grammar.symbol_id(6, 2), 3);
        assert_eq!(shipped("cfg3k").unwrap().symbol_id(0, 0), 25);
    }
}
