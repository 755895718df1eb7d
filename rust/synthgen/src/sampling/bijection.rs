//! A keyed permutation of `0..n` that is computed in place: no table, any `n`, both directions.

use crate::rng::TaskRng;

const ROUNDS: usize = 8;

/// A pseudorandom permutation of `0..n`.
///
/// The number is written as two digits, of base `a` and base `b` with `a * b` barely above `n`; each of eight rounds adds
/// a hash of one digit to the other (a generalised Feistel network). What lands at or above `n` is sent on until it is
/// below (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002): fewer than one step in the square root of `n`.
#[derive(Clone, Debug)]
pub struct Bijection {
    n: u32,
    a: u32,
    b: u32,
    keys: [u64; ROUNDS],
}

impl Bijection {
    /// A permutation of `0..n`, `n` at least 1, whose keys are drawn from `rng`.
    pub fn new(rng: &mut TaskRng, n: u32) -> Self {
        let root = n.isqrt();
        let a = root + u32::from(root * root < n);
        Self { n, a, b: n.div_ceil(a), keys: std::array::from_fn(|_| rng.word()) }
    }

    /// Where `x` goes, `x` below `n`.
    #[inline]
    pub fn apply(&self, x: u32) -> u32 {
        debug_assert!(x < self.n);
        let mut y = x;
        loop {
            let (mut left, mut right) = (y / self.b, y % self.b);
            for pair in self.keys.chunks_exact(2) {
                left = add(left, digit(pair[0], right, self.a), self.a);
                right = add(right, digit(pair[1], left, self.b), self.b);
            }
            y = left * self.b + right;
            if y < self.n {
                return y;
            }
        }
    }

    /// What goes to `y`, `y` below `n`.
    pub fn invert(&self, y: u32) -> u32 {
        debug_assert!(y < self.n);
        let mut x = y;
        loop {
            let (mut left, mut right) = (x / self.b, x % self.b);
            for pair in self.keys.rchunks_exact(2) {
                right = add(right, self.b - digit(pair[1], left, self.b), self.b);
                left = add(left, self.a - digit(pair[0], right, self.a), self.a);
            }
            x = left * self.b + right;
            if x < self.n {
                return x;
            }
        }
    }
}

/// `x + y` modulo `base`, both at most `base`.
#[inline]
fn add(x: u32, y: u32, base: u32) -> u32 {
    let sum = x + y;
    if sum >= base { sum - base } else { sum }
}

/// A hash of a digit, below `base`: one multiplication mixes, the other spreads over the base.
#[inline]
fn digit(key: u64, x: u32, base: u32) -> u32 {
    let mixed = (u64::from(x) ^ key).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((u128::from(mixed) * u128::from(base)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::rng::StreamKey;

    fn keyed(number: u64, n: u32) -> Bijection {
        Bijection::new(&mut StreamKey::new("t", "", number, 0).rng(0.into(), 0), n)
    }

    #[test]
    fn every_size_is_permuted_and_inverted() {
        for n in (1..200).chain([1000, 4096, 65_537]) {
            let shuffled = keyed(1, n);
            let images: BTreeSet<u32> = (0..n).map(|x| shuffled.apply(x)).collect();
            assert!(images.len() == n as usize && images.last() < Some(&n), "{n}");
            assert!((0..n).all(|x| shuffled.invert(shuffled.apply(x)) == x), "{n}");
        }
        let large = keyed(2, 160_000_000);
        assert!((0..100_000).map(|i| i * 1599).all(|x| large.invert(large.apply(x)) == x));
    }

    #[test]
    fn small_permutations_are_equally_likely() {
        for (n, orders) in [(2, 2.0), (3, 6.0), (4, 24.0), (5, 120.0)] {
            let mut counts: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
            for key in 0..24_000 {
                let shuffled = keyed(key, n);
                *counts.entry((0..n).map(|x| shuffled.apply(x)).collect()).or_default() += 1.0;
            }
            let expected = 24_000.0 / orders;
            // Five standard deviations of a Poisson count.
            let within = counts.values().all(|count| (count - expected).abs() < 5.0 * expected.sqrt());
            assert!(counts.len() == orders as usize && within, "{n}: {counts:?}");
        }
    }

    #[test]
    fn neighbours_are_scattered() {
        let (n, cells) = (50_000, 100);
        let shuffled = keyed(3, n);
        let mut counts = vec![0.0f64; cells * cells];
        for x in 1..n {
            let cell = |x| (shuffled.apply(x) as usize * cells) / n as usize;
            counts[cell(x - 1) * cells + cell(x)] += 1.0;
        }
        let chi: f64 = counts.iter().map(|count| (count - 5.0) * (count - 5.0) / 5.0).sum();
        // Mean and five standard deviations of chi-square with as many degrees of freedom as cells.
        assert!((chi - 10_000.0).abs() < 5.0 * 20_000.0f64.sqrt(), "{chi}");
    }
}
