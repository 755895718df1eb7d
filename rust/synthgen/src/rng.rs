//! The only source of randomness: a generator keyed by what a row *is*, never by the order in which rows are asked for.
//!
//! A [`StreamKey`] hashes task, parameters, seed and split once. [`StreamKey::rng`] then gives row `index`, attempt `a`
//! its own xoshiro256++ state by a bijection of (key, index, attempt), so that no two of them ever share a state.
//! Bounded draws and shuffles are written here, so that a crate update can never move a value.

use xxhash_rust::xxh3::xxh3_128;

/// Which row of a stream: `sub` is 0 for a padded row and `1 + j` for instance `j` of packed row `row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Row number.
    pub row: u64,
    /// Instance number inside a packed row, plus one; 0 outside packing.
    pub sub: u32,
}

impl From<u64> for Index {
    fn from(row: u64) -> Self {
        Self { row, sub: 0 }
    }
}

/// The hash of everything that decides a stream of rows except the row's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey([u64; 2]);

/// Rotation constants of Threefish-256 (Ferguson et al., The Skein Hash Function Family, table 4).
const ROTATIONS: [(u32, u32); 8] = [(14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32)];
/// Eight rounds already diffuse every input bit over the whole state; four more are a margin.
const ROUNDS: usize = 12;

impl StreamKey {
    /// Key of a stream: `params` is the canonical text of the parameters that differ from their defaults.
    pub fn new(task: &str, params: &str, seed: u64, split: u8) -> Self {
        let mut bytes = Vec::with_capacity(task.len() + params.len() + 11);
        bytes.extend_from_slice(task.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(params.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&seed.to_le_bytes());
        bytes.push(split);
        let hash = xxh3_128(&bytes);
        Self([hash as u64, (hash >> 64) as u64])
    }

    /// The generator of one attempt at one row.
    #[inline]
    pub fn rng(self, at: Index, attempt: u32) -> TaskRng {
        let mut s = [self.0[0], self.0[1], at.row, (u64::from(at.sub) << 32) | u64::from(attempt)];
        for round in 0..ROUNDS {
            let (r0, r1) = ROTATIONS[round % 8];
            s[0] = s[0].wrapping_add(s[1]);
            s[1] = s[1].rotate_left(r0) ^ s[0];
            s[2] = s[2].wrapping_add(s[3]);
            s[3] = s[3].rotate_left(r1) ^ s[2];
            s.swap(1, 3);
        }
        TaskRng {
            state: s,
            #[cfg(test)]
            draws: 0,
        }
    }
}

/// The generator handed to [`crate::Task::sample`].
#[derive(Clone, Debug)]
pub struct TaskRng {
    /// State of xoshiro256++ (Blackman and Vigna, Scrambled Linear Pseudorandom Number Generators, 2021): kept here, so
    /// that it goes from the key to the draws without a way through memory.
    state: [u64; 4],
    #[cfg(test)]
    pub(crate) draws: u64,
}

impl TaskRng {
    /// Run a loop of draws on a copy that is written back at its end. The compiler must keep a borrowed generator up to date
    /// in memory, in case the loop panics; the copy stays in registers, which makes tight loops a third faster.
    #[inline]
    pub fn in_registers<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let mut own = self.clone();
        let result = work(&mut own);
        *self = own;
        result
    }

    /// A uniform 64-bit word.
    #[inline]
    pub fn word(&mut self) -> u64 {
        #[cfg(test)]
        {
            self.draws += 1;
        }
        let s = &mut self.state;
        let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        word
    }

