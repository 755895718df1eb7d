//! What the copy tasks share: drawing strings of regular symbols and numbers without replacement, and reading both back.

use crate::error::Error;
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::symbols::{FIRST, REGULAR};
use crate::split::Content;
use crate::vocab::EOS;

/// Numbers drawn from one random word. For symbols the product of the bounds is at most 500^6 < 2^54, so nearly no word is
/// refused; for any bound up to 1025 it stays below 2^61.
const PER_WORD: usize = 6;

/// Draw `len` ids, independent and uniform among the first `count` regular symbols.
#[inline]
pub fn draw(rng: &mut TaskRng, count: u32, len: usize, ids: &mut Vec<u16>) {
    draw_numbers(rng, count, FIRST, len, ids);
}

/// Draw `len` numbers, independent and uniform in `first..first + count`; `count` is at most 1025.
#[inline]
pub fn draw_numbers(rng: &mut TaskRng, count: u32, first: u16, len: usize, numbers: &mut Vec<u16>) {
    let padded = len.next_multiple_of(PER_WORD);
    if numbers.len() < padded {
        numbers.resize(padded, 0);
    }
    rng.in_registers(|rng| {
        for chunk in numbers[..padded].as_chunks_mut::<PER_WORD>().0 {
            *chunk = rng.below_each([count; PER_WORD]).map(|number| first + number as u16);
        }
    });
    numbers.truncate(len);
}

/// The number of distinct symbols, for the metadata.
pub fn distinct(ids: &[u16]) -> usize {
    let mut seen = [false; (FIRST + REGULAR) as usize];
    ids.iter().filter(|&&id| !std::mem::replace(&mut seen[usize::from(id)], true)).count()
}

/// The content hash of a string of less than 65536 symbols: four to a word, the last three at most beside the length.
#[inline]
pub fn content(salt: u64, ids: &[u16]) -> u64 {
    let (words, rest) = ids.as_chunks::<4>();
    let pack = |[a, b, c, d]: [u16; 4]| u64::from(a) | u64::from(b) << 16 | u64::from(c) << 32 | u64::from(d) << 48;
    let at = |i: usize| rest.get(i).copied().unwrap_or_default();
    let last = pack([at(0), at(1), at(2), ids.len() as u16]);
    words.iter().fold(Content::new(salt), |hash, &word| hash.fact(pack(word))).fact(last).finish()
}

/// The content hash of pairs of key and value, which have no order.
#[inline]
pub fn content_of_pairs(salt: u64, pairs: impl Iterator<Item = (u16, u16)>) -> u64 {
    Content::new(salt).unordered(pairs.map(|(key, value)| (u64::from(key), u64::from(value)))).finish()
}

/// Numbers drawn without replacement, by a shuffle that goes only as far as it must. The deck is kept from row to row and
/// put back in order, so that a draw takes time for the numbers drawn, not for those that could be.
#[derive(Clone, Debug, Default)]
pub struct Deck {
    cards: Vec<u16>,
    /// The place that each number drawn last came from.
    places: Vec<u16>,
}

impl Deck {
    /// A uniform ordered sample of `count` of the numbers `0..n`, and the numbers left over, in no particular order.
    /// `count` is at most n, and n at most 65535.
    #[inline]
    pub fn deal(&mut self, rng: &mut TaskRng, n: usize, count: usize) -> (&[u16], &[u16]) {
        for (i, &place) in self.places.iter().enumerate() {
            self.cards[i] = i as u16;
            self.cards[usize::from(place)] = place;
        }
        self.places.clear();
        self.cards.extend(self.cards.len() as u16..n.max(self.cards.len()) as u16);
        rng.in_registers(|rng| {
            let mut i = 0;
            while i < count {
                let left = (n - i) as u32;
                if left >= 4 {
                    for offset in rng.below_each([left, left - 1, left - 2, left - 3]).into_iter().take(count - i) {
                        self.swap(i, offset);
                        i += 1;
                    }
                } else {
                    self.swap(i, rng.below(left));
                    i += 1;
                }
            }
        });
        self.cards[..n].split_at(count)
    }

    #[inline]
    fn swap(&mut self, i: usize, offset: u32) {
        let place = i + offset as usize;
        self.cards.swap(i, place);
        self.places.push(place as u16);
    }
}

/// Write the answer to the only question, which began at `start`, and the end of the row.
#[inline]
pub fn finish(row: &mut Row, start: u32, answer: &[u16]) {
    let from = row.here();
    row.extend(answer);
    row.query(start, from);
    row.push(EOS);
    row.predict_from(from);
}

/// A regular symbol, of the first `count` where a count is given.
pub fn read_symbol(count: Option<u32>, tokens: &mut Tokens<'_>) -> Result<u16, Flaw> {
    let at = tokens.at();
    let symbol = tokens.expect_family(FIRST, REGULAR, "a regular symbol")?;
    match count {
        Some(count) if symbol >= count => Err(Flaw::at(at, format!("symbol {symbol} is not among the first {count}"))),
        _ => Ok(FIRST + symbol as u16),
    }
}

