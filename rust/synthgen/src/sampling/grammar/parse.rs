//! Recognition and parsing, level by level from the terminals up: for every symbol and start, a bitset of the lengths it
//! derives there.

use super::{Grammar, LONGEST};

/// Lengths by symbol and start: bit `l` of a cell says that the symbol derives the `l` terminals from the start.
#[derive(Clone, Debug)]
struct Spans {
    /// Words per cell.
    words: usize,
    starts: usize,
    bits: Vec<u64>,
}

impl Spans {
    fn new(symbols: usize, starts: usize, longest: usize) -> Self {
        let words = longest / 64 + 1;
        Self { words, starts, bits: vec![0; symbols * starts * words] }
    }

    fn cell(&self, symbol: usize, start: usize) -> &[u64] {
        let at = (symbol * self.starts + start) * self.words;
        &self.bits[at..at + self.words]
    }

    fn cell_mut(&mut self, symbol: usize, start: usize) -> &mut [u64] {
        let at = (symbol * self.starts + start) * self.words;
        &mut self.bits[at..at + self.words]
    }

    fn has(&self, symbol: usize, start: usize, length: usize) -> bool {
        self.cell(symbol, start).get(length / 64).is_some_and(|word| word >> (length % 64) & 1 == 1)
    }
}

/// Set bits, in increasing order.
fn ones(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(at, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| at * 64 + rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            bit
        })
    })
}

/// `to |= from << shift`; bits beyond the end are dropped.
fn or_shifted(to: &mut [u64], from: &[u64], shift: usize) {
    let (whole, part) = (shift / 64, shift % 64);
    for (at, &word) in from.iter().enumerate().filter(|(_, word)| **word != 0) {
        if let Some(low) = to.get_mut(at + whole) {
            *low |= word << part;
        }
        if part > 0
            && let Some(high) = to.get_mut(at + whole + 1)
        {
            *high |= word >> (64 - part);
        }
    }
}

/// The 64 bits from a place on.
fn window(bits: &[u64], at: usize) -> u64 {
    let (whole, part) = (at / 64, at % 64);
    let low = bits.get(whole).map_or(0, |word| word >> part);
    let high = bits.get(whole + 1).filter(|_| part > 0).map_or(0, |word| word << (64 - part));
    low | high
}

/// Everything that the symbols of a grammar derive within one string; a verdict needs no chart of the two top levels, where
/// spans are longest.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    grammar: &'a Grammar,
    terminals: Vec<u8>,
    /// By level, terminals last; those above `built` are still empty.
    levels: Vec<Spans>,
    built: usize,
}

impl<'a> Chart<'a> {
    /// Fill the chart of a string. What is too long for the grammar is cut after its longest string: no prefix of it that
    /// counts is lost.
    pub fn new(grammar: &'a Grammar, terminals: &[u8]) -> Self {
        let kept = terminals.len().min(grammar.longest().min(LONGEST) + 1);
        let terminals = terminals[..kept].to_vec();
        let n = terminals.len();
        let mut leaves = Spans::new(grammar.terminals(), n + 1, 1);
        for (start, &terminal) in terminals.iter().enumerate() {
            if usize::from(terminal) < grammar.terminals() {
                leaves.cell_mut(usize::from(terminal), start)[0] = 0b10;
            }
        }
        let depth = grammar.depth();
        let mut levels = vec![Spans::new(0, 0, 0); depth];
        levels.push(leaves);
        let built = depth.min(2);
        for d in (built..depth).rev() {
            levels[d] = fill(grammar, d, n, &levels[d + 1]);
        }
        Self { grammar, terminals, levels, built }
    }

    /// Is the string one of the grammar's?
    pub fn accepts(&self) -> bool {
        let n = self.terminals.len();
        let mut end = vec![0; n / 64 + 1];
        end[n / 64] = 1 << (n % 64);
        n > 0 && self.before(0, 0, &end)[0] & 1 == 1
    }

