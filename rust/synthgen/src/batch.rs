//! Padded batches: rows `start..start + n` of a source, written into arrays that the caller owns.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::error::Error;
use crate::pool;
use crate::row::Row;
use crate::split::Split;
use crate::task::{DRAWS_PER_SPLIT_ROW, Rows, Source};
use crate::vocab::PAD;

/// Tokens drawn in one block of work: between blocks the caller's check runs, several times a second.
const BLOCK_TOKENS: usize = 1 << 22;
/// Tokens of one unit of parallel work.
const UNIT_TOKENS: usize = 1 << 14;
/// Work below this runs on the calling thread: waking others would take longer.
const INLINE_TOKENS: usize = 1 << 16;

/// What to do with rows longer than the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Refuse a width below the declared maximum.
    Error,
    /// Draw another instance.
    Redraw,
    /// Cut the row.
    Truncate,
}

impl Overflow {
    /// Names, in order.
    pub const NAMES: [&'static str; 3] = ["error", "redraw", "truncate"];

    /// The choice of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Error, Self::Redraw, Self::Truncate].into_iter().zip(Self::NAMES).find(|(_, n)| *n == name).map(|p| p.0)
    }
}

/// Which rows, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Seed of the stream.
    pub seed: u64,
    /// Wanted split, or all content.
    pub split: Option<Split>,
    /// First row.
    pub start: u64,
    /// Number of rows.
    pub rows: usize,
    /// Width of a row in tokens.
    pub seq_len: usize,
    /// What to do with longer rows.
    pub overflow: Overflow,
    /// Threads to use.
    pub threads: usize,
}

impl Request {
    /// The default width: the declared maximum rounded up to 32.
    pub fn default_seq_len(source: &dyn Source) -> usize {
        source.max_len().next_multiple_of(32)
    }

    /// Refuse widths that cannot hold a row, naming the `overflow` choices that are a way out, and row numbers that
    /// overflow.
    pub fn check(&self, source: &dyn Source, ways: &[&str]) -> Result<(), Error> {
        let longest = source.max_len();
        if self.seq_len == 0 || (self.overflow == Overflow::Error && self.seq_len < longest) {
            let ways = ways.iter().map(|way| format!("{way:?}")).collect::<Vec<_>>().join(" or ");
            let allowed =
                format!("allowed: at least {longest}, the longest row of these parameters; or overflow={ways}");
            return Err(Error::param(source.name(), "seq_len", self.seq_len, allowed));
        }
        if self.start.checked_add(self.rows as u64).is_none() {
            let allowed = format!("start + n must stay below 2^64, n = {}", self.rows);
            return Err(Error::param(source.name(), "start", self.start, allowed));
        }
        Ok(())
    }

    /// Rows of about `tokens` tokens: what a row costs is its own length, however narrow the window.
    fn rows_of(&self, source: &dyn Source, tokens: usize) -> usize {
        (tokens / self.seq_len.max(source.max_len())).max(1)
    }

    /// Rows of one block of work.
    pub(crate) fn block(&self, source: &dyn Source) -> usize {
        let draws = if self.split.is_none_or(|split| split == Split::Train) { 1 } else { DRAWS_PER_SPLIT_ROW };
        self.rows_of(source, BLOCK_TOKENS / draws as usize)
    }

    pub(crate) fn fit(&self) -> Option<usize> {
        (self.overflow == Overflow::Redraw).then_some(self.seq_len)
    }
}

/// A token type of an output array.
pub trait Token: Copy + Send + Sync + 'static {
    /// Widen or keep an id.
    fn of(id: u16) -> Self;
}

impl Token for i32 {
    #[inline]
    fn of(id: u16) -> Self {
        Self::from(id)
    }
}

impl Token for u16 {
    #[inline]
    fn of(id: u16) -> Self {
        id
    }
}

/// Memory to be written, not yet initialised: a batch is made without filling its memory twice.
pub type Blank<T> = MaybeUninit<T>;

/// The arrays of a batch, row by row. Every element is written when [`fill`] succeeds.
pub struct Columns<'a, T> {
    /// Token ids, `rows * seq_len`.
    pub ids: &'a mut [Blank<T>],
    /// Loss mask, `rows * seq_len`.
    pub mask: &'a mut [Blank<u8>],
    /// Tokens in each row.
    pub lengths: &'a mut [Blank<i32>],
    /// Split code of each row.
    pub splits: &'a mut [Blank<u8>],
    /// Which task of a mixture each row comes from.
    pub parts: &'a mut [Blank<u8>],
}

