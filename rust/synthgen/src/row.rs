//! The row writer: what a task's `encode` fills, and the one form every view is made from.

use std::ops::Range;

use crate::split::Split;

/// One question of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// First token of the question.
    pub start: u32,
    /// Where the prompt that asks it ends; the answer begins there, or after an opening marker.
    pub prompt: u32,
    /// Tokens of the answer, markers excluded.
    pub answer: Range<u32>,
}

/// One encoded instance: token ids, which of them are predicted, and where the questions and answers lie.
#[derive(Clone, Debug)]
pub struct Row {
    /// Token ids.
    pub ids: Vec<u16>,
    /// Runs of tokens whose loss mask is 1, in order and disjoint.
    pub loss: Vec<Range<u32>>,
    /// Questions, in order.
    pub queries: Vec<Query>,
    /// Hash of what the row says.
    pub content: u64,
    /// The split the content belongs to.
    pub split: Split,
    /// Which task of a mixture, 0 otherwise.
    pub part: u8,
}

impl Default for Row {
    fn default() -> Self {
        Self { ids: Vec::new(), loss: Vec::new(), queries: Vec::new(), content: 0, split: Split::Train, part: 0 }
    }
}

impl Row {
    /// Forget the last instance, keep the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.ids.clear();
        self.loss.clear();
        self.queries.clear();
    }

    /// Become a copy of another row, keep the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.clear();
        self.ids.extend_from_slice(&other.ids);
        self.loss.extend_from_slice(&other.loss);
        self.queries.extend_from_slice(&other.queries);
        (self.content, self.split, self.part) = (other.content, other.split, other.part);
    }

    /// Number of tokens.
    #[inline]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Is nothing written yet?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Where the next token goes.
    #[inline]
    pub fn here(&self) -> u32 {
        self.ids.len() as u32
    }

    /// Write one token.
    #[inline]
    pub fn push(&mut self, id: u16) {
        self.ids.push(id);
    }

    /// Write several tokens.
    #[inline]
    pub fn extend(&mut self, ids: &[u16]) {
        self.ids.extend_from_slice(ids);
    }

    /// Write the first `len` of these tokens. A copy of fixed width and a cut are faster than a copy of variable length.
    #[inline]
    pub fn extend_cut<const N: usize>(&mut self, ids: [u16; N], len: usize) {
        let end = self.ids.len() + len;
        self.ids.extend_from_slice(&ids);
        self.ids.truncate(end);
    }

    /// The tokens from `start` to here are predicted.
    #[inline]
    pub fn predict_from(&mut self, start: u32) {
        let end = self.here();
        match self.loss.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => self.loss.push(start..end),
        }
    }

    /// A question that began at `start` and whose answer is `answer..here`.
    #[inline]
    pub fn query(&mut self, start: u32, answer: u32) {
        self.query_after(start, answer, answer);
    }

    /// The same, where the prompt ends before an opening marker that is predicted but no part of the answer.
    #[inline]
    pub fn query_after(&mut self, start: u32, prompt: u32, answer: u32) {
        let end = self.here();
        self.queries.push(Query { start, prompt, answer: answer..end });
    }

    /// The loss mask, written out.
    pub fn mask(&self) -> Vec<u8> {
        let mut mask = vec![0; self.len()];
        for run in &self.loss {
            mask[run.start as usize..run.end as usize].fill(1);
        }
        mask
    }
}
