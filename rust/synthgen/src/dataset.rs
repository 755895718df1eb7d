//! The rows of one shard of a dataset, in order, as columns: blocks of bounded size, so that no memory grows with the shard.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::block::Source;
pub use crate::block::{Block, Columns, Encoded, Texts};
use crate::error::Error;
use crate::mix::Joint;
use crate::pack::Policy;
use crate::rng::{StreamKey, TaskRng};
use crate::row::Row;
use crate::split::{Content, Split};
use crate::task::{AnyTask, Rows};
use crate::vocab::PAD;

/// Tokens between two calls of the check that may stop the work.
const CHECKED: usize = 1 << 16;

/// A task at a level, and what one shard takes from it.
#[derive(Clone)]
pub struct Cell {
    /// The task at its level.
    pub task: Arc<dyn AnyTask>,
    /// First row of the shard's own index domain.
    pub start: u64,
    /// Tokens to reach.
    pub budget: u64,
    /// Cells of a group share their rounding: together they miss their budgets by less than a row.
    pub group: usize,
    /// Cells of a lower phase come first.
    pub phase: usize,
}

/// What a shard is, beside its cells.
#[derive(Clone)]
pub struct Form {
    /// Seed of the dataset.
    pub seed: u64,
    /// Split of the shard.
    pub split: Split,
    /// Number of the shard, which decides the order of its cells.
    pub number: u64,
    /// Joint ids.
    pub joint: Option<Joint>,
    /// Width of packed windows, and what becomes of the instance that crosses a window's end.
    pub window: Option<(usize, Policy)>,
    /// Columns.
    pub columns: Columns,
    /// Rows come back re-encoded, by [`Stream::offer`].
    pub foreign: bool,
    /// Every row is read again by the road that did not write it.
    pub audit: bool,
}

/// What a stream gives next.
pub enum Next {
    /// Rows.
    Block(Box<Block>),
    /// Rows of this cell are wanted re-encoded before it can go on.
    Starved(usize),
    /// Nothing: the shard is complete.
    End,
}

/// A row as text.
#[derive(Clone, Debug)]
pub struct Text {
    /// The whole row, specials left out.
    pub text: String,
    /// Characters that are predicted.
    pub predicted: Vec<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Progress {
    tokens: u64,
    rows: u64,
    /// Rows that are still owed, by the mean length so far; 0 when the cell is closed.
    owed: f64,
}

/// The rows of a shard, drawn block by block.
///
/// The next row is of a cell drawn with the odds of the rows that it still owes. A cell closes with the row that would
/// exceed its budget, which is kept if that brings its group nearer to the sum of its budgets, and dropped otherwise.
pub struct Stream {
    cells: Vec<Cell>,
    form: Form,
    rng: TaskRng,
    progress: Vec<Progress>,
    /// Tokens beyond the budgets of closed cells, by group.
    excess: Vec<i64>,
    /// Cells of the current phase.
    ready: Vec<usize>,
    /// The cell drawn, but not yet served.
    pending: Option<usize>,
    offered: Vec<VecDeque<Encoded>>,
    /// The block that is being made.
    open: Block,
    salts: Vec<u64>,
    /// Tokens made, and of these how many lie in the open window.
    made: u64,
    fill: usize,
    rows: u64,
    lifted: Row,
}

impl Stream {
    /// Begin a shard. Refuses windows that a row may not fit into.
    pub fn new(cells: Vec<Cell>, form: Form) -> Result<Self, Error> {
        if let Some((width, _)) = form.window
            && !form.foreign
        {
            let longest = |cell: &Cell| cell.task.max_len() + usize::from(form.joint.is_some());
            let drawn = cells.iter().filter(|cell| cell.budget > 0);
            if let Some(cell) = drawn.max_by_key(|&cell| longest(cell)).filter(|&cell| longest(cell) > width) {
                let allowed = format!("allowed: at least {}, the longest row of {}", longest(cell), cell.task.name());
                return Err(Error::param("dataset", "seq_len", width, allowed));
            }
        }
        let key = StreamKey::new("dataset", "", form.seed, Split::code(Some(form.split)));
        let groups = cells.iter().map(|cell| cell.group + 1).max().unwrap_or(0);
        let mut stream = Self {
            rng: key.rng(form.number.into(), 0),
            progress: vec![Progress { tokens: 0, rows: 0, owed: 0.0 }; cells.len()],
            excess: vec![0; groups],
            ready: Vec::new(),
            pending: None,
            offered: vec![VecDeque::new(); cells.len()],
            open: Block::default(),
            salts: cells.iter().map(|cell| xxh3_64(cell.task.name().as_bytes())).collect(),
            made: 0,
            fill: 0,
            rows: 0,
            lifted: Row::default(),
            cells,
            form,
        };
        (0..stream.cells.len()).for_each(|i| stream.owe(i));
        Ok(stream)
    }

