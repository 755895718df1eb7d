//! Fast exact sampling: levels are grouped, and every expansion of a symbol through a group is tabled with its exact
//! probability, so that one draw takes several rule choices and writes several symbols.

use super::Grammar;
use crate::rng::TaskRng;

/// Symbols of an expansion: a copy of fixed width is faster than one of variable length.
const WIDTH: usize = 16;
/// Slots of a symbol's table: four draws below this fit one random word.
const MAX_SLOTS: u64 = 1 << 13;
/// Expansions of all symbols of a group.
const MAX_ENTRIES: usize = 1 << 14;

/// One expansion of a symbol through the levels of a group.
#[derive(Clone, Debug)]
struct Entry {
    symbols: [u8; WIDTH],
    len: u8,
    /// Rule choices, in pre-order.
    choices: Vec<u8>,
    /// Slots it takes, out of those of its symbol.
    slots: u64,
}

/// A group of levels: slots are equally likely, and an expansion has as many as its probability wants.
#[derive(Clone, Debug)]
struct Group {
    /// First level.
    level: usize,
    /// First slot of each symbol, and how many.
    symbols: Vec<(u32, u32)>,
    /// The entry of each slot.
    slots: Vec<u16>,
    /// Symbols and their number, by entry.
    entries: Vec<([u8; WIDTH], u8)>,
    /// Rule choices, by entry.
    choices: Vec<Vec<u8>>,
}

/// A string as it is drawn; kept and refilled.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The string, and room for copies of fixed width.
    symbols: Vec<u8>,
    len: usize,
    /// What it is expanded from.
    above: Vec<u8>,
    /// Entries, group after group, in the order of the symbols that they expand.
    picks: Vec<u16>,
    /// Number of picks of each group.
    counts: Vec<usize>,
}

impl Draft {
    /// The string.
    pub fn terminals(&self) -> &[u8] {
        &self.symbols[..self.len]
    }
}

/// A grammar prepared for drawing.
#[derive(Clone, Debug)]
pub struct Sampler {
    groups: Vec<Group>,
    room: usize,
}

impl Sampler {
    /// Make the tables.
    pub fn new(grammar: &Grammar) -> Self {
        let mut groups = Vec::new();
        let mut end = grammar.depth();
        while end > 0 {
            let mut start = end - 1;
            let mut table = single(grammar, start);
            while let Some(more) = start.checked_sub(1).and_then(|level| extended(grammar, level, &table)) {
                start -= 1;
                table = more;
            }
            groups.push(Group::new(start, table));
            end = start;
        }
        groups.reverse();
        Self { groups, room: grammar.longest() + WIDTH }
    }

    /// Draw a string and its derivation: a uniform choice among the rules of every node.
    #[inline]
    pub fn draw(&self, rng: &mut TaskRng, draft: &mut Draft) {
        draft.picks.clear();
        draft.counts.clear();
        for buffer in [&mut draft.symbols, &mut draft.above] {
            buffer.resize(self.room.max(buffer.len()), 0);
        }
        draft.symbols[0] = 0;
        draft.len = 1;
        rng.in_registers(|rng| {
            for group in &self.groups {
                std::mem::swap(&mut draft.symbols, &mut draft.above);
                let before = draft.picks.len();
                draft.len = group.expand(rng, &draft.above[..draft.len], &mut draft.symbols, &mut draft.picks);
                draft.counts.push(draft.picks.len() - before);
            }
        });
    }

    /// The rule choices behind a drawn string, in pre-order.
    pub fn choices(&self, grammar: &Grammar, draft: &Draft) -> Vec<u8> {
        let mut rest = draft.picks.as_slice();
        let mut picks = Vec::new();
        for &count in &draft.counts {
            let (own, others) = rest.split_at(count);
            picks.push(own.iter());
            rest = others;
        }
        let mut choices = Vec::new();
        self.unfold(grammar, 0, 0, &mut [].iter(), &mut picks, &mut choices);
        choices
    }

