//! What the few-shot tasks share: demonstrations from train keys only, symbols written by fixed-width copies, and a
//! reader of their characters.

use crate::reading::{Flaw, Form, Reading};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::symbols::{FIRST, PRINTED, of_char};
use crate::split::{Content, Split};
use crate::vocab::{BOS, EOS};

/// Most demonstrations in a prompt.
pub const MAX_EXAMPLES: usize = 32;

/// The content hash of one fact.
#[inline]
pub fn hash(salt: u64, fact: u64) -> u64 {
    Content::new(salt).fact(fact).finish()
}

/// Does the fact belong to the train split?
#[inline]
pub fn is_train(salt: u64, fact: u64) -> bool {
    Split::of(hash(salt, fact)) == Split::Train
}

/// How many of these facts are in train, validation and test.
pub fn shares(salt: u64, facts: impl IntoIterator<Item = u64>) -> [usize; 3] {
    facts.into_iter().fold([0; 3], |mut counts, fact| {
        counts[Split::of(hash(salt, fact)) as usize] += 1;
        counts
    })
}

/// Room beyond the longest row, for the width of the last piece.
const MARGIN: usize = 32;

/// Symbols that one copy of fixed width writes. Widths are multiples of four: eight bytes, which copies are made of.
#[derive(Clone, Copy, Debug)]
pub struct Piece<const N: usize> {
    ids: [u16; N],
    len: u16,
}

impl<const N: usize> Piece<N> {
    /// At most `N` printable ASCII characters.
    pub fn new(text: &str) -> Self {
        const { assert!(N.is_multiple_of(4) && N <= MARGIN) };
        debug_assert!(text.len() <= N, "{text:?} is too long for its piece");
        let mut ids = [0; N];
        for (id, byte) in ids.iter_mut().zip(text.bytes()) {
            *id = of_char(byte);
        }
        Self { ids, len: text.len() as u16 }
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Writes a row piece over the end of piece, in room made ahead: the place is a number in a register, and a piece is one
/// copy of fixed width.
#[derive(Debug)]
pub struct Pen<'a> {
    ids: &'a mut [u16],
    at: usize,
}

impl Pen<'_> {
    /// Where the next symbol goes.
    #[inline]
    pub fn here(&self) -> u32 {
        self.at as u32
    }

    /// Write a piece.
    #[inline]
    pub fn write<const N: usize>(&mut self, piece: &Piece<N>) {
        self.write_without(piece, 0);
    }

    /// Write a piece without its last `count` symbols.
    #[inline]
    pub fn write_without<const N: usize>(&mut self, piece: &Piece<N>, count: usize) {
        self.ids[self.at..self.at + N].copy_from_slice(&piece.ids);
        self.at += usize::from(piece.len).saturating_sub(count);
    }
}

/// The numbers `0..=last`, each between the same two texts.
pub fn numbers<const N: usize>(last: u32, before: &str, after: &str) -> Vec<Piece<N>> {
    (0..=last).map(|value| Piece::new(&format!("{before}{value}{after}"))).collect()
}

/// A question of two numbers and the demonstrations before it.
#[derive(Debug, Default)]
pub struct Shots {
    /// The question.
    pub query: [u32; 2],
    /// The demonstrations, in order.
    pub demos: Vec<[u32; 2]>,
}

/// Draw a question uniform over both ranges, then demonstrations, each uniform over the train keys that are neither the
/// question nor an earlier demonstration. `fact` is one number for each key.
#[inline]
pub fn draw(
    rng: &mut TaskRng,
    [(first, firsts), (second, seconds)]: [(u32, u32); 2],
    count: usize,
    shots: &mut Shots,
    salt: u64,
    fact: impl Fn([u32; 2]) -> u64,
) {
    let Shots { query, demos } = shots;
    demos.clear();
    rng.in_registers(|rng| {
        let [a, b, mut c, mut d] = rng.below_each([firsts, seconds, firsts, seconds]);
        *query = [first + a, second + b];
        let asked = fact(*query);
        let mut spare = None;
        while demos.len() < count {
            let demo = [first + c, second + d];
            let key = fact(demo);
            if key != asked && is_train(salt, key) && demos.iter().all(|&other| fact(other) != key) {
                demos.push(demo);
            }
            [c, d] = spare.take().unwrap_or_else(|| {
                let [c, d, e, f] = rng.below_each([firsts, seconds, firsts, seconds]);
                spare = Some([e, f]);
                [c, d]
            });
        }
    });
}

/// Are there more than `count` train keys among the pairs of two ranges, so that demonstrations never run out?
pub fn enough(ranges: [(u32, u32); 2], count: usize, salt: u64, fact: impl Fn([u32; 2]) -> u64) -> bool {
    let [(first, firsts), (second, seconds)] = ranges;
    let mut found: Vec<u64> = Vec::new();
    (0..firsts).flat_map(|a| (0..seconds).map(move |b| [first + a, second + b])).map(fact).any(|key| {
        if is_train(salt, key) && !found.contains(&key) {
            found.push(key);
        }
        count == 0 || found.len() > count
    })
}

