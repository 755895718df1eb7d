//! Self-delimiting multi-token names: all tokens but the last come from one family, the last from another.

use crate::params::Span;
use crate::reading::{Flaw, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::prose::counted;

/// Longest word any task may declare, in tokens.
pub const MAX_WORD_LEN: usize = 8;
/// Spaces up to this size are deduplicated by a table of stamps, larger ones by hashing.
const STAMPED: u64 = 1 << 18;
/// Draws before the search for an unused word stops being random; see [`WordLaw::new`] for why it is never reached.
const MAX_DRAWS: u32 = 4096;

/// One name. The ids are packed into words, sixteen bits each, first token lowest: a name is made in registers and stored
/// at once, where an array filled id by id would stall the wide copy that reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    ids: [u64; 2],
    /// Token values (1-based), eight bits each, first token lowest: the same for every vocabulary size.
    pub code: u64,
    len: u64,
}

impl Word {
    /// Token ids.
    pub fn ids(&self) -> Vec<u16> {
        let mut row = Row::default();
        self.write_to(&mut row);
        row.ids
    }

    /// Write the word.
    #[inline]
    pub fn write_to(&self, row: &mut Row) {
        let unpack = |packed: u64| std::array::from_fn::<u16, 4, _>(|i| (packed >> (16 * i)) as u16);
        row.extend_cut(unpack(self.ids[0]), self.len.min(4) as usize);
        if self.len > 4 {
            row.extend_cut(unpack(self.ids[1]), self.len as usize - 4);
        }
    }
}

/// What names are, in words: so many tokens with values from 1 to `values`.
pub fn in_words(what: &str, tokens: Span, values: u32) -> String {
    if tokens.hi == 1 {
        return format!(
            "The name of a {what} is a number from 1 to {values}, which says nothing but which {what} it is."
        );
    }
    let shown: Vec<String> = (1..=tokens.hi.min(tokens.lo.max(3))).map(|value| value.min(values).to_string()).collect();
    format!(
        "The name of a {what} is {} from 1 to {values}, joined by dots, such as {}; it is one name as a whole, no \
         decimal number, and says nothing but which {what} it is.",
        counted(tokens, "number", "numbers"),
        shown.join("."),
    )
}

/// The law of names: length uniform on `lo..=hi`, tokens uniform on `1..=size`, repeats of a whole word rejected.
#[derive(Clone, Debug)]
pub struct WordLaw {
    size: u32,
    lo: u32,
    hi: u32,
    middle: u16,
    last: u16,
    /// Number of words shorter than each length.
    below: [u64; MAX_WORD_LEN + 2],
}

impl WordLaw {
    /// `middle` and `last` are the ids of token 1 in the non-final and the final family.
    ///
    /// Sets of up to half the space can be drawn: then at least one length still has at least half of its words free,
    /// so a draw succeeds with probability at least 1/16 and `MAX_DRAWS` failures in a row have probability < 10^-114.
    pub fn new(size: u32, lo: u32, hi: u32, middle: u16, last: u16) -> Self {
        let mut below = [0u64; MAX_WORD_LEN + 2];
        for len in 1..=MAX_WORD_LEN as u32 {
            let words = if (lo..=hi).contains(&len) { u64::from(size).pow(len) } else { 0 };
            below[len as usize + 1] = below[len as usize] + words;
        }
        Self { size, lo, hi, middle, last, below }
    }

    /// Number of words.
    pub fn space(&self) -> u64 {
        self.below[MAX_WORD_LEN + 1]
    }

    /// Are there words for so many vertices? If not, say what is allowed.
    pub fn check_room(&self, n_max: u32) -> Result<(), String> {
        let Self { size, lo, hi, .. } = self;
        let space = self.space();
        if space >= 2 * u64::from(n_max) {
            return Ok(());
        }
        Err(format!(
            "allowed: at most half of the {space} words that mini_vocab = {size} and word lengths {lo}..={hi} give; \
             raise mini_vocab or max_word_len"
        ))
    }

    /// Draw one word and its number within the space.
    fn draw(&self, rng: &mut TaskRng) -> (Word, u64) {
        let mut values = [0u32; MAX_WORD_LEN + 2];
        let [extra, first, second] = rng.below_each([self.hi - self.lo + 1, self.size, self.size]);
        [values[0], values[1]] = [first, second];
        let len = (self.lo + extra) as usize;
        let mut at = 2;
        while at < len {
            [values[at], values[at + 1], values[at + 2]] = rng.below_each([self.size; 3]);
            at += 3;
        }
        self.word(&values[..len])
    }

