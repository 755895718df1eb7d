//! Rules that turn a sequence of letters into another, and families of them in which no function has two names.
//!
//! Rules are applied here as they are told to people, a step after the other on lists; [`super::induction`] compiles them
//! into tables.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

/// Lengths that families are defined on: on each of them every rule gives something, and something new.
pub const LENGTHS: std::ops::RangeInclusive<usize> = 4..=24;
/// Sizes of alphabet; the letters are 0, 1, 2, ...
pub const ALPHABETS: std::ops::RangeInclusive<u8> = 5..=26;
/// No rule makes a sequence more than this many times as long.
pub const GROWTH: usize = 4;

/// One thing to do with a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Step {
    Reverse,
    RotateLeft(u8),
    RotateRight(u8),
    DropFirst(u8),
    DropLast(u8),
    DuplicateEach,
    /// Every so-many-th letter, from an offset.
    Every(u8, u8),
    InterleaveHalves,
    SwapPairs,
    ReverseChunks(u8),
    RemoveConsecutiveDups,
    Sort,
    Mirror,
    CaesarShift(u8),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reverse => write!(f, "REVERSE"),
            Self::RotateLeft(k) => write!(f, "ROTATE_LEFT_{k}"),
            Self::RotateRight(k) => write!(f, "ROTATE_RIGHT_{k}"),
            Self::DropFirst(k) => write!(f, "DROP_FIRST_{k}"),
            Self::DropLast(k) => write!(f, "DROP_LAST_{k}"),
            Self::DuplicateEach => write!(f, "DUPLICATE_EACH"),
            Self::Every(step, from) => write!(f, "EVERY_{step}_FROM_{from}"),
            Self::InterleaveHalves => write!(f, "INTERLEAVE_HALVES"),
            Self::SwapPairs => write!(f, "SWAP_PAIRS"),
            Self::ReverseChunks(k) => write!(f, "REVERSE_CHUNKS_{k}"),
            Self::RemoveConsecutiveDups => write!(f, "REMOVE_CONSECUTIVE_DUPS"),
            Self::Sort => write!(f, "SORT"),
            Self::Mirror => write!(f, "MIRROR"),
            Self::CaesarShift(k) => write!(f, "CAESAR_SHIFT_{k}"),
        }
    }
}

impl Step {
    /// Do it to a sequence, in an alphabet of so many letters.
    pub fn apply(self, s: &mut Vec<u8>, alphabet: u8) {
        match self {
            Self::Reverse => s.reverse(),
            Self::RotateLeft(k) | Self::RotateRight(k) => {
                let k = usize::from(k) % s.len().max(1);
                if matches!(self, Self::RotateLeft(_)) { s.rotate_left(k) } else { s.rotate_right(k) }
            }
            Self::DropFirst(k) => drop(s.drain(..usize::from(k).min(s.len()))),
            Self::DropLast(k) => s.truncate(s.len().saturating_sub(usize::from(k))),
            Self::DuplicateEach => *s = s.iter().flat_map(|&c| [c, c]).collect(),
            Self::Every(step, from) => {
                *s = s.iter().skip(usize::from(from)).step_by(usize::from(step)).copied().collect();
            }
            Self::InterleaveHalves => {
                let (first, second) = s.split_at(s.len() / 2);
                let mut mixed: Vec<u8> = first.iter().zip(second).flat_map(|(&a, &b)| [a, b]).collect();
                mixed.extend(&second[first.len()..]);
                *s = mixed;
            }
            Self::SwapPairs => s.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
            Self::ReverseChunks(k) => s.chunks_mut(usize::from(k)).for_each(<[u8]>::reverse),
            Self::RemoveConsecutiveDups => s.dedup(),
            Self::Sort => s.sort_unstable(),
            Self::Mirror => {
                let half = s.len();
                s.extend_from_within(..);
                s[half..].reverse();
            }
            Self::CaesarShift(k) => s.iter_mut().for_each(|c| *c = (*c + k) % alphabet),
        }
    }
}

