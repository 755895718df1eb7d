//! Columns of consecutive rows of a shard.

use crate::audit::Audit;
use crate::export::{push_answer, push_sample_id};
use crate::metadata::push_string;
use crate::row::Row;
use crate::split::Split;
use crate::task::{AnyTask, Rows};

/// Columns beside tokens and facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns {
    /// Prompts, targets and sample ids.
    pub texts: bool,
    /// Metadata, in the text columns and in the lines.
    pub metadata: bool,
    /// JSON lines.
    pub lines: bool,
}

/// Strings, one after another.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Start of each string, and the end of the last.
    pub offsets: Vec<i32>,
    /// Their bytes.
    pub bytes: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: String::new() }
    }
}

impl Texts {
    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.bytes.clear();
    }

    fn close(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }
}

/// Consecutive rows of a shard.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Tokens, one row or window after another; empty where the shard has foreign ids.
    pub ids: Vec<u16>,
    /// The same in foreign ids.
    pub foreign: Vec<u32>,
    /// Loss mask, a byte a token.
    pub mask: Vec<u8>,
    /// Start in the shard, length and cell of each instance, three numbers a row.
    pub rows: Vec<i32>,
    /// Content hash of each instance.
    pub contents: Vec<u64>,
    /// Hash of each whole row, of its task and tokens.
    pub hashes: Vec<u64>,
    /// Prompts.
    pub prompts: Texts,
    /// Targets.
    pub targets: Texts,
    /// Sample ids.
    pub sample_ids: Texts,
    /// Metadata as JSON.
    pub metadata: Texts,
    /// JSON lines.
    pub lines: Vec<u8>,
    /// What reading the rows again has found.
    pub audit: Audit,
    scratch: Vec<u8>,
}

impl Block {
    /// Forget the rows, keep the memory.
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.foreign.clear();
        self.mask.clear();
        self.rows.clear();
        self.contents.clear();
        self.hashes.clear();
        for texts in [&mut self.prompts, &mut self.targets, &mut self.sample_ids, &mut self.metadata] {
            texts.clear();
        }
        self.lines.clear();
        self.audit = Audit::default();
    }

    /// Write the text columns and the line of the row drawn last.
    pub(crate) fn describe(
        &mut self,
        task: &dyn AnyTask,
        split: Split,
        index: u64,
        cursor: &dyn Rows,
        columns: Columns,
    ) {
        let Columns { texts, metadata, lines } = columns;
        if !texts && !lines {
            return;
        }
        let row = cursor.row();
        let prompt = row.queries.first().map_or(row.len(), |query| query.prompt as usize);
        let at = [self.prompts.bytes.len(), self.targets.bytes.len(), self.sample_ids.bytes.len()];
        task.vocab().decode_into(&row.ids[..prompt], &mut self.prompts.bytes);
        if let Some(query) = row.queries.first() {
            let answer = query.answer.start as usize..query.answer.end as usize;
            push_answer(task, &row.ids[answer], &mut self.targets.bytes);
        }
        push_sample_id(task, Some(split), index, &mut self.sample_ids.bytes);
        if lines {
            let out = &mut self.lines;
            for (open, text) in [
                (&b"{\"input_text\": "[..], &self.prompts.bytes[at[0]..]),
                (b", \"target\": ", &self.targets.bytes[at[1]..]),
                (b", \"task\": ", task.name()),
            ] {
                out.extend_from_slice(open);
                push_string(out, text);
            }
            out.extend_from_slice(b", \"difficulty\": ");
            match task.level() {
                Some(level) => out.extend_from_slice(level.to_string().as_bytes()),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b", \"split\": ");
            push_string(out, split.name());
            out.extend_from_slice(b", \"sample_id\": ");
            push_string(out, &self.sample_ids.bytes[at[2]..]);
            if metadata {
                out.extend_from_slice(b", \"metadata\": ");
                cursor.metadata_quoted(out);
            }
            out.extend_from_slice(b"}\n");
        }
        if texts {
            if metadata {
                self.scratch.clear();
                cursor.metadata_text(&mut self.scratch);
                self.metadata.bytes.push_str(std::str::from_utf8(&self.scratch).unwrap_or_default());
            }
            for column in [&mut self.prompts, &mut self.targets, &mut self.sample_ids, &mut self.metadata] {
                column.close();
            }
        } else {
            self.prompts.bytes.clear();
            self.targets.bytes.clear();
            self.sample_ids.bytes.clear();
        }
    }
}

/// A row in foreign ids.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Loss mask.
    pub mask: Vec<u8>,
}

/// A row to be written, in own or joint ids, or in foreign ones.
pub(crate) enum Source<'a> {
    Own(&'a Row),
    Foreign(&'a Encoded),
}

impl Source<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Own(row) => row.len(),
            Self::Foreign(row) => row.ids.len(),
        }
    }

    pub(crate) fn copy(&self, take: usize, block: &mut Block) {
        match self {
            Self::Own(row) => {
                let start = block.mask.len();
                block.ids.extend_from_slice(&row.ids[..take]);
                block.mask.resize(start + take, 0);
                for run in &row.loss {
                    let (from, to) = ((run.start as usize).min(take), (run.end as usize).min(take));
                    block.mask[start + from..start + to].fill(1);
                }
            }
            Self::Foreign(row) => {
                block.foreign.extend_from_slice(&row.ids[..take]);
                block.mask.extend_from_slice(&row.mask[..take]);
            }
        }
    }
}
