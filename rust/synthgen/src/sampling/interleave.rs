//! Two streams of equal length interleaved, and the check that a sequence can be such an interleaving.

use crate::rng::TaskRng;
use crate::sampling::permutation::shuffle;

/// The streams in turn.
pub const ALTERNATING: u8 = 0;
/// Every order at even odds.
pub const RANDOM: u8 = 1;
/// Runs of two or three, drawn at even odds; the last ones are what is left.
pub const BLOCKED: u8 = 2;
/// Names of these.
pub const PATTERNS: [&str; 3] = ["alternating", "random", "blocked"];

/// Decide which of two streams of `n` items each printed item belongs to; `first` is the stream that comes first, unless
/// the order is random.
#[inline]
pub fn interleave<const M: usize>(rng: &mut TaskRng, pattern: u8, first: u8, n: usize, tags: &mut [u8; M]) {
    // Read in turn, zeros and ones are the two streams in turn: whatever the pattern, this is where it starts.
    *tags = std::array::from_fn(|i| first ^ (i as u8 & 1));
    match pattern {
        ALTERNATING => {}
        RANDOM => shuffle(rng, &mut tags[..2 * n]),
        _ => {
            let mut sizes = rng.word();
            let (mut left, mut stream, mut at) = ([n; 2], first, 0);
            while at < 2 * n {
                let (own, other) = (usize::from(stream), usize::from(1 - stream));
                let drawn = if left[other] == 0 { left[own] } else { 2 + (sizes & 1) as usize };
                let size = drawn.min(left[own]);
                sizes >>= 1;
                tags[at..at + size].fill(stream);
                left[own] -= size;
                at += size;
                stream = 1 - stream;
            }
        }
    }
}

/// Can this pattern have made this sequence of streams?
pub fn fits(pattern: u8, tags: impl Iterator<Item = u8>) -> bool {
    let mut runs: Vec<(u8, usize)> = Vec::new();
    for tag in tags {
        match runs.last_mut() {
            Some((last, length)) if *last == tag => *length += 1,
            _ => runs.push((tag, 1)),
        }
    }
    match pattern {
        ALTERNATING => runs.iter().all(|&(_, length)| length == 1),
        RANDOM => true,
        // The last run takes what is left of its stream; the one before it is cut off where its stream ends.
        _ => runs.iter().rev().enumerate().all(|(from_end, &(_, length))| match from_end {
            0 => true,
            1 => length <= 3,
            _ => (2..=3).contains(&length),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_are_blocks() {
        let fits = |tags: &str| fits(BLOCKED, tags.bytes().map(|tag| tag - b'A'));
        for right in ["AABB", "AAABBB", "AABBBABAB", "BBAAABBBAAB"].map(str::to_owned) {
            let cut = right == "AABBBABAB";
            assert_eq!(fits(&right), !cut, "{right}");
        }
        for (right, expected) in [("AABBAAABBB", true), ("AAABBABB", true), ("ABAB", false), ("AAAABBBB", false)] {
            assert_eq!(fits(right), expected, "{right}");
        }
    }
}