/// A run of at least one regular symbol.
pub fn read_string(count: Option<u32>, tokens: &mut Tokens<'_>) -> Result<Vec<u16>, Flaw> {
    let mut ids = vec![read_symbol(count, tokens)?];
    while tokens.peek().is_some_and(|id| id >= FIRST) {
        ids.push(read_symbol(count, tokens)?);
    }
    Ok(ids)
}

/// A flaw at `at` unless the number lies within the span, where one is given.
pub fn check_number(what: &str, number: usize, span: Option<Span>, at: usize) -> Result<(), Flaw> {
    match span {
        Some(span) if !span.contains(number as u32) => {
            Err(Flaw::at(at, format!("{number} {what}; allowed: {}..={}", span.lo, span.hi)))
        }
        _ => Ok(()),
    }
}

/// The end of a row with one question: the right answer and `</s>`, or nothing where only the prompt is read.
pub fn read_answer(tokens: Tokens<'_>, form: Form, content: u64, right: Vec<u16>) -> Result<Reading, Flaw> {
    let mut tokens = tokens;
    let start = tokens.at() as u32;
    let mut reading = Reading { content, answer: right, ..Reading::default() };
    if form == Form::Prompt {
        return if tokens.is_done() { Ok(reading) } else { tokens.fail("the prompt ends before this") };
    }
    for &id in &reading.answer {
        tokens.expect(id, "the right answer")?;
    }
    reading.loss.push(start..start + reading.answer.len() as u32 + 1);
    read_end(tokens)?;
    Ok(reading)
}

/// `</s>`, and nothing after it.
pub fn read_end(mut tokens: Tokens<'_>) -> Result<(), Flaw> {
    tokens.expect(EOS, "</s>")?;
    if tokens.is_done() { Ok(()) } else { tokens.fail("nothing may follow </s>") }
}

/// Refuse more pairs than there are keys.
pub fn check_keys(task: &str, num_pairs: Span, num_symbols: u32) -> Result<(), Error> {
    if num_pairs.hi <= num_symbols {
        return Ok(());
    }
    let allowed = format!("allowed: at most num_symbols = {num_symbols}, since keys are distinct; raise num_symbols");
    Err(Error::param(task, "num_pairs", format!("[{},{}]", num_pairs.lo, num_pairs.hi), allowed))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn dealt_numbers_are_a_uniform_ordered_sample_whatever_was_dealt_before() {
        let mut rng = StreamKey::new("t", "", 3, 0).rng(0.into(), 0);
        let mut deck = Deck::default();
        let mut counts = BTreeMap::new();
        for _ in 0..24_000 {
            for (n, count) in [(4, 2), (6, 6), (500, 9), (2, 2), (500, 500)] {
                let (dealt, left) = deck.deal(&mut rng, n, count);
                assert_eq!((dealt.len(), left.len()), (count, n - count));
                if n < 500 {
                    *counts.entry((n, dealt.to_vec())).or_insert(0u32) += 1;
                }
                let mut all = [dealt, left].concat();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..n as u16));
            }
        }
        // Five standard deviations of a binomial count.
        let of = |n: usize| counts.iter().filter(move |entry| entry.0.0 == n).map(|entry| *entry.1);
        assert!(of(4).count() == 12 && of(4).all(|c| c.abs_diff(2000) < 215), "{counts:?}");
        assert!(of(6).count() == 720 && of(6).all(|c| c.abs_diff(33) < 33), "{counts:?}");
        assert!(of(2).count() == 2 && of(2).all(|c| c.abs_diff(12_000) < 390), "{counts:?}");
    }

    #[test]
    fn strings_are_uniform_and_differ_in_content() {
        let mut rng = StreamKey::new("t", "", 4, 0).rng(0.into(), 0);
        let (mut ids, mut counts) = (Vec::new(), [0u32; 500]);
        for len in 0..1000 {
            draw(&mut rng, 500, len, &mut ids);
            assert_eq!(ids.len(), len);
            for &id in &ids {
                counts[usize::from(id - FIRST)] += 1;
            }
        }
        // Five standard deviations around 999.
        assert!(counts.iter().all(|c| c.abs_diff(999) < 158), "{counts:?}");
        let strings: [&[u16]; 7] =
            [&[], &[7], &[7, 7], &[7, 7, 7, 7], &[7, 7, 7, 8], &[7, 7, 7, 7, 0], &[0, 7, 7, 7, 7]];
        let hashes: std::collections::BTreeSet<u64> = strings.iter().map(|ids| content(1, ids)).collect();
        assert_eq!(hashes.len(), strings.len());
    }
}
