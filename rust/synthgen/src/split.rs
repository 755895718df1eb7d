//! Splits decided by what a sample says, and the content hash that decides them.

/// A part of the instance space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The top 90 % of the hash space.
    Train,
    /// The next 5 % above test.
    Validation,
    /// The lowest 5 %.
    Test,
}

/// Test takes hashes from 0 up, validation follows, train comes from the top down: whoever uses other ratios stays
/// disjoint from us as long as their train share and our test share add up to at most one.
const TEST_END: u64 = u64::MAX / 20;
const VALIDATION_END: u64 = u64::MAX / 10;

impl Split {
    /// All splits, in code order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The split of a content hash.
    #[inline]
    pub fn of(content: u64) -> Self {
        if content >= VALIDATION_END {
            Self::Train
        } else if content < TEST_END {
            Self::Test
        } else {
            Self::Validation
        }
    }

    /// `"train"`, `"validation"` or `"test"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The split of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The byte that stands for a wanted split in a stream key: 0 for none.
    pub fn code(wanted: Option<Self>) -> u8 {
        wanted.map_or(0, |s| s as u8 + 1)
    }
}

/// A 64-bit hash of canonical facts. Add facts in order, or add unordered sets of facts whose order means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Content(u64);

impl Content {
    /// Start with the task's fixed salt.
    #[inline]
    pub fn new(salt: u64) -> Self {
        Self(salt)
    }

    /// Add one fact whose place matters.
    #[inline]
    #[must_use]
    pub fn fact(self, word: u64) -> Self {
        let wide = u128::from(self.0 ^ word ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93_u128;
        Self((wide as u64) ^ ((wide >> 64) as u64).rotate_left(23))
    }

    /// Add a multiset of facts: the same result for every order.
    #[inline]
    #[must_use]
    pub fn unordered(self, facts: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let sum = facts
            .into_iter()
            .fold(0u64, |sum, (a, b)| sum.wrapping_add(mix(a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.rotate_left(32))));
        self.fact(sum)
    }

    /// The finished hash, uniform over 64 bits.
    #[inline]
    pub fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// The `MurmurHash3` finaliser with Stafford's constants (variant 13), as in `SplitMix64`.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_ninety_five_five() {
        let mut counts = [0u32; 3];
        for i in 0..100_000 {
            counts[Split::of(Content::new(1).fact(i).finish()) as usize] += 1;
        }
        assert!(counts[0].abs_diff(90_000) < 500, "{counts:?}");
        assert!(counts[1].abs_diff(5_000) < 350 && counts[2].abs_diff(5_000) < 350, "{counts:?}");
    }

    #[test]
    fn order_matters_only_for_facts() {
        let ab = Content::new(0).fact(1).fact(2).finish();
        let ba = Content::new(0).fact(2).fact(1).finish();
        assert_ne!(ab, ba);
        let set = |s: [(u64, u64); 3]| Content::new(0).unordered(s).finish();
        assert_eq!(set([(1, 2), (3, 4), (1, 2)]), set([(3, 4), (1, 2), (1, 2)]));
        assert_ne!(set([(1, 2), (3, 4), (1, 2)]), set([(2, 1), (3, 4), (1, 2)]));
    }
}