    /// The same where words have one or two tokens. Lengths are coin tosses, so nothing here branches on them.
    #[inline]
    fn draw_short(&self, rng: &mut TaskRng) -> (Word, u64) {
        let [extra, first, second] = rng.below_each([self.hi - self.lo + 1, self.size, self.size]);
        let len = self.lo + extra;
        let two = len - 1;
        let family = u32::from(if two == 1 { self.middle } else { self.last });
        let number = if two == 1 { first * self.size + second } else { first };
        let word = Word {
            ids: [u64::from(family + first) | u64::from((u32::from(self.last) + second) * two) << 16, 0],
            code: u64::from(first + 1) | u64::from((second + 1) * two) << 8,
            len: u64::from(len),
        };
        (word, self.below[len as usize] + u64::from(number))
    }

    #[inline]
    fn word(&self, values: &[u32]) -> (Word, u64) {
        let len = values.len();
        let mut word = Word { len: len as u64, ..Word::default() };
        let mut number = 0;
        for (i, &value) in values.iter().enumerate() {
            let family = if i + 1 == len { self.last } else { self.middle };
            word.ids[i / 4] |= u64::from(family + value as u16) << (16 * (i % 4));
            word.code |= u64::from(value + 1) << (8 * i);
            number = number * u64::from(self.size) + u64::from(value);
        }
        (word, self.below[len] + number)
    }

    /// The word of a number, the inverse of the numbering in `word`.
    fn nth(&self, mut number: u64) -> Word {
        let len = (1..=MAX_WORD_LEN).rfind(|&len| self.below[len] <= number && self.below[len + 1] > number);
        let len = len.unwrap_or(1);
        number -= self.below[len];
        let mut values = [0u32; MAX_WORD_LEN];
        for value in values[..len].iter_mut().rev() {
            *value = (number % u64::from(self.size)) as u32;
            number /= u64::from(self.size);
        }
        self.word(&values[..len]).0
    }

    /// Draw `n` distinct words one after another, rejecting repeats, into the front of `words`. `n` must be at most half
    /// of the space.
    pub fn draw_distinct(&self, rng: &mut TaskRng, n: usize, seen: &mut Seen, words: &mut Vec<Word>) {
        seen.start(self.space(), n);
        if words.len() < n {
            words.resize(n, Word::default());
        }
        let words = &mut words[..n];
        let found = match (self.hi <= 2, seen.direct) {
            (true, true) => draw_into(words, || self.draw_short(rng), |number| seen.insert_stamped(number)),
            (true, false) => draw_into(words, || self.draw_short(rng), |number| seen.insert(number)),
            (false, _) => draw_into(words, || self.draw(rng), |number| seen.insert(number)),
        };
        for word in &mut words[found..] {
            let free = (0..self.space()).find(|&number| seen.insert(number)).unwrap_or_default();
            *word = self.nth(free);
        }
    }
}

/// A word found in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// As [`Word::code`].
    pub code: u64,
    /// Number of tokens.
    pub len: u32,
    /// Largest token value, 1-based.
    pub largest: u32,
}

/// Read the next word; families are the id of token 1 and the number of ids.
pub fn read(tokens: &mut Tokens<'_>, middle: (u16, u16), last: (u16, u16)) -> Result<Found, Flaw> {
    let start = tokens.at();
    let mut word = Found::default();
    loop {
        let end = tokens.family(last.0, last.1);
        let value = match end.or_else(|| tokens.family(middle.0, middle.1)) {
            Some(value) if (word.len as usize) < MAX_WORD_LEN => u32::from(value) + 1,
            Some(_) => return Err(Flaw::at(start, format!("a word of more than {MAX_WORD_LEN} tokens"))),
            None => return tokens.fail("expected a word"),
        };
        word.code |= u64::from(value) << (8 * word.len);
        word.len += 1;
        word.largest = word.largest.max(value);
        if end.is_some() {
            return Ok(word);
        }
    }
}

