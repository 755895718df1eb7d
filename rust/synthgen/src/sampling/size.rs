//! The size law of Depo and Brevo: P(n) proportional to 1 / (n + sqrt(N)), drawn by the alias method.

use crate::rng::TaskRng;

/// A prepared law over `lo..=hi`.
#[derive(Clone, Debug)]
pub struct SizeLaw {
    lo: u32,
    /// Per cell: accept the cell itself below this 32-bit threshold, otherwise take the alias.
    cells: Vec<(u64, u32)>,
}

impl SizeLaw {
    /// Sizes `lo..=hi` with weight 1 / (n + sqrt(big)). The weights use only exactly rounded operations, so every
    /// platform gets the same table (Vose, A Linear Algorithm for Generating Random Numbers, 1991).
    pub fn new(lo: u32, hi: u32, big: u32) -> Self {
        let root = f64::from(big).sqrt();
        let weights: Vec<f64> = (lo..=hi).map(|n| 1.0 / (f64::from(n) + root + 1e-12)).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut scaled: Vec<f64> = weights.iter().map(|w| w / mean).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..scaled.len()).partition(|&i| scaled[i] < 1.0);
        let mut cells: Vec<(u64, u32)> = (0..scaled.len()).map(|i| (1 << 32, i as u32)).collect();
        while let (Some(s), Some(&l)) = (small.pop(), large.last()) {
            cells[s] = ((scaled[s] * 4_294_967_296.0) as u64, l as u32);
            scaled[l] -= 1.0 - scaled[s];
            if scaled[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        Self { lo, cells }
    }

    /// Draw a size.
    #[inline]
    pub fn draw(&self, rng: &mut TaskRng) -> u32 {
        let [cell, level] = rng.below_each([self.cells.len() as u32, u32::MAX]);
        let (threshold, alias) = self.cells[cell as usize];
        self.lo + if u64::from(level) < threshold { cell } else { alias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn counts_follow_the_law() {
        let law = SizeLaw::new(3, 50, 50);
        let mut rng = StreamKey::new("t", "", 5, 0).rng(0.into(), 0);
        let draws = 200_000;
        let mut counts = vec![0f64; 51];
        for _ in 0..draws {
            counts[law.draw(&mut rng) as usize] += 1.0;
        }
        let weight = |n: usize| 1.0 / (n as f64 + 50f64.sqrt());
        let total: f64 = (3..=50).map(weight).sum();
        let chi2: f64 = (3..=50)
            .map(|n| {
                let expected = f64::from(draws) * weight(n) / total;
                (counts[n] - expected).powi(2) / expected
            })
            .sum();
        // 47 degrees of freedom: the 1 - 1e-6 quantile is 105.
        assert!(chi2 < 105.0, "{chi2}");
        // The figures printed in the specification of the law: P(3) = 0.0554, P(50) = 0.00977 at N = 50.
        assert!((weight(3) / total - 0.0554).abs() < 5e-5 && (weight(50) / total - 0.00977).abs() < 5e-6);
    }
}
