//! The exact law of string lengths, and the entropy of derivations.

use super::Grammar;

/// How long the strings of a grammar are.
#[derive(Clone, Debug)]
pub struct LengthLaw {
    /// Length of the shortest string.
    pub shortest: usize,
    /// Probability of each length from the shortest on.
    pub probabilities: Vec<f64>,
}

impl LengthLaw {
    /// Mean length.
    pub fn mean(&self) -> f64 {
        self.moment(|length| length)
    }

    /// Standard deviation.
    pub fn sd(&self) -> f64 {
        let mean = self.mean();
        self.moment(|length| (length - mean) * (length - mean)).sqrt()
    }

    /// The smallest length whose cumulative probability reaches `share`.
    pub fn quantile(&self, share: f64) -> usize {
        let mut total = 0.0;
        let found = self.probabilities.iter().position(|p| {
            total += p;
            total >= share
        });
        self.shortest + found.unwrap_or(self.probabilities.len() - 1)
    }

    fn moment(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.probabilities.iter().enumerate().map(|(i, p)| p * of((self.shortest + i) as f64)).sum()
    }
}

impl Grammar {
    /// The law of lengths, by convolution from the terminals up.
    pub fn length_law(&self) -> LengthLaw {
        let mut below: Vec<Vec<f64>> = vec![vec![1.0]; self.terminals];
        for d in (0..self.depth()).rev() {
            let next = &self.lengths[d + 1];
            let of_rule = |rule: &Vec<u8>| {
                let mut children = rule.iter().map(|&c| (&below[usize::from(c)], next[usize::from(c)].0));
                let first = children.next().map_or_else(Default::default, |(law, shortest)| (law.clone(), shortest));
                children.fold(first, |(law, shortest), (other, more)| (convolve(&law, other), shortest + more))
            };
            let of_symbol = |(rules, &(lo, hi)): (&Vec<Vec<u8>>, &(usize, usize))| {
                let mut total = vec![0.0; hi - lo + 1];
                for (law, shortest) in rules.iter().map(of_rule) {
                    for (to, p) in total[shortest - lo..].iter_mut().zip(law) {
                        *to += p / rules.len() as f64;
                    }
                }
                total
            };
            below = self.levels[d].iter().zip(&self.lengths[d]).map(of_symbol).collect();
        }
        LengthLaw { shortest: self.shortest(), probabilities: below.swap_remove(0) }
    }

    /// Mean length and derivation entropy in bits: an upper bound of the entropy of strings, since a string may have
    /// several derivations.
    pub fn mean_and_bits(&self) -> (f64, f64) {
        let mut below = vec![(1.0, 0.0); self.terminals];
        for level in self.levels.iter().rev() {
            let of = |rules: &Vec<Vec<u8>>| {
                let choices = rules.len() as f64;
                let add = |(length, bits): (f64, f64), &c: &u8| {
                    let (l, b) = below[usize::from(c)];
                    (length + l, bits + b)
                };
                let (length, bits) = rules.iter().flatten().fold((0.0, 0.0), add);
                (length / choices, bits / choices + choices.log2())
            };
            below = level.iter().map(of).collect();
        }
        below[0]
    }
}

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate().filter(|(_, x)| **x != 0.0) {
        for (to, y) in sum[i..].iter_mut().zip(b) {
            *to += x * y;
        }
    }
    sum
}