    /// The next rows: at least `limit` tokens of them where there are as many, in whole windows.
    pub fn next(&mut self, limit: usize, check: &mut dyn FnMut() -> Result<(), Error>) -> Result<Next, Error> {
        let cells = self.cells.clone();
        let (seed, split) = (self.form.seed, self.form.split);
        let mut cursors: Vec<_> = cells.iter().map(|c| c.task.cursor(seed, Some(split), None)).collect();
        // What was made before the stream starved is still open; else this is the memory of a block that came back.
        let mut block = std::mem::take(&mut self.open);
        let mut checked = block.mask.len();
        while block.mask.len() < limit || self.fill > 0 {
            if block.mask.len() >= checked + CHECKED {
                checked = block.mask.len();
                check()?;
            }
            let Some(i) = self.pending.take().or_else(|| self.choose()) else {
                self.pad(&mut block);
                break;
            };
            if self.form.foreign && self.offered[i].is_empty() {
                self.pending = Some(i);
                self.open = block;
                return Ok(Next::Starved(i));
            }
            let index = cells[i].start + self.progress[i].rows;
            cursors[i].draw(index.into())?;
            self.serve(i, &mut *cursors[i], index, &mut block)?;
        }
        Ok(if block.mask.is_empty() { Next::End } else { Next::Block(Box::new(block)) })
    }

    /// Take a block back, so that the next one is written into its memory.
    pub fn recycle(&mut self, mut block: Block) {
        block.clear();
        self.open = block;
    }

    /// Texts of the next rows of a cell that have not been offered yet, and the characters in which each is predicted.
    pub fn texts(&self, i: usize, count: usize) -> Result<Vec<Text>, Error> {
        let cell = &self.cells[i];
        let mut cursor = cell.task.cursor(self.form.seed, Some(self.form.split), None);
        let first = cell.start + self.progress[i].rows + self.offered[i].len() as u64;
        let vocab = cell.task.vocab();
        let text = |index: u64| {
            let row = cursor.draw(index.into())?;
            let chars = |ids: &[u16]| vocab.decode(ids).chars().count();
            let span = |run: &Range<u32>| {
                let start = chars(&row.ids[..run.start as usize]);
                start..start + chars(&row.ids[run.start as usize..run.end as usize])
            };
            Ok(Text { text: vocab.decode(&row.ids), predicted: row.loss.iter().map(span).collect() })
        };
        (first..first + count as u64).map(text).collect()
    }

    /// Take the next rows of a cell as a foreign tokenizer encodes them.
    pub fn offer(&mut self, i: usize, rows: impl IntoIterator<Item = Encoded>) {
        self.offered[i].extend(rows);
    }

    /// Draw the cell of the next row.
    fn choose(&mut self) -> Option<usize> {
        while !self.ready.iter().any(|&i| self.progress[i].owed > 0.0) {
            self.ready = self.next_phase()?;
        }
        let total: f64 = self.ready.iter().map(|&i| self.progress[i].owed).sum();
        // 53 bits make a uniform number in [0, 1) exactly.
        let mut left = (self.rng.word() >> 11) as f64 / (1u64 << 53) as f64 * total;
        let mut found = None;
        for &i in &self.ready {
            let owed = self.progress[i].owed;
            if owed > 0.0 {
                found = Some(i);
                left -= owed;
                if left < 0.0 {
                    break;
                }
            }
        }
        found
    }

    /// The open cells of the lowest phase.
    fn next_phase(&self) -> Option<Vec<usize>> {
        let open = || (0..self.cells.len()).filter(|&i| self.progress[i].owed > 0.0);
        let phase = open().map(|i| self.cells[i].phase).min()?;
        Some(open().filter(|&i| self.cells[i].phase == phase).collect())
    }

