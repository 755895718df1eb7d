//! Reading rows back: what a task's `read` is given, and what it finds.

use crate::vocab::BOS;

/// How much of a row is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole row: specials, all queries, all answers.
    Row,
    /// A prompt: `<bos>` and everything up to the first answer.
    Prompt,
}

/// What was found in a row or a prompt.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The content hash, re-derived from the tokens.
    pub content: u64,
    /// Runs of tokens that must be predicted (rows only).
    pub loss: Vec<std::ops::Range<u32>>,
    /// The right answer of the first query, as ids.
    pub answer: Vec<u16>,
}

/// The first thing that is wrong with a token sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub reason: String,
    /// Index of the token.
    pub position: usize,
}

impl Flaw {
    /// A flaw at a token.
    pub fn at(position: usize, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), position }
    }
}

/// A cursor over the tokens of a row, for `read`.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    ids: &'a [u16],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Start after `<bos>`, which must be there and nowhere else.
    pub fn after_bos(ids: &'a [u16]) -> Result<Self, Flaw> {
        if ids.first() != Some(&BOS) {
            return Err(Flaw::at(0, "a row begins with <bos>"));
        }
        Ok(Self { ids, at: 1 })
    }

    /// Index of the next token.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next token, not consumed.
    pub fn peek(&self) -> Option<u16> {
        self.ids.get(self.at).copied()
    }

    /// Is everything consumed?
    pub fn is_done(&self) -> bool {
        self.at == self.ids.len()
    }

    /// Consume the next token if it is `id`.
    pub fn accept(&mut self, id: u16) -> bool {
        let found = self.peek() == Some(id);
        self.at += usize::from(found);
        found
    }

    /// Consume `id` or fail, saying what was wanted.
    pub fn expect(&mut self, id: u16, wanted: &str) -> Result<(), Flaw> {
        if self.accept(id) { Ok(()) } else { self.fail(format!("expected {wanted}")) }
    }

    /// Consume a member of a family of `count` ids and return its number.
    pub fn family(&mut self, first: u16, count: u16) -> Option<u16> {
        let offset = self.peek()?.checked_sub(first).filter(|&o| o < count)?;
        self.at += 1;
        Some(offset)
    }

    /// Consume a member of a family or fail.
    pub fn expect_family(&mut self, first: u16, count: u16, wanted: &str) -> Result<u32, Flaw> {
        match self.family(first, count) {
            Some(offset) => Ok(u32::from(offset)),
            None => self.fail(format!("expected {wanted}")),
        }
    }

    /// A flaw at the next token.
    pub fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Flaw> {
        Err(Flaw::at(self.at, reason))
    }
}
