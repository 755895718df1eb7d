//! Left-aligned packing: every window starts with a whole instance; later ones follow until the window is full.
//!
//! Source: the windows of Physics of Language Models Part 4.1. A graph with its beginning cut off is unusable, so what
//! crosses the end of a window is cut there (or left out) and never continued in the next.

use rayon::prelude::*;

use crate::batch::{Blank, Overflow, Request, Token, place};
use crate::error::Error;
use crate::pool;
use crate::rng::Index;
use crate::task::{Rows, Source};
use crate::vocab::PAD;

/// Windows of one unit of parallel work.
const UNIT: usize = 16;

/// What becomes of the instance that crosses the end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Keep what fits.
    Truncate,
    /// Leave it out and pad.
    Pad,
}

impl Policy {
    /// Names, in order.
    pub const NAMES: [&'static str; 2] = ["truncate", "pad"];

    /// The policy of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Truncate, Self::Pad].into_iter().zip(Self::NAMES).find(|(_, n)| *n == name).map(|p| p.0)
    }
}

/// The dense arrays of packed windows, each `rows * seq_len`.
pub struct Windows<'a, T> {
    /// Token ids.
    pub ids: &'a mut [Blank<T>],
    /// Loss mask.
    pub mask: &'a mut [Blank<u8>],
    /// 1 for the first instance of a window, 2 for the next; 0 on padding.
    pub segments: &'a mut [Blank<i32>],
    /// Position within the instance; 0 on padding.
    pub positions: &'a mut [Blank<i32>],
}

/// What lies in the windows: instances and queries of window `r` are those between `offsets[r]` and `offsets[r + 1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// First instance of each window, and the total.
    pub instance_offsets: Vec<i64>,
    /// Where each instance starts in its window.
    pub instance_starts: Vec<i32>,
    /// Is the instance whole?
    pub instance_complete: Vec<u8>,
    /// Split code of each instance.
    pub instance_splits: Vec<u8>,
    /// Which task of a mixture.
    pub instance_parts: Vec<u8>,
    /// First query of each window, and the total.
    pub query_offsets: Vec<i64>,
    /// Question start, answer start and answer end in the window, three numbers a query.
    pub query_spans: Vec<i32>,
    /// Is the whole answer inside the window?
    pub query_complete: Vec<u8>,
}

impl Contents {
    fn append(&mut self, other: &Self) {
        for (to, from) in
            [(&mut self.instance_offsets, &other.instance_offsets), (&mut self.query_offsets, &other.query_offsets)]
        {
            let base = to.last().copied().unwrap_or_default();
            if to.is_empty() {
                to.push(0);
            }
            to.extend(from.iter().skip(1).map(|offset| base + offset));
        }
        self.instance_starts.extend_from_slice(&other.instance_starts);
        self.instance_complete.extend_from_slice(&other.instance_complete);
        self.instance_splits.extend_from_slice(&other.instance_splits);
        self.instance_parts.extend_from_slice(&other.instance_parts);
        self.query_spans.extend_from_slice(&other.query_spans);
        self.query_complete.extend_from_slice(&other.query_complete);
    }
}

/// Fill packed windows; window `r` depends on nothing but its number. Returns what lies in them.
pub fn fill<T: Token>(
    source: &dyn Source,
    request: &Request,
    policy: Policy,
    table: Option<&[u16]>,
    windows: Windows<'_, T>,
    check: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Contents, Error> {
    if request.overflow == Overflow::Truncate {
        let allowed = "allowed: \"error\" or \"redraw\"; the first instance of a window is never cut";
        return Err(Error::param(source.name(), "overflow", "\"truncate\"", allowed));
    }
    request.check(source, &["redraw"])?;
    let width = request.seq_len;
    let block = width * request.block(source);
    let mut contents = Contents { instance_offsets: vec![0], query_offsets: vec![0], ..Contents::default() };
    let blocks = windows
        .ids
        .chunks_mut(block)
        .zip(windows.mask.chunks_mut(block))
        .zip(windows.segments.chunks_mut(block))
        .zip(windows.positions.chunks_mut(block));
    for (number, (((ids, mask), segments), positions)) in blocks.enumerate() {
        if number > 0 {
            check()?;
        }
        let unit = width * UNIT;
        let units: Vec<_> = ids
            .chunks_mut(unit)
            .zip(mask.chunks_mut(unit))
            .zip(segments.chunks_mut(unit))
            .zip(positions.chunks_mut(unit))
            .map(|(((ids, mask), segments), positions)| Windows { ids, mask, segments, positions })
            .enumerate()
            .collect();
        let first = request.start + (number * (block / width)) as u64;
        let cursor = || source.cursor(request.seed, request.split, request.fit());
        let work = |parallel| -> Result<Vec<Contents>, Error> {
            let fill = |rows: &mut Box<dyn Rows + '_>, (unit, windows): (usize, Windows<'_, T>)| {
                fill_unit(&mut **rows, first + (unit * UNIT) as u64, policy, table, width, windows)
            };
            if parallel {
                units.into_par_iter().map_init(cursor, fill).collect()
            } else {
                let mut rows = cursor();
                units.into_iter().map(|unit| fill(&mut rows, unit)).collect()
            }
        };
        for part in pool::run(request.threads, work)? {
            contents.append(&part);
        }
    }
    Ok(contents)
}

fn fill_unit<T: Token>(
    rows: &mut dyn Rows,
    first: u64,
    policy: Policy,
    table: Option<&[u16]>,
    width: usize,
    windows: Windows<'_, T>,
) -> Result<Contents, Error> {
    let mut contents = Contents { instance_offsets: vec![0], query_offsets: vec![0], ..Contents::default() };
    let arrays = windows
        .ids
        .chunks_exact_mut(width)
        .zip(windows.mask.chunks_exact_mut(width))
        .zip(windows.segments.chunks_exact_mut(width))
        .zip(windows.positions.chunks_exact_mut(width));
    for (r, (((ids, mask), segments), positions)) in arrays.enumerate() {
        let mut used = 0;
        let mut sub = 0;
        while used < width {
            sub += 1;
            let row = rows.draw(Index { row: first + r as u64, sub })?;
            let whole = row.len() <= width - used;
            if !whole && policy == Policy::Pad {
                break;
            }
            let start = used as i32;
            let end = used + row.len().min(width - used);
            let len = place(row, table, &mut ids[used..end], &mut mask[used..end]);
            segments[used..used + len].fill(Blank::new(sub as i32));
            for (position, to) in (0..).zip(&mut positions[used..used + len]) {
                *to = Blank::new(position);
            }
            used += len;
            contents.instance_starts.push(start);
            contents.instance_complete.push(u8::from(whole));
            contents.instance_splits.push(row.split as u8);
            contents.instance_parts.push(row.part);
            for query in row.queries.iter().filter(|q| (q.start as usize) < len) {
                let cut = |at: u32| start + (at as i32).min(len as i32);
                contents.query_spans.extend([cut(query.start), cut(query.answer.start), cut(query.answer.end)]);
                contents.query_complete.push(u8::from(query.answer.end as usize <= len));
            }
        }
        ids[used..].fill(Blank::new(T::of(PAD)));
        mask[used..].fill(Blank::new(0));
        segments[used..].fill(Blank::new(0));
        positions[used..].fill(Blank::new(0));
        contents.instance_offsets.push(contents.instance_starts.len() as i64);
        contents.query_offsets.push(contents.query_complete.len() as i64);
    }
    Ok(contents)
}