    /// The starts from which a symbol derives a span that ends at one of these places.
    fn before(&self, level: usize, symbol: usize, ends: &[u64]) -> Vec<u64> {
        let mut starts = vec![0; ends.len()];
        if level >= self.built {
            let spans = &self.levels[level];
            for start in 0..self.terminals.len() {
                let cell = spans.cell(symbol, start);
                let hit = cell.iter().enumerate().any(|(at, &word)| word & window(ends, start + 64 * at) != 0);
                starts[start / 64] |= u64::from(hit) << (start % 64);
            }
            return starts;
        }
        for rule in &self.grammar.levels()[level][symbol] {
            let (last, others) = rule.split_last().map_or((0, &[][..]), |(&last, others)| (last, others));
            let last = self.before(level + 1, usize::from(last), ends);
            let first = others.iter().rfold(last, |ends, &c| self.before(level + 1, usize::from(c), &ends));
            starts.iter_mut().zip(first).for_each(|(to, from)| *to |= from);
        }
        starts
    }

    /// The same with the charts of all levels.
    pub(super) fn complete(mut self) -> Self {
        for d in (0..self.built).rev() {
            self.levels[d] = fill(self.grammar, d, self.terminals.len(), &self.levels[d + 1]);
        }
        self.built = 0;
        self
    }

    /// Lengths that a symbol derives from a start, in increasing order.
    pub(super) fn lengths(&self, level: usize, symbol: usize, start: usize) -> impl Iterator<Item = usize> + '_ {
        ones(self.levels[level].cell(symbol, start))
    }

    pub(super) fn grammar(&self) -> &'a Grammar {
        self.grammar
    }

    pub(super) fn terminals(&self) -> &[u8] {
        &self.terminals
    }

    /// How many terminals from the start begin some string of the grammar: all of them, or the first that cannot follow is
    /// at this place. The chart must be complete.
    pub(super) fn viable(&self) -> usize {
        let n = self.terminals.len();
        let mut expected = vec![vec![false; n + 1]];
        expected[0][0] = true;
        let sizes = self.grammar.sizes();
        for (d, level) in self.grammar.levels().iter().enumerate() {
            let mut next = vec![vec![false; n + 1]; sizes[d + 1]];
            for (symbol, rules) in level.iter().enumerate() {
                for rule in rules {
                    let mut here = expected[symbol].clone();
                    for (place, &child) in rule.iter().enumerate() {
                        let child = usize::from(child);
                        for (to, &from) in next[child].iter_mut().zip(&here) {
                            *to |= from;
                        }
                        if place + 1 < rule.len() {
                            let mut after = vec![false; n + 1];
                            for start in (0..=n).filter(|&start| here[start]) {
                                for length in self.lengths(d + 1, child, start) {
                                    after[start + length] = true;
                                }
                            }
                            here = after;
                        }
                    }
                }
            }
            expected = next;
        }
        let fits = |(at, &terminal): (usize, &u8)| expected.get(usize::from(terminal)).is_some_and(|places| places[at]);
        self.terminals.iter().enumerate().take_while(|&place| fits(place)).count()
    }

    /// Why the string is not the grammar's, and the place at which that shows.
    pub fn flaw(&self) -> (&'static str, usize) {
        let chart = self.clone().complete();
        let viable = chart.viable();
        let reason = if viable < self.terminals.len() {
            "this terminal cannot follow in a string of the grammar"
        } else {
            "a string of the grammar cannot end here"
        };
        (reason, viable)
    }

    /// One derivation of the whole string, as the rule choices of its nodes in pre-order: the first rule that fits,
    /// everywhere. `None` when the string is not the grammar's.
    pub fn derivation(&self) -> Option<Vec<u8>> {
        self.accepts().then_some(())?;
        let chart = self.clone().complete();
        let mut choices = Vec::new();
        chart.derive(0, 0, 0, chart.terminals.len(), &mut choices);
        Some(choices)
    }

    fn derive(&self, level: usize, symbol: usize, start: usize, length: usize, choices: &mut Vec<u8>) {
        let Some(rules) = self.grammar.levels().get(level).map(|level| &level[symbol]) else {
            return;
        };
        let found = rules.iter().enumerate().find_map(|(i, rule)| Some((i, self.split(level, rule, start, length)?)));
        if let Some((choice, lengths)) = found {
            choices.push(choice as u8);
            let mut at = start;
            for (&child, length) in rules[choice].iter().zip(lengths) {
                self.derive(level + 1, usize::from(child), at, length, choices);
                at += length;
            }
        }
    }

    /// Lengths of the children with which a rule derives a span.
    fn split(&self, level: usize, rule: &[u8], start: usize, length: usize) -> Option<Vec<usize>> {
        let below = &self.levels[level + 1];
        // Places that each prefix of the children reaches, then the way back.
        let mut reached = vec![vec![0u64; length / 64 + 1]];
        reached[0][0] = 1;
        for (place, &child) in rule.iter().enumerate() {
            let mut next = vec![0u64; length / 64 + 1];
            for at in ones(&reached[place]) {
                or_shifted(&mut next, below.cell(usize::from(child), start + at), at);
            }
            reached.push(next);
        }
        let mut end = length;
        (reached[rule.len()][end / 64] >> (end % 64) & 1 == 1).then_some(())?;
        let mut lengths = Vec::with_capacity(rule.len());
        for (place, &child) in rule.iter().enumerate().rev() {
            let fits = |&at: &usize| at <= end && below.has(usize::from(child), start + at, end - at);
            let from = ones(&reached[place]).find(fits)?;
            lengths.push(end - from);
            end = from;
        }
        lengths.reverse();
        Some(lengths)
    }
}