    /// Pre-order visits the nodes of a level from left to right, which is the order of the picks of a group.
    fn unfold<'a>(
        &'a self,
        grammar: &Grammar,
        level: usize,
        symbol: u8,
        inner: &mut std::slice::Iter<'a, u8>,
        picks: &mut [std::slice::Iter<'_, u16>],
        choices: &mut Vec<u8>,
    ) {
        let Some(rules) = grammar.levels().get(level).map(|level| &level[usize::from(symbol)]) else {
            return;
        };
        let mut own;
        let group = self.groups.iter().position(|group| group.level == level);
        let inner = match group.and_then(|at| Some((at, *picks[at].next()?))) {
            Some((at, pick)) => {
                own = self.groups[at].choices[usize::from(pick)].iter();
                &mut own
            }
            None => inner,
        };
        let Some((&choice, rule)) = inner.next().and_then(|choice| Some((choice, rules.get(usize::from(*choice))?)))
        else {
            return;
        };
        choices.push(choice);
        for &child in rule {
            self.unfold(grammar, level + 1, child, inner, picks, choices);
        }
    }
}

/// The expansions of the symbols of one level by one rule.
fn single(grammar: &Grammar, level: usize) -> Vec<Vec<Entry>> {
    let entry = |(choice, rule): (usize, &Vec<u8>)| {
        let mut symbols = [0; WIDTH];
        symbols[..rule.len()].copy_from_slice(rule);
        Entry { symbols, len: rule.len() as u8, choices: vec![choice as u8], slots: 1 }
    };
    grammar.levels()[level].iter().map(|rules| rules.iter().enumerate().map(entry).collect()).collect()
}

/// The expansions one level further up, unless the tables would get too large.
fn extended(grammar: &Grammar, level: usize, below: &[Vec<Entry>]) -> Option<Vec<Vec<Entry>>> {
    let totals: Vec<u64> = below.iter().map(|entries| entries.iter().map(|entry| entry.slots).sum()).collect();
    let mut table = Vec::new();
    let mut count = 0;
    for rules in &grammar.levels()[level] {
        // All rules get the same number of slots, a multiple of the number of ways to fill each.
        let ways = |rule: &Vec<u8>| rule.iter().try_fold(1u64, |ways, &c| ways.checked_mul(totals[usize::from(c)]));
        let each = rules.iter().try_fold(1u64, |each, rule| lcm(each, ways(rule)?))?;
        if each.checked_mul(rules.len() as u64)? > MAX_SLOTS {
            return None;
        }
        let mut entries = Vec::new();
        for (choice, rule) in rules.iter().enumerate() {
            let slots = each / ways(rule)?;
            let mut heads = vec![Entry { symbols: [0; WIDTH], len: 0, choices: vec![choice as u8], slots }];
            for &child in rule {
                heads = joined(&heads, &below[usize::from(child)])?;
            }
            entries.extend(heads);
        }
        count += entries.len();
        if count > MAX_ENTRIES {
            return None;
        }
        table.push(entries);
    }
    Some(table)
}

/// Every head followed by every tail.
fn joined(heads: &[Entry], tails: &[Entry]) -> Option<Vec<Entry>> {
    if heads.len() * tails.len() > MAX_ENTRIES {
        return None;
    }
    let join = |head: &Entry, tail: &Entry| {
        let (a, b) = (usize::from(head.len), usize::from(tail.len));
        let mut entry = head.clone();
        entry.symbols.get_mut(a..a + b)?.copy_from_slice(&tail.symbols[..b]);
        entry.len += tail.len;
        entry.choices.extend(&tail.choices);
        entry.slots *= tail.slots;
        Some(entry)
    };
    heads.iter().flat_map(|head| tails.iter().map(move |tail| join(head, tail))).collect()
}

fn lcm(a: u64, b: u64) -> Option<u64> {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x).checked_mul(b).filter(|&multiple| multiple <= MAX_SLOTS)
}

