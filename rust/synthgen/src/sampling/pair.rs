//! Examples of a rule: letters, and what they become.

use super::rules::{GROWTH, LENGTHS};

/// Letters of an input, rounded up so that a mask keeps every index inside.
pub const WIDE: usize = 32;
/// Letters of an output.
pub const LONG: usize = *LENGTHS.end() * GROWTH;
/// No fewer bits than letters: bit `i` of the result and all above it.
pub(super) const fn from_bit(i: u8) -> u32 {
    !0 << i
}

/// An input and what a rule makes of it. What lies beyond the input's letters is 0, beyond the output's anything.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub(super) input: [u8; WIDE],
    pub(super) output: [u8; LONG],
    pub(super) n: u8,
    pub(super) m: u8,
    /// The largest letter on either side.
    pub(super) high: u8,
}

impl Default for Pair {
    fn default() -> Self {
        Self { input: [0; WIDE], output: [0; LONG], n: 0, m: 0, high: 0 }
    }
}

impl Pair {
    /// The letters given.
    #[inline]
    pub fn input(&self) -> &[u8] {
        &self.input[..usize::from(self.n)]
    }

    /// What they become.
    #[inline]
    pub fn output(&self) -> &[u8] {
        &self.output[..usize::from(self.m)]
    }

    /// Bits of the sizes of alphabet that have the letters given.
    #[inline]
    pub(super) fn alphabets(&self) -> u32 {
        from_bit(self.input().iter().fold(0, |high, &c| high.max(c)) + 1)
    }

    /// Letters to start with, 0 beyond them.
    #[inline]
    pub fn set_input(&mut self, letters: [u8; WIDE], n: usize) {
        self.input = letters;
        self.n = n as u8;
    }

    /// Copy one letter of the input over another.
    pub fn repeat(&mut self, from: usize, to: usize) {
        self.input[to % WIDE] = self.input[from % WIDE];
    }

    /// Do two pairs begin with the same?
    #[inline]
    pub fn same_input(&self, other: &Self) -> bool {
        (self.input, self.n) == (other.input, other.n)
    }

    /// Does anything change?
    #[inline]
    pub fn changes(&self) -> bool {
        // Nearly always the lengths differ, or one of the first four letters, of which there are always as many.
        self.n != self.m || self.input[..4] != self.output[..4] || self.input() != self.output()
    }
}
