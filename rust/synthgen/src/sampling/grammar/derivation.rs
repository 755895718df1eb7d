//! Derivations, as the rule choices of their nodes in pre-order, and what they say about every terminal.

use super::Grammar;

/// For every level above the terminals and every terminal: which symbol it belongs to, and whether it is its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The string itself.
    pub terminals: Vec<u8>,
    /// By level from the root, the reference's number of the ancestor of each terminal.
    pub symbols: Vec<Vec<u32>>,
    /// By level from the root, 1 on the last terminal of an ancestor.
    pub boundaries: Vec<Vec<u8>>,
}

impl Grammar {
    /// Follow a derivation. `None` when the choices are none of this grammar's.
    pub fn labels(&self, choices: &[u8]) -> Option<Labels> {
        let empty = Labels {
            terminals: Vec::new(),
            symbols: vec![Vec::new(); self.depth()],
            boundaries: vec![Vec::new(); self.depth()],
        };
        let mut labels = empty;
        let mut choices = choices.iter().copied();
        self.follow(0, 0, &mut choices, &mut labels)?;
        choices.next().is_none().then_some(labels)
    }

    fn follow(
        &self,
        level: usize,
        symbol: u8,
        choices: &mut impl Iterator<Item = u8>,
        labels: &mut Labels,
    ) -> Option<()> {
        let Some(symbols) = self.levels().get(level) else {
            labels.terminals.push(symbol);
            return Some(());
        };
        let rules = &symbols[usize::from(symbol)];
        for &child in rules.get(usize::from(choices.next()?))? {
            self.follow(level + 1, child, choices, labels)?;
        }
        let end = labels.terminals.len();
        labels.symbols[level].resize(end, self.symbol_id(level, usize::from(symbol)));
        labels.boundaries[level].resize(end - 1, 0);
        labels.boundaries[level].push(1);
        Some(())
    }

    /// Choices of a derivation, each among how many, as bits.
    pub fn derivation_bits(&self, choices: &[u8]) -> f64 {
        let mut counts = [0u32; super::MAX_CHOICES + 1];
        self.count_choices(0, 0, &mut choices.iter().copied(), &mut counts);
        counts.iter().enumerate().skip(2).map(|(among, &count)| f64::from(count) * (among as f64).log2()).sum()
    }

    fn count_choices(&self, level: usize, symbol: u8, choices: &mut impl Iterator<Item = u8>, counts: &mut [u32]) {
        let Some(rules) = self.levels().get(level).map(|level| &level[usize::from(symbol)]) else {
            return;
        };
        counts[rules.len()] += 1;
        for &child in choices.next().and_then(|choice| rules.get(usize::from(choice))).into_iter().flatten() {
            self.count_choices(level + 1, child, choices, counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The subtree that the description of the labels is usually given with: 10 -> 7 9 8 and so on.
    #[test]
    fn labels_of_a_small_derivation() {
        let lower =
            vec![vec![vec![2, 0], vec![0, 1, 2]], vec![vec![2, 1], vec![2, 0, 1]], vec![vec![2, 1, 0], vec![1, 0]]];
        let root = vec![vec![vec![0, 2, 1], vec![2, 1, 0]]];
        let grammar = Grammar::new("subtree", vec![root, lower], 3).unwrap();
        let labels = grammar.labels(&[0, 0, 1, 1]).unwrap();
        assert_eq!(labels.terminals, [2, 0, 1, 0, 2, 0, 1]);
        assert_eq!(labels.symbols, [vec![10; 7], vec![7, 7, 9, 9, 8, 8, 8]]);
        assert_eq!(labels.boundaries, [vec![0, 0, 0, 0, 0, 0, 1], vec![0, 1, 0, 1, 0, 0, 1]]);
        for wrong in [&[0u8, 0, 1][..], &[0, 0, 1, 1, 0], &[0, 0, 2, 1], &[]] {
            assert_eq!(grammar.labels(wrong), None);
        }
        assert!((grammar.derivation_bits(&[0, 0, 1, 1]) - 4.0).abs() < 1e-12);
    }
}