/// One step or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is done first.
    pub first: Step,
    /// What is done with the result.
    pub then: Option<Step>,
    /// Its class: 1, 2 or 3.
    pub complexity: u8,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.then.map_or(Ok(()), |then| write!(f, "_THEN_{then}"))
    }
}

impl Rule {
    const fn of(complexity: u8, first: Step) -> Self {
        Self { first, then: None, complexity }
    }

    const fn pair(first: Step, then: Step) -> Self {
        Self { first, then: Some(then), complexity: 3 }
    }

    /// Turn `from` into `to`, whose memory is used again.
    pub fn apply(&self, from: &[u8], alphabet: u8, to: &mut Vec<u8>) {
        to.clear();
        to.extend_from_slice(from);
        self.first.apply(to, alphabet);
        if let Some(then) = self.then {
            then.apply(to, alphabet);
        }
    }

    /// Does the size of the alphabet matter?
    pub fn shifts(&self) -> bool {
        [Some(self.first), self.then].iter().any(|step| matches!(step, Some(Step::CaesarShift(_))))
    }
}

/// The fixed family: class 1, class 2, class 3.
pub const FIXED: [Rule; 30] = {
    use Step::{
        CaesarShift, DropFirst, DropLast, DuplicateEach, Every, InterleaveHalves, Mirror, RemoveConsecutiveDups,
        Reverse, ReverseChunks, RotateLeft, RotateRight, Sort, SwapPairs,
    };
    [
        Rule::of(1, Reverse),
        Rule::of(1, RotateLeft(1)),
        Rule::of(1, RotateLeft(2)),
        Rule::of(1, RotateLeft(3)),
        Rule::of(1, RotateRight(1)),
        Rule::of(1, RotateRight(2)),
        Rule::of(1, RotateRight(3)),
        Rule::of(1, DropFirst(1)),
        Rule::of(1, DropFirst(2)),
        Rule::of(1, DropLast(1)),
        Rule::of(1, DropLast(2)),
        Rule::of(1, DuplicateEach),
        Rule::of(2, Every(2, 0)),
        Rule::of(2, Every(2, 1)),
        Rule::of(2, Every(3, 0)),
        Rule::of(2, Every(3, 1)),
        Rule::of(2, Every(3, 2)),
        Rule::of(2, InterleaveHalves),
        Rule::of(2, SwapPairs),
        Rule::of(2, RemoveConsecutiveDups),
        Rule::of(2, Sort),
        Rule::of(2, Mirror),
        Rule::of(2, CaesarShift(1)),
        Rule::of(2, CaesarShift(2)),
        Rule::of(3, ReverseChunks(3)),
        Rule::of(3, ReverseChunks(4)),
        Rule::pair(Reverse, RotateLeft(1)),
        Rule::pair(SwapPairs, Reverse),
        Rule::pair(DropFirst(1), Reverse),
        Rule::pair(CaesarShift(1), Reverse),
    ]
};

/// The fixed family, followed by all ordered pairs of rules of class 1 and 2 that are functions of their own: never
/// empty, on no length the identity, and different from all that stand before them. Where a pair removes repeats, what it
/// removes them from has two letters at least, so that there can be some.
pub fn with_composites() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let probes = probes();
        let mut known: HashSet<Vec<u8>> = FIXED.iter().map(|rule| profile(*rule, &probes)).collect();
        let mut rules = FIXED.to_vec();
        let single: Vec<Step> = FIXED.iter().filter(|rule| rule.complexity < 3).map(|rule| rule.first).collect();
        for &first in &single {
            for &then in &single {
                let rule = Rule::pair(first, then);
                if is_sound(rule, &probes) && known.insert(profile(rule, &probes)) {
                    rules.push(rule);
                }
            }
        }
        rules
    });
    &RULES
}

/// A rule that fits all examples, in an alphabet of some size, and its answer.
#[derive(Clone, Debug)]
pub struct Fit<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The size of the alphabet.
    pub alphabet: u8,
    /// What it makes of the query.
    pub answer: Vec<u8>,
}