    /// Uniform in `0..n`, exactly (Lemire, Fast Random Integer Generation in an Interval, 2019). `n` must be positive.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        debug_assert!(n > 0);
        let n = u64::from(n);
        let mut wide = u128::from(self.word()) * u128::from(n);
        if (wide as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (wide as u64) < threshold {
                wide = u128::from(self.word()) * u128::from(n);
            }
        }
        (wide >> 64) as u32
    }

    /// Independent uniforms in `0..bounds[0]`, `0..bounds[1]`, ... out of one word, exactly (Brackett-Rozsnyai and
    /// Lemire, Batched Ranged Random Integer Generation, 2024). The product of the bounds must be positive and below 2^64.
    #[inline]
    pub fn below_each<const N: usize>(&mut self, bounds: [u32; N]) -> [u32; N] {
        let product = bounds.iter().fold(1u64, |product, &n| product * u64::from(n));
        debug_assert!(product > 0);
        loop {
            let mut low = self.word();
            let mut draws = [0; N];
            for (draw, n) in draws.iter_mut().zip(bounds) {
                let wide = u128::from(low) * u128::from(n);
                low = wide as u64;
                *draw = (wide >> 64) as u32;
            }
            if low >= product || low >= product.wrapping_neg() % product {
                return draws;
            }
        }
    }

    /// Uniform in `lo..=hi`.
    #[inline]
    pub fn between(&mut self, lo: u32, hi: u32) -> u32 {
        lo + self.below(hi - lo + 1)
    }

    /// A fair coin.
    #[inline]
    pub fn coin(&mut self) -> bool {
        self.word() >> 63 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_stability() {
        let key = StreamKey::new("dyna", "", 42, 0);
        let mut rng = key.rng(Index { row: 7, sub: 0 }, 0);
        let words: Vec<u64> = (0..3).map(|_| rng.word()).collect();
        let bounded: Vec<u32> = (0..8).map(|_| rng.below(10)).collect();
        assert_eq!(words, VALUE_WORDS);
        assert_eq!(bounded, VALUE_BOUNDED);
    }

    const VALUE_WORDS: [u64; 3] = [17_388_273_990_394_326_603, 12_674_414_367_226_670_103, 379_860_366_556_550_030];
    const VALUE_BOUNDED: [u32; 8] = [1, 8, 0, 4, 6, 7, 7, 6];

    #[test]
    fn words_are_those_of_xoshiro256_plus_plus() {
        use rand_core::{Rng, SeedableRng};
        let mut own = StreamKey::new("t", "", 3, 0).rng(0.into(), 0);
        let mut seed = [0u8; 32];
        for (chunk, word) in seed.chunks_exact_mut(8).zip(own.state) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut reference = rand_xoshiro::Xoshiro256PlusPlus::from_seed(seed);
        assert!((0..1000).all(|_| own.word() == reference.next_u64()));
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let word = |task, params, seed, split, row, sub, attempt| {
            StreamKey::new(task, params, seed, split).rng(Index { row, sub }, attempt).word()
        };
        let base = word("dyna", "", 0, 0, 0, 0, 0);
        for other in [
            word("depo", "", 0, 0, 0, 0, 0),
            word("dyna", "num_ops=3", 0, 0, 0, 0, 0),
            word("dyna", "", 1, 0, 0, 0, 0),
            word("dyna", "", 0, 1, 0, 0, 0),
            word("dyna", "", 0, 0, 1, 0, 0),
            word("dyna", "", 0, 0, 0, 1, 0),
            word("dyna", "", 0, 0, 0, 0, 1),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn bounded_draws_are_uniform() {
        let mut rng = StreamKey::new("t", "", 1, 0).rng(0.into(), 0);
        let mut single = [0u32; 7];
        let mut pair = [0u32; 15];
        for _ in 0..70_000 {
            single[rng.below(7) as usize] += 1;
            let [a, b] = rng.below_each([3, 5]);
            pair[(a * 5 + b) as usize] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(single.iter().all(|&c| (f64::from(c) - 10_000.0).abs() < 5.0 * 92.6), "{single:?}");
        assert!(pair.iter().all(|&c| (f64::from(c) - 4_666.7).abs() < 5.0 * 66.0), "{pair:?}");
    }
}