fn fill(grammar: &Grammar, d: usize, n: usize, below: &Spans) -> Spans {
    let level = &grammar.levels()[d];
    let longest = grammar.lengths[d].iter().map(|l| l.1).max().unwrap_or_default().min(n);
    let mut spans = Spans::new(level.len(), n + 1, longest);
    // The root is only wanted from the start of the string.
    let starts = if d == 0 { 1 } else { n };
    let (mut here, mut after) = (vec![0u64; spans.words], vec![0u64; spans.words]);
    for (symbol, rules) in level.iter().enumerate() {
        for start in 0..starts {
            if spans.words == 1 && below.words == 1 {
                // Most levels: spans of at most 63 terminals.
                let derive = |rule: &Vec<u8>| {
                    let cell = |child: u8, at: usize| below.bits[usize::from(child) * below.starts + at];
                    rule[1..].iter().fold(cell(rule[0], start), |ends, &child| {
                        ones(&[ends]).fold(0, |all, length| all | cell(child, start + length) << length)
                    })
                };
                spans.cell_mut(symbol, start)[0] = rules.iter().fold(0, |all, rule| all | derive(rule));
                continue;
            }
            for rule in rules {
                here.fill(0);
                or_shifted(&mut here, below.cell(usize::from(rule[0]), start), 0);
                for &child in &rule[1..] {
                    after.fill(0);
                    for length in ones(&here) {
                        or_shifted(&mut after, below.cell(usize::from(child), start + length), length);
                    }
                    std::mem::swap(&mut here, &mut after);
                }
                for (to, from) in spans.cell_mut(symbol, start).iter_mut().zip(&here) {
                    *to |= from;
                }
            }
        }
    }
    spans
}

impl Grammar {
    /// Terminals of the reference's numbers, which count from 1; `Err` is the place of the first that is none.
    pub fn read_ids(&self, ids: &[i64]) -> Result<Vec<u8>, usize> {
        let terminal = |(at, &id): (usize, &i64)| {
            if (1..=self.terminals() as i64).contains(&id) { Ok((id - 1) as u8) } else { Err(at) }
        };
        ids.iter().enumerate().map(terminal).collect()
    }

    /// Is this string of terminals one of the grammar's?
    pub fn contains(&self, terminals: &[u8]) -> bool {
        (self.shortest()..=self.longest()).contains(&terminals.len()) && Chart::new(self, terminals).accepts()
    }

    /// A shortest string: at every node the first of the rules with the fewest terminals.
    pub fn shortest_string(&self) -> Vec<u8> {
        let mut symbols = vec![0u8];
        for (d, level) in self.levels().iter().enumerate() {
            let cost = |rule: &&Vec<u8>| rule.iter().map(|&c| self.lengths[d + 1][usize::from(c)].0).sum::<usize>();
            let shortest = |symbol: u8| level[usize::from(symbol)].iter().min_by_key(cost).into_iter().flatten();
            symbols = symbols.into_iter().flat_map(shortest).copied().collect();
        }
        symbols
    }
}