/// Try every rule on every example. The text does not say how large the alphabet is: where it matters, every size that has
/// the letters seen is tried.
pub fn fits<'a>(rules: &'a [Rule], examples: &[(&[u8], &[u8])], query: &[u8]) -> Vec<Fit<'a>> {
    let seen = examples.iter().flat_map(|(input, output)| input.iter().chain(*output)).chain(query);
    let least = seen.max().map_or(0, |&high| high + 1).max(*ALPHABETS.start());
    let mut found = Vec::new();
    let mut made = Vec::new();
    for rule in rules {
        let last = if rule.shifts() { *ALPHABETS.end() } else { least };
        for alphabet in least..=last {
            let mut apply = |input: &[u8], output: &[u8]| {
                rule.apply(input, alphabet, &mut made);
                made == output
            };
            if examples.iter().all(|(input, output)| apply(input, output)) {
                rule.apply(query, alphabet, &mut made);
                found.push(Fit { rule, alphabet, answer: made.clone() });
            }
        }
    }
    found
}

/// The one answer of all that fit.
pub fn agreed(fits: &[Fit<'_>]) -> Result<Vec<u8>, String> {
    let Some(first) = fits.first() else {
        return Err("no rule of the family fits the examples".to_owned());
    };
    match fits.iter().find(|fit| fit.answer != first.answer) {
        Some(other) if other.rule == first.rule => Err(format!(
            "ambiguous: {} fits in alphabets of {} and {} letters",
            first.rule, first.alphabet, other.alphabet
        )),
        Some(other) => Err(format!("ambiguous: {} and {} fit, and answer differently", first.rule, other.rule)),
        None if first.answer.is_empty() => Err("the answer is empty".to_owned()),
        None => Ok(first.answer.clone()),
    }
}

/// A sequence and the size of its alphabet.
type Probe = (Vec<u8>, u8);

/// Sequences of every length, many enough to tell any two rules apart: nothing but one letter, and letters from a
/// fixed linear congruential generator (Knuth's MMIX), half of them with a letter repeated.
fn probes() -> Vec<Probe> {
    let mut state = 1u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % n as u64) as usize
    };
    let mut probes = Vec::new();
    for n in LENGTHS {
        probes.push((vec![0; n], *ALPHABETS.end()));
        for alphabet in [5, 10, 26] {
            for i in 0..8 {
                let mut s: Vec<u8> = (0..n).map(|_| below(usize::from(alphabet)) as u8).collect();
                if i % 2 == 1 {
                    let at = 1 + below(n - 1);
                    s[at] = s[at - 1];
                }
                probes.push((s, alphabet));
            }
        }
    }
    probes
}

/// All that the rule makes of the probes.
fn profile(rule: Rule, probes: &[Probe]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut made = Vec::new();
    for (s, alphabet) in probes {
        rule.apply(s, *alphabet, &mut made);
        all.extend_from_slice(&made);
        all.push(u8::MAX);
    }
    all
}