/// Write a row of at most `longest` tokens: `write` everything between `<s>` and `</s>`, and say where the question and
/// the answer begin.
#[inline]
pub fn write_row(row: &mut Row, longest: usize, write: impl FnOnce(&mut Pen<'_>) -> [u32; 2]) {
    row.ids.resize(longest + MARGIN, BOS);
    let mut pen = Pen { ids: &mut row.ids, at: 1 };
    let [question, answer] = write(&mut pen);
    let end = pen.at;
    row.ids.truncate(end);
    row.query(question, answer);
    row.push(EOS);
    row.predict_from(answer);
}

/// The characters after `<s>`, up to the first symbol that prints as none.
pub fn characters(ids: &[u16]) -> Result<String, Flaw> {
    if ids.first() != Some(&BOS) {
        return Err(Flaw::at(0, "a row begins with <s>"));
    }
    let printed = |&id: &u16| id.checked_sub(FIRST).filter(|&i| i < PRINTED).map(|i| char::from(b' ' + i as u8));
    Ok(ids[1..].iter().map_while(printed).collect())
}

/// Reads characters from left to right; character `i` is token `i + 1`.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// Start at the first of these ASCII characters.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Index of the token to come.
    pub fn at(&self) -> usize {
        self.at + 1
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A flaw at the next token.
    pub fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Flaw> {
        Err(Flaw::at(self.at(), reason))
    }

    /// Step over `text` if it comes next.
    pub fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Step over `text` or fail.
    pub fn expect(&mut self, text: &str) -> Result<(), Flaw> {
        if self.accept(text) { Ok(()) } else { self.fail(format!("expected {text:?}")) }
    }

    fn run(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let len = self.rest().bytes().take_while(|&b| wanted(b)).count();
        let found = &self.rest()[..len];
        self.at += len;
        found
    }

    /// A number without leading zeros, at most `last`.
    pub fn number(&mut self, last: u32) -> Result<u32, Flaw> {
        let start = *self;
        let digits = self.run(|b| b.is_ascii_digit());
        let canonical = digits == "0" || !digits.starts_with('0');
        match digits.parse() {
            Ok(value) if canonical && value <= last => Ok(value),
            _ => start.fail(format!("expected a number of at most {last}, without leading zeros")),
        }
    }

    /// A word of the list: its place there.
    pub fn word<'b>(&mut self, list: impl IntoIterator<Item = &'b str>, wanted: &str) -> Result<usize, Flaw> {
        let start = *self;
        let word = self.run(|b| b.is_ascii_alphabetic());
        list.into_iter().position(|known| known == word).map_or_else(|| start.fail(format!("expected {wanted}")), Ok)
    }

    /// After the prompt: nothing, or the right answer and the end of the row.
    pub fn finish(mut self, ids: &[u16], answer: &str, form: Form, content: u64) -> Result<Reading, Flaw> {
        let start = self.at();
        let right = answer.bytes().map(of_char).collect();
        let mut reading = Reading { content, answer: right, ..Reading::default() };
        if form == Form::Prompt {
            return if start == ids.len() { Ok(reading) } else { self.fail("the prompt ends here") };
        }
        if !self.accept(answer) {
            return self.fail("expected the right answer");
        }
        let end = self.at();
        if ids.get(end) != Some(&EOS) {
            return self.fail("expected </s>");
        }
        if end + 1 < ids.len() {
            return Err(Flaw::at(end + 1, "nothing may follow </s>"));
        }
        reading.loss.push(start as u32..end as u32 + 1);
        Ok(reading)
    }
}

/// Read a prompt or row of demonstrations and a question, separated by commas. `item` reads one up to its answer and gives
/// its fact and the right answer; `wanted` is the number of demonstrations, if that is settled.
pub fn read_shots(
    ids: &[u16],
    form: Form,
    salt: u64,
    wanted: Option<u32>,
    mut item: impl FnMut(&mut Scan<'_>) -> Result<(u64, String), Flaw>,
) -> Result<Reading, Flaw> {
    let text = characters(ids)?;
    let mut scan = Scan::new(&text);
    let mut shown: Vec<(usize, u64)> = Vec::new();
    loop {
        let at = scan.at();
        let (fact, answer) = item(&mut scan)?;
        if shown.iter().any(|&(_, other)| other == fact) {
            return Err(Flaw::at(at, "this was shown before"));
        }
        // The right answer and a comma make a demonstration; the last has at most an answer.
        let mut next = scan;
        if next.accept(&answer) && next.accept(", ") {
            shown.push((at, fact));
            if shown.len() > MAX_EXAMPLES {
                return Err(Flaw::at(at, format!("more than {MAX_EXAMPLES} demonstrations, as no parameters allow")));
            }
            scan = next;
            continue;
        }
        if let Some(&(at, _)) = shown.iter().find(|&&(_, fact)| !is_train(salt, fact)) {
            return Err(Flaw::at(at, "a demonstration is not of the train split"));
        }
        let count = shown.len();
        if let Some(wanted) = wanted.filter(|&wanted| wanted as usize != count) {
            return Err(Flaw::at(at, format!("{count} demonstrations, wanted {wanted}")));
        }
        return scan.finish(ids, &answer, form, hash(salt, fact));
    }
}

/// Is the text a whole number of at most `digits` digits?
pub fn is_number(text: &str, digits: usize) -> bool {
    (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Is the text one word of ASCII letters?
pub fn is_word(text: &str) -> bool {
    (1..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}