impl Group {
    fn new(level: usize, table: Vec<Vec<Entry>>) -> Self {
        let mut group = Self { level, symbols: vec![], slots: vec![], entries: vec![], choices: vec![] };
        for entries in table {
            let first = group.slots.len() as u32;
            for entry in entries {
                let number = group.entries.len() as u16;
                group.slots.extend((0..entry.slots).map(|_| number));
                group.entries.push((entry.symbols, entry.len));
                group.choices.push(entry.choices);
            }
            group.symbols.push((first, group.slots.len() as u32 - first));
        }
        group
    }

    #[inline]
    fn expand(&self, rng: &mut TaskRng, from: &[u8], to: &mut [u8], picks: &mut Vec<u16>) -> usize {
        let mut at = 0;
        let mut write = |symbol: (u32, u32), draw: u32| {
            let pick = self.slots[(symbol.0 + draw) as usize];
            let (symbols, len) = &self.entries[usize::from(pick)];
            to[at..at + WIDTH].copy_from_slice(symbols);
            at += usize::from(*len);
            pick
        };
        let mut fours = from.chunks_exact(4);
        for four in &mut fours {
            let symbols = [0, 1, 2, 3].map(|i| self.symbols[usize::from(four[i])]);
            let draws = rng.below_each(symbols.map(|symbol| symbol.1));
            picks.extend([0, 1, 2, 3].map(|i| write(symbols[i], draws[i])));
        }
        for &symbol in fours.remainder() {
            let symbol = self.symbols[usize::from(symbol)];
            let draw = rng.below(symbol.1);
            picks.push(write(symbol, draw));
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;
    use crate::sampling::grammar::{NAMES, shipped};

    #[test]
    fn strings_follow_their_derivations_and_rules_are_uniform() {
        for name in NAMES {
            let grammar = shipped(name).unwrap();
            let sampler = Sampler::new(grammar);
            let mut rng = StreamKey::new("t", name, 0, 0).rng(0.into(), 0);
            let mut draft = Draft::default();
            let mut uses: Vec<Vec<Vec<f64>>> = grammar
                .levels()
                .iter()
                .map(|level| level.iter().map(|rules| vec![0.0; rules.len()]).collect())
                .collect();
            let mut lengths = 0.0;
            let rows = 2000;
            for _ in 0..rows {
                sampler.draw(&mut rng, &mut draft);
                let choices = sampler.choices(grammar, &draft);
                assert_eq!(grammar.labels(&choices).unwrap().terminals, draft.terminals(), "{name}");
                count(grammar, 0, 0, &mut choices.iter(), &mut uses);
                lengths += draft.terminals().len() as f64;
            }
            let law = grammar.length_law();
            let (mean, error) = (lengths / f64::from(rows), law.sd() / f64::from(rows).sqrt());
            assert!((mean - law.mean()).abs() < 5.0 * error, "{name}: mean length {mean}");
            let cells = uses.iter().flatten().map(|counts| {
                let expected = counts.iter().sum::<f64>() / counts.len() as f64;
                let chi2: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
                (chi2, counts.len() - 1)
            });
            let (chi2, freedom) = cells.fold((0.0, 0), |(a, b), (x, y)| (a + x, b + y));
            // Mean plus six standard deviations of a chi-square law.
            assert!(chi2 < freedom as f64 + 6.0 * (2.0 * freedom as f64).sqrt(), "{name}: {chi2} at {freedom}");
        }
    }

    fn count(
        grammar: &Grammar,
        level: usize,
        symbol: usize,
        choices: &mut std::slice::Iter<'_, u8>,
        uses: &mut [Vec<Vec<f64>>],
    ) {
        if level < grammar.depth() {
            let choice = usize::from(*choices.next().unwrap());
            uses[level][symbol][choice] += 1.0;
            for &child in &grammar.levels()[level][symbol][choice] {
                count(grammar, level + 1, usize::from(child), choices, uses);
            }
        }
    }

    #[test]
    fn groups_take_two_levels_of_the_shipped_grammars() {
        let levels: Vec<usize> =
            Sampler::new(shipped("cfg3k").unwrap()).groups.iter().map(|group| group.level).collect();
        assert_eq!(levels, [0, 1, 3, 5]);
    }
}