impl<T> Columns<'_, T> {
    fn split_at(self, rows: usize, seq_len: usize) -> (Self, Self) {
        let (ids, ids_rest) = self.ids.split_at_mut(rows * seq_len);
        let (mask, mask_rest) = self.mask.split_at_mut(rows * seq_len);
        let (lengths, lengths_rest) = self.lengths.split_at_mut(rows);
        let (splits, splits_rest) = self.splits.split_at_mut(rows);
        let (parts, parts_rest) = self.parts.split_at_mut(rows);
        (
            Columns { ids, mask, lengths, splits, parts },
            Columns { ids: ids_rest, mask: mask_rest, lengths: lengths_rest, splits: splits_rest, parts: parts_rest },
        )
    }
}

/// Write one row into a window, padding or cutting it; returns the tokens written.
#[inline]
pub(crate) fn place<T: Token>(row: &Row, table: Option<&[u16]>, ids: &mut [Blank<T>], mask: &mut [Blank<u8>]) -> usize {
    let len = row.len().min(ids.len());
    let (filled, rest) = ids.split_at_mut(len);
    let pairs = filled.iter_mut().zip(&row.ids);
    match table {
        None => pairs.for_each(|(to, &id)| *to = Blank::new(T::of(id))),
        Some(table) => pairs.for_each(|(to, &id)| *to = Blank::new(T::of(table[usize::from(id)]))),
    }
    rest.fill(Blank::new(T::of(PAD)));
    mask.fill(Blank::new(0));
    for run in &row.loss {
        let end = (run.end as usize).min(len);
        let start = (run.start as usize).min(end);
        mask[start..end].fill(Blank::new(1));
    }
    len
}

/// Fill the columns. Rows depend on nothing but their number: not on threads, blocks or the other rows. `check` runs
/// between blocks and can stop the work.
pub fn fill<T: Token>(
    source: &dyn Source,
    request: &Request,
    table: Option<&[u16]>,
    columns: Columns<'_, T>,
    check: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    request.check(source, &Overflow::NAMES[1..])?;
    let width = request.seq_len;
    let unit = request.rows_of(source, UNIT_TOKENS);
    let block = request.block(source);
    let cursor = || source.cursor(request.seed, request.split, request.fit());
    if request.rows * width <= INLINE_TOKENS || request.threads <= 1 {
        let mut rows = cursor();
        return in_blocks(request, block, columns, check, |first, columns| {
            fill_rows(&mut *rows, first, table, width, columns)
        });
    }
    in_blocks(request, block, columns, check, |first, columns| {
        let units = units(columns, unit, width);
        pool::run(request.threads, |parallel| {
            let work = |rows: &mut Box<dyn Rows + '_>, (at, columns): (usize, Columns<'_, T>)| {
                fill_rows(&mut **rows, first + at as u64, table, width, columns)
            };
            if parallel {
                units.into_par_iter().try_for_each_init(cursor, work)
            } else {
                let mut rows = cursor();
                units.into_iter().try_for_each(|unit| work(&mut rows, unit))
            }
        })
    })
}

fn in_blocks<T>(
    request: &Request,
    block: usize,
    mut columns: Columns<'_, T>,
    check: &mut dyn FnMut() -> Result<(), Error>,
    mut work: impl FnMut(u64, Columns<'_, T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut done = 0;
    while done < request.rows {
        let rows = block.min(request.rows - done);
        let (head, rest) = columns.split_at(rows, request.seq_len);
        work(request.start + done as u64, head)?;
        columns = rest;
        done += rows;
        if done < request.rows {
            check()?;
        }
    }
    Ok(())
}

fn units<T>(mut columns: Columns<'_, T>, unit: usize, width: usize) -> Vec<(usize, Columns<'_, T>)> {
    let mut units = Vec::new();
    let mut first = 0;
    while !columns.lengths.is_empty() {
        let rows = unit.min(columns.lengths.len());
        let (head, rest) = columns.split_at(rows, width);
        units.push((first, head));
        columns = rest;
        first += rows;
    }
    units
}

fn fill_rows<T: Token>(
    rows: &mut dyn Rows,
    first: u64,
    table: Option<&[u16]>,
    width: usize,
    columns: Columns<'_, T>,
) -> Result<(), Error> {
    let windows = columns.ids.chunks_exact_mut(width).zip(columns.mask.chunks_exact_mut(width));
    for (i, (ids, mask)) in windows.enumerate() {
        let row = rows.draw((first + i as u64).into())?;
        columns.lengths[i] = Blank::new(place(row, table, ids, mask) as i32);
        columns.splits[i] = Blank::new(row.split as u8);
        columns.parts[i] = Blank::new(row.part);
    }
    Ok(())
}