/// Fill the words; returns how many were found before [`MAX_DRAWS`] draws in a row failed.
#[inline]
fn draw_into(words: &mut [Word], mut draw: impl FnMut() -> (Word, u64), mut insert: impl FnMut(u64) -> bool) -> usize {
    let (mut found, mut failures) = (0, 0);
    while found < words.len() && failures < MAX_DRAWS {
        // Repeats are common and unpredictable: write the word in any case, keep it by moving on.
        let (word, number) = draw();
        words[found] = word;
        let new = insert(number);
        found += usize::from(new);
        failures = (failures + 1) * u32::from(!new);
    }
    found
}

/// Which words a set already holds; the memory is kept from set to set.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    stamps: Vec<u32>,
    numbers: Vec<u64>,
    stamp: u32,
    mask: u64,
    direct: bool,
}

impl Seen {
    fn start(&mut self, space: u64, n: usize) {
        self.direct = space <= STAMPED;
        let slots = if self.direct { space as usize } else { (4 * n).next_power_of_two() };
        self.mask = slots as u64 - 1;
        if self.stamps.len() < slots || self.stamp == u32::MAX {
            self.stamps.clear();
            self.stamps.resize(slots.max(self.stamps.len()), 0);
            self.numbers.resize(if self.direct { 0 } else { slots }, 0);
            self.stamp = 0;
        }
        self.stamp += 1;
    }

    #[inline]
    fn insert_stamped(&mut self, number: u64) -> bool {
        let slot = &mut self.stamps[number as usize];
        let new = *slot != self.stamp;
        *slot = self.stamp;
        new
    }

    /// Add a number; false when it was there.
    fn insert(&mut self, number: u64) -> bool {
        if self.direct {
            return self.insert_stamped(number);
        }
        let mut at = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20 & self.mask;
        while self.stamps[at as usize] == self.stamp {
            if self.numbers[at as usize] == number {
                return false;
            }
            at = (at + 1) & self.mask;
        }
        self.stamps[at as usize] = self.stamp;
        self.numbers[at as usize] = number;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn words_are_distinct_and_short_ones_saturate() {
        let law = WordLaw::new(50, 1, 2, 100, 200);
        assert_eq!(law.space(), 2550);
        let mut rng = StreamKey::new("t", "", 9, 0).rng(0.into(), 0);
        let (mut seen, mut words) = (Seen::default(), Vec::new());
        let mut single = 0u32;
        for _ in 0..400 {
            law.draw_distinct(&mut rng, 225, &mut seen, &mut words);
            let codes: std::collections::BTreeSet<u64> = words.iter().map(|w| w.code).collect();
            assert_eq!(codes.len(), 225);
            single += words.iter().map(|w| u32::from(w.ids().len() == 1)).sum::<u32>();
        }
        // About 365 draws give 225 distinct words; then 50 (1 - 0.99^365) = 48.7 of the 50 one-token words have come up.
        // The standard error of the mean is 0.06.
        let mean = f64::from(single) / 400.0;
        assert!((mean - 48.7).abs() < 0.3, "{mean}");
    }

    #[test]
    fn hashed_and_stamped_spaces_agree() {
        // 2^24 words of six tokens are deduplicated by hashing; few enough draws that none repeats by chance alone
        // would not show a broken set, so draw from a space where half of all words are taken.
        let law = WordLaw::new(2, 1, 8, 0, 2);
        let mut rng = StreamKey::new("t", "", 9, 0).rng(0.into(), 0);
        let (mut seen, mut words) = (Seen::default(), Vec::new());
        for direct in [true, false] {
            seen.start(if direct { 510 } else { u64::MAX }, 255);
            let mut numbers = std::collections::BTreeSet::new();
            for _ in 0..5000 {
                let (_, number) = law.draw(&mut rng);
                if numbers.len() < 255 {
                    assert_eq!(seen.insert(number), numbers.insert(number));
                }
            }
        }
        law.draw_distinct(&mut rng, 255, &mut seen, &mut words);
        assert_eq!(words.iter().map(|w| w.code).collect::<std::collections::BTreeSet<_>>().len(), 255);
    }

    #[test]
    fn numbering_is_a_bijection() {
        let law = WordLaw::new(3, 2, 4, 10, 20);
        for number in 0..law.space() {
            let word = law.nth(number);
            let values: Vec<u32> = (0..word.len).map(|i| (word.code >> (8 * i) & 0xFF) as u32 - 1).collect();
            assert_eq!(law.word(&values), (word, number));
        }
    }
}