    /// Work out the rows that a cell still owes.
    fn owe(&mut self, i: usize) {
        let Progress { tokens, rows, .. } = self.progress[i];
        let budget = self.cells[i].budget;
        let mean = (tokens + self.cells[i].task.max_len() as u64) as f64 / (rows + 1) as f64;
        self.progress[i].owed = if tokens < budget { (budget - tokens) as f64 / mean } else { 0.0 };
    }

    /// Add the row that the cursor has drawn, or close its cell.
    fn serve(&mut self, i: usize, cursor: &mut dyn Rows, index: u64, block: &mut Block) -> Result<(), Error> {
        let row = cursor.row();
        let offered = if self.form.foreign { self.offered[i].pop_front() } else { None };
        let (content, hash) = (row.content, hash_of(self.salts[i], &row.ids));
        let mut lifted = std::mem::take(&mut self.lifted);
        let source = match (&offered, &self.form.joint) {
            (Some(encoded), _) => Source::Foreign(encoded),
            (None, Some(joint)) => {
                joint.lift(self.cells[i].task.name(), row, &mut lifted);
                Source::Own(&lifted)
            }
            (None, None) => Source::Own(row),
        };
        let result = self.place(i, &source, block);
        self.lifted = lifted;
        if !result? {
            return Ok(());
        }
        if self.form.audit {
            block.audit.read(&*self.cells[i].task, &cursor.row().ids, content, self.form.split);
        }
        block.contents.push(content);
        block.hashes.push(hash);
        block.describe(&*self.cells[i].task, self.form.split, index, cursor, self.form.columns);
        Ok(())
    }

    /// Write a row's tokens; `false` if it is dropped because its cell is full.
    fn place(&mut self, i: usize, source: &Source<'_>, block: &mut Block) -> Result<bool, Error> {
        let len = source.len();
        let mut take = len;
        let mut padded = false;
        if let Some((width, policy)) = self.form.window {
            if len > width {
                let allowed = format!("allowed: at least {len}, the length of a row");
                return Err(Error::param("dataset", "seq_len", width, allowed));
            }
            let room = width - self.fill;
            padded = len > room && policy == Policy::Pad;
            take = if padded { len } else { len.min(room) };
        }
        let group = self.cells[i].group;
        let beyond = self.progress[i].tokens as i64 + take as i64 - self.cells[i].budget as i64;
        if beyond > 0 {
            let (kept, dropped) = (self.excess[group] + beyond, self.excess[group] + beyond - take as i64);
            let only = self.rows == 0 && self.progress.iter().filter(|p| p.owed > 0.0).count() == 1;
            let keep = kept.abs() <= dropped.abs() || only;
            self.excess[group] = if keep { kept } else { dropped };
            self.progress[i].owed = 0.0;
            if !keep {
                return Ok(false);
            }
        }
        if padded {
            self.pad(block);
        }
        block.rows.extend([self.made as i32, take as i32, i as i32]);
        source.copy(take, block);
        self.advance(take);
        let progress = &mut self.progress[i];
        progress.tokens += take as u64;
        progress.rows += 1;
        self.rows += 1;
        if beyond <= 0 {
            self.owe(i);
        }
        Ok(true)
    }

    fn advance(&mut self, tokens: usize) {
        self.made += tokens as u64;
        if let Some((width, _)) = self.form.window {
            self.fill = (self.fill + tokens) % width;
        }
    }

    /// Fill the open window.
    fn pad(&mut self, block: &mut Block) {
        if let Some((width, _)) = self.form.window
            && self.fill > 0
        {
            let room = width - self.fill;
            if self.form.foreign {
                block.foreign.resize(block.foreign.len() + room, u32::from(PAD));
            } else {
                block.ids.resize(block.ids.len() + room, PAD);
            }
            block.mask.resize(block.mask.len() + room, 0);
            self.advance(room);
        }
    }
}

/// Hash of a row's task and tokens, four tokens to a word.
fn hash_of(salt: u64, ids: &[u16]) -> u64 {
    let (words, rest) = ids.as_chunks::<4>();
    let join = |ids: &[u16]| ids.iter().rev().fold(0, |word, &id| word << 16 | u64::from(id));
    let head = words.iter().fold(Content::new(salt), |hash, word| hash.fact(join(word)));
    head.fact(join(rest)).fact(ids.len() as u64).finish()
}
