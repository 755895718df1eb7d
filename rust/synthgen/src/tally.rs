//! What is kept of every row of a dataset, and what is counted of it: rows, lengths, and rows that occur again.

use crate::block::Block;
use crate::split::Split;

/// Bytes of the facts of a row: content hash and hash (u64 each), length (u32) and cell (u16), little-endian.
pub const FACTS: usize = 22;
/// Bytes of a keyed fact: a hash (u64) and its group (u16), little-endian.
pub const KEYED: usize = 10;

/// Rows of one cell in one split.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Tokens of the rows.
    pub tokens: u64,
    /// Rows whose content belongs to another split.
    pub misplaced: u64,
    /// Rows by length: below the first edge, from each edge on, and from the last edge on.
    pub lengths: Vec<u64>,
}

/// What occurs more than once. A group is a cell in a split; groups of a split lie together.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// Rows beyond the first of each content, by group.
    pub contents: Vec<u64>,
    /// Pairs of rows with the same content, by group.
    pub pairs: Vec<u64>,
    /// Rows beyond the first of each hash, by group.
    pub rows: Vec<u64>,
    /// Rows beyond the first of each hash, by split.
    pub within: Vec<u64>,
    /// Splits beyond the first that hold a hash, for all hashes together.
    pub across: u64,
}

/// The facts of a block's rows.
pub fn facts(block: &Block) -> Vec<u8> {
    let mut found = Vec::with_capacity(block.contents.len() * FACTS);
    let (rows, _) = block.rows.as_chunks::<3>();
    for ((content, hash), [_, length, cell]) in block.contents.iter().zip(&block.hashes).zip(rows) {
        found.extend_from_slice(&content.to_le_bytes());
        found.extend_from_slice(&hash.to_le_bytes());
        found.extend_from_slice(&length.to_le_bytes());
        found.extend_from_slice(&(*cell as u16).to_le_bytes());
    }
    found
}

/// Content, hash, length and cell of every row.
fn read(facts: &[u8]) -> impl Iterator<Item = (u64, u64, u32, u16)> {
    facts.as_chunks::<FACTS>().0.iter().map(|row| {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| row[at + i]));
        let length = u32::from_le_bytes(std::array::from_fn(|i| row[16 + i]));
        (long(0), long(8), length, u16::from_le_bytes([row[20], row[21]]))
    })
}

/// Count the rows of a split, by cell.
pub fn count(facts: &[u8], split: Split, cells: usize, edges: &[u32]) -> Vec<Counted> {
    let none = Counted { lengths: vec![0; edges.len() + 1], ..Counted::default() };
    let mut found = vec![none; cells];
    for (content, _, length, cell) in read(facts) {
        let own = &mut found[usize::from(cell)];
        own.tokens += u64::from(length);
        own.misplaced += u64::from(Split::of(content) != split);
        own.lengths[edges.partition_point(|&edge| edge <= length)] += 1;
    }
    found
}

/// Contents and hashes of rows, each with the group of its row, in buckets by value; cell 0 is group `first`.
pub fn sort_out(facts: &[u8], first: u16, buckets: usize) -> Vec<[Vec<u8>; 2]> {
    let mut found = vec![[Vec::new(), Vec::new()]; buckets];
    for (content, hash, _, cell) in read(facts) {
        for (side, key) in [content, hash].into_iter().enumerate() {
            // Contents of a split share their upper bits; the lower ones are as good.
            let bucket = &mut found[(key % buckets as u64) as usize][side];
            bucket.extend_from_slice(&key.to_le_bytes());
            bucket.extend_from_slice(&(first + cell).to_le_bytes());
        }
    }
    found
}

/// Count what occurs again in a bucket of keyed contents and hashes.
pub fn again(contents: &[u8], hashes: &[u8], cells: usize) -> Again {
    let splits = Split::ALL.len();
    let zeros = || vec![0; splits * cells];
    let mut found =
        Again { contents: zeros(), pairs: zeros(), rows: zeros(), within: vec![0; splits], ..Again::default() };
    each_repeated(contents, |groups| {
        for own in groups.chunk_by(|a, b| a.1 == b.1) {
            let (group, times) = (usize::from(own[0].1), own.len() as u64);
            found.contents[group] += times - 1;
            found.pairs[group] += times * (times - 1) / 2;
        }
    });
    each_repeated(hashes, |groups| {
        let mut holding = 0;
        for own in groups.chunk_by(|a, b| a.1 == b.1) {
            found.rows[usize::from(own[0].1)] += own.len() as u64 - 1;
        }
        for own in groups.chunk_by(|a, b| usize::from(a.1) / cells == usize::from(b.1) / cells) {
            found.within[usize::from(own[0].1) / cells] += own.len() as u64 - 1;
            holding += 1;
        }
        found.across += holding - 1;
    });
    found
}

/// Go through the keys that occur more than once, each with its groups in order.
fn each_repeated(keyed: &[u8], mut visit: impl FnMut(&[(u64, u16)])) {
    let pair =
        |row: &[u8; KEYED]| (u64::from_le_bytes(std::array::from_fn(|i| row[i])), u16::from_le_bytes([row[8], row[9]]));
    let mut pairs: Vec<(u64, u16)> = keyed.as_chunks::<KEYED>().0.iter().map(pair).collect();
    pairs.sort_unstable();
    pairs.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1).for_each(&mut visit);
}