fn is_sound(rule: Rule, probes: &[Probe]) -> bool {
    let mut made = Vec::new();
    let mut changed = [false; *LENGTHS.end() + 1];
    for (s, alphabet) in probes {
        rule.apply(s, *alphabet, &mut made);
        changed[s.len()] |= made != *s;
        let mut half = s.clone();
        rule.first.apply(&mut half, *alphabet);
        let removes = rule.then == Some(Step::RemoveConsecutiveDups);
        if made.is_empty() || (removes && half.len() < 2) {
            return false;
        }
    }
    changed[*LENGTHS.start()..].iter().all(|&changed| changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;

    fn made(name: &str, s: &str) -> String {
        let rule = with_composites().iter().find(|rule| rule.to_string() == name).expect("a rule of the family");
        let mut to = Vec::new();
        rule.apply(&s.bytes().map(|c| c - b'A').collect::<Vec<_>>(), 10, &mut to);
        to.iter().map(|c| char::from(c + b'A')).collect()
    }

    #[test]
    fn rules_do_what_their_names_say() {
        for (name, one, other) in [
            ("REVERSE", "GFEDCBA", "BJADD"),
            ("ROTATE_LEFT_1", "BCDEFGA", "DAJBD"),
            ("ROTATE_LEFT_2", "CDEFGAB", "AJBDD"),
            ("ROTATE_RIGHT_1", "GABCDEF", "BDDAJ"),
            ("ROTATE_RIGHT_2", "FGABCDE", "JBDDA"),
            ("ROTATE_RIGHT_3", "EFGABCD", "AJBDD"),
            ("DROP_FIRST_1", "BCDEFG", "DAJB"),
            ("DROP_FIRST_2", "CDEFG", "AJB"),
            ("DROP_LAST_1", "ABCDEF", "DDAJ"),
            ("DROP_LAST_2", "ABCDE", "DDA"),
            ("DUPLICATE_EACH", "AABBCCDDEEFFGG", "DDDDAAJJBB"),
            ("EVERY_2_FROM_0", "ACEG", "DAB"),
            ("EVERY_2_FROM_1", "BDF", "DJ"),
            ("EVERY_3_FROM_0", "ADG", "DJ"),
            ("EVERY_3_FROM_2", "CF", "A"),
            ("INTERLEAVE_HALVES", "ADBECFG", "DADJB"),
            ("SWAP_PAIRS", "BADCFEG", "DDJAB"),
            ("REMOVE_CONSECUTIVE_DUPS", "ABCDEFG", "DAJB"),
            ("SORT", "ABCDEFG", "ABDDJ"),
            ("MIRROR", "ABCDEFGGFEDCBA", "DDAJBBJADD"),
            ("CAESAR_SHIFT_1", "BCDEFGH", "EEBAC"),
            ("CAESAR_SHIFT_2", "CDEFGHI", "FFCBD"),
            ("REVERSE_CHUNKS_3", "CBAFEDG", "ADDBJ"),
            ("REVERSE_CHUNKS_4", "DCBAGFE", "JADDB"),
            ("REVERSE_THEN_ROTATE_LEFT_1", "FEDCBAG", "JADDB"),
            ("SWAP_PAIRS_THEN_REVERSE", "GEFCDAB", "BAJDD"),
            ("DROP_FIRST_1_THEN_REVERSE", "GFEDCB", "BJAD"),
            ("CAESAR_SHIFT_1_THEN_REVERSE", "HGFEDCB", "CABEE"),
            ("SORT_THEN_MIRROR", "ABCDEFGGFEDCBA", "ABDDJJDDBA"),
        ] {
            assert_eq!((made(name, "ABCDEFG").as_str(), made(name, "DDAJB").as_str()), (one, other), "{name}");
        }
    }

    #[test]
    fn no_function_has_two_names_and_every_rule_shows_something() {
        let rules = with_composites();
        assert_eq!((FIXED.len(), rules.len()), (30, 405));
        assert_eq!(&rules[..30], &FIXED);
        let mut rng = StreamKey::new("rules", "", 1, 0).rng(0.into(), 0);
        let mut apart = vec![vec![false; rules.len()]; rules.len()];
        let mut made = vec![Vec::new(); rules.len()];
        for i in 0..2000 {
            let n = rng.between(4, 24);
            let alphabet = rng.between(5, 26);
            let s: Vec<u8> = (0..n).map(|_| rng.below(alphabet) as u8).collect();
            for (rule, to) in rules.iter().zip(&mut made) {
                rule.apply(&s, alphabet as u8, to);
                assert!(!to.is_empty() && to.len() <= GROWTH * s.len(), "{rule} of {s:?}");
            }
            for a in 0..rules.len() {
                // Most pairs are settled soon; the long comparison is for those that are not.
                for b in (0..a).filter(|_| i < 4 || a % 8 == i % 8) {
                    apart[a][b] |= made[a] != made[b];
                }
            }
        }
        for a in 0..rules.len() {
            for b in 0..a {
                assert!(apart[a][b], "{} and {} are one function", rules[a], rules[b]);
            }
        }
    }
}
