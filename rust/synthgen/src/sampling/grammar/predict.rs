//! The exact law of the next terminal after every prefix of a string.

use super::wide::Wide;
use super::{Chart, Grammar};

/// Weight of every span of one level: by symbol and start, length and probability.
type Inside = Vec<Vec<Vec<(usize, Wide)>>>;

/// Row `i` holds the probabilities of what follows the first `i` terminals: column 0 the end of the string, then one
/// column per terminal; rows for 0 to all terminals, one after another. The string may be any prefix of the grammar's
/// strings; otherwise `Err` is the place of the first terminal that cannot follow.
///
/// The probability that a symbol is the next to be expanded goes down the levels: the first child of a rule stands where
/// its parent does, the next one wherever the first one ends.
pub fn next_token(grammar: &Grammar, terminals: &[u8]) -> Result<Vec<f64>, usize> {
    let chart = Chart::new(grammar, terminals).complete();
    let viable = chart.viable();
    if viable < terminals.len() {
        return Err(viable);
    }
    let n = terminals.len();
    let insides = insides(&chart);
    let mut expected = vec![vec![Wide::ZERO; n + 1]];
    expected[0][0] = Wide::ONE;
    let sizes = grammar.sizes();
    for (d, level) in grammar.levels().iter().enumerate() {
        let mut next = vec![vec![Wide::ZERO; n + 1]; sizes[d + 1]];
        for (symbol, rules) in level.iter().enumerate() {
            let share = Wide::new(1.0 / rules.len() as f64);
            for rule in rules {
                let mut here: Vec<Wide> = expected[symbol].iter().map(|&weight| weight * share).collect();
                for (place, &child) in rule.iter().enumerate() {
                    let child = usize::from(child);
                    for (to, &weight) in next[child].iter_mut().zip(&here) {
                        *to = *to + weight;
                    }
                    if place + 1 < rule.len() {
                        here = step(&here, &insides[d + 1][child]);
                    }
                }
            }
        }
        expected = next;
    }
    let mut whole = vec![Wide::ZERO; n + 1];
    for &(length, weight) in insides[0][0].iter().take(1).flatten() {
        whole[length] = weight;
    }
    let mut rows = Vec::with_capacity((n + 1) * (grammar.terminals() + 1));
    for at in 0..=n {
        let prefix = if at == 0 { Wide::ONE } else { expected[usize::from(terminals[at - 1])][at - 1] };
        rows.push(whole[at].over(prefix));
        rows.extend(expected.iter().map(|places| places[at].over(prefix)));
    }
    Ok(rows)
}

/// Weights after one more child: at every place where it ends.
fn step(here: &[Wide], child: &[Vec<(usize, Wide)>]) -> Vec<Wide> {
    let mut after = vec![Wide::ZERO; here.len()];
    for (start, &weight) in here.iter().enumerate().filter(|(_, weight)| !weight.is_zero()) {
        for &(length, inside) in &child[start] {
            after[start + length] = after[start + length] + weight * inside;
        }
    }
    after
}

/// Probability that each symbol derives each span, by level.
fn insides(chart: &Chart<'_>) -> Vec<Inside> {
    let grammar = chart.grammar();
    let n = chart.terminals().len();
    let cell = |symbol, at| chart.lengths(grammar.depth(), symbol, at).map(|length| (length, Wide::ONE)).collect();
    let leaves = (0..grammar.terminals()).map(|symbol| (0..=n).map(|at| cell(symbol, at)).collect()).collect();
    let mut levels: Vec<Inside> = vec![leaves];
    let mut total = Sums::new(n);
    let mut partial = Sums::new(n);
    for (d, level) in grammar.levels().iter().enumerate().rev() {
        let below = &levels[levels.len() - 1];
        let own = |(symbol, rules): (usize, &Vec<Vec<u8>>)| {
            let share = Wide::new(1.0 / rules.len() as f64);
            let mut starts = Vec::with_capacity(n + 1);
            for start in 0..=n {
                // The chart knows which cells are empty: most.
                if chart.lengths(d, symbol, start).next().is_some() {
                    for rule in rules {
                        let mut here = vec![(0, share)];
                        for (place, &child) in rule.iter().enumerate() {
                            let sums = if place + 1 < rule.len() { &mut partial } else { &mut total };
                            for &(at, weight) in &here {
                                for &(length, inside) in &below[usize::from(child)][start + at] {
                                    sums.add(at + length, weight * inside);
                                }
                            }
                            if place + 1 < rule.len() {
                                here = partial.take();
                            }
                        }
                    }
                }
                starts.push(total.take());
            }
            starts
        };
        let own = level.iter().enumerate().map(own).collect();
        levels.push(own);
    }
    levels.reverse();
    levels
}

/// Sums by place, which remember between which places they are.
struct Sums {
    places: Vec<Wide>,
    lo: usize,
    hi: usize,
}

impl Sums {
    fn new(n: usize) -> Self {
        Self { places: vec![Wide::ZERO; n + 1], lo: usize::MAX, hi: 0 }
    }

    fn add(&mut self, at: usize, weight: Wide) {
        self.places[at] = self.places[at] + weight;
        self.lo = self.lo.min(at);
        self.hi = self.hi.max(at + 1);
    }

    /// Places and sums that are not zero; all are zero afterwards.
    fn take(&mut self) -> Vec<(usize, Wide)> {
        let range = self.lo.min(self.hi)..self.hi;
        let first = range.start;
        let places = self.places[range].iter_mut().enumerate().filter(|(_, sum)| !sum.is_zero());
        let found = places.map(|(i, sum)| (first + i, std::mem::take(sum))).collect();
        (self.lo, self.hi) = (usize::MAX, 0);
        found
    }
}

/// What both laws get per entry inside the logarithms of [`kl`].
const SMOOTHING: f64 = 1e-5;

/// Divergence of a model's next-terminal laws from the true ones, in nats, averaged over rows of `width` entries: each
/// row sums p (ln p~ - ln q~), where p~ and q~ are smoothed and normalised again.
pub fn kl(truth: &[f64], model: &[f64], width: usize) -> f64 {
    let row = |p: &[f64], q: &[f64]| {
        let total = |law: &[f64]| law.iter().map(|x| x + SMOOTHING).sum::<f64>();
        let (all_p, all_q) = (total(p), total(q));
        let entry = |(p, q): (&f64, &f64)| p * (((p + SMOOTHING) / all_p).ln() - ((q + SMOOTHING) / all_q).ln());
        p.iter().zip(q).map(entry).sum::<f64>()
    };
    let rows = truth.chunks_exact(width).zip(model.chunks_exact(width));
    rows.map(|(p, q)| row(p, q)).sum::<f64>() / (truth.len() / width) as f64
}
