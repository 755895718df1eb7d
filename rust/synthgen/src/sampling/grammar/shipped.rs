//! Grammars of our own in the shapes of the reference's: same levels, same rule counts and lengths, other symbols.
//!
//! Each is [`Grammar::random`] at the first seed that gives mean length, spread and entropy near the reference's, no rare
//! symbol, and no string of one terminal alone.

use std::sync::LazyLock;

use super::{Grammar, Shape};

/// Names of the shipped grammars.
pub const NAMES: [&str; 7] = ["cfg3b", "cfg3i", "cfg3h", "cfg3g", "cfg3f", "cfg3j", "cfg3k"];

/// Seed and shape; a rule of the first never repeats a symbol.
const TABLE: [(u64, bool, &str); 7] = [
    (0, false, "22|33 32 23|23 33 32|22 33 33|33 33 33|23 23 32"),
    (106, true, "33|32 32 32|22 22 32|23 32 33|32 33 32|33 22 32"),
    (95, true, "32|22 22 33|22 23 333|22 323 23|322 323 222|333 232 33"),
    (16, true, "233|333 223 232|322 332 223|232 232 232|332 323 223|322 323 322"),
    (4, true, "2332|322 223 2232|2322 322 332|233 2323 3323|333 223 323|3332 323 322"),
    (10, true, "223|233 323 233|332 323 233|222 232 332|222 233 322|322 322 333|223 223 322"),
    (8, true, "222|2322 3322 223|3233 3233 2333|2233 332 223|332 2332 222|2233 333 2332|232 2323 3233"),
];

/// A shipped grammar by name.
pub fn shipped(name: &str) -> Option<&'static Grammar> {
    static ALL: LazyLock<Vec<Grammar>> = LazyLock::new(|| {
        let grammar = |(name, (seed, repeats, shape)): (&&str, &(u64, bool, &str))| {
            Grammar::random(name, &Shape::parse(shape, 3, *repeats), *seed).ok()
        };
        NAMES.iter().zip(&TABLE).filter_map(grammar).collect()
    });
    ALL.iter().find(|grammar| grammar.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the reference's grammars: rules of length 2 and 3, shortest, longest, mean, sd, derivation bits.
    const REFERENCE: [(usize, usize, usize, usize, f64, f64, f64); 7] = [
        (11, 21, 138, 432, 275.62, 41.7, 169.25),
        (15, 17, 114, 564, 308.09, 46.0, 186.94),
        (20, 19, 97, 459, 236.38, 41.5, 204.78),
        (25, 23, 80, 729, 252.43, 53.0, 269.92),
        (26, 28, 64, 729, 249.86, 69.4, 268.66),
        (30, 27, 128, 2052, 543.93, 133.6, 618.59),
        (33, 35, 132, 1458, 516.31, 91.1, 608.33),
    ];

    fn near(found: f64, wanted: f64, share: f64) -> bool {
        (found / wanted - 1.0).abs() <= share
    }

    /// Does the grammar have a string of one terminal alone? Then such a string would always pass.
    fn is_degenerate(grammar: &Grammar) -> bool {
        (0..grammar.terminals()).any(|only| {
            let mut derives: Vec<bool> = (0..grammar.terminals()).map(|terminal| terminal == only).collect();
            for level in grammar.levels().iter().rev() {
                let all = |rule: &Vec<u8>| rule.iter().all(|&child| derives[usize::from(child)]);
                derives = level.iter().map(|rules| rules.iter().any(all)).collect();
            }
            derives[0]
        })
    }

    fn suits(grammar: &Grammar, &(_, _, _, _, mean, sd, bits): &(usize, usize, usize, usize, f64, f64, f64)) -> bool {
        let (own_mean, own_bits) = grammar.mean_and_bits();
        !is_degenerate(grammar)
            && near(own_mean, mean, 0.02)
            && near(own_bits, bits, 0.03)
            && grammar.shares().iter().flatten().all(|&share| share >= 0.15)
            && near(grammar.length_law().sd(), sd, 0.15)
    }

    #[test]
    fn each_is_the_first_that_is_like_the_reference() {
        for ((name, &(seed, repeats, shape)), reference) in NAMES.iter().zip(&TABLE).zip(&REFERENCE) {
            let shape = Shape::parse(shape, 3, repeats);
            let first = (0..1000).find(|&seed| suits(&Grammar::random(name, &shape, seed).unwrap(), reference));
            assert_eq!(first, Some(seed), "{name}");
            let rules: Vec<&Vec<u8>> = shipped(name).unwrap().levels().iter().flatten().flatten().collect();
            let of_length = |len| rules.iter().filter(|rule| rule.len() == len).count();
            assert_eq!((of_length(2), of_length(3)), (reference.0, reference.1), "{name}");
        }
    }

    #[test]
    fn rules_are_pinned() {
        let hash = |name| {
            let rules = format!("{:?}", shipped(name).unwrap().levels());
            xxhash_rust::xxh3::xxh3_64(rules.as_bytes())
        };
        assert_eq!(NAMES.map(hash), PINNED);
    }

    const PINNED: [u64; 7] = [
        7_064_783_542_447_439_779,
        6_752_269_454_476_164_115,
        12_622_192_366_070_928_979,
        7_949_693_429_504_429_313,
        14_667_151_487_080_497_915,
        6_942_890_994_040_571_458,
        13_502_340_873_879_313_348,
    ];
}
