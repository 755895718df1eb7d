//! Counts of the rows of datasets.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use synthgen::tally::{self, Again, Counted};

use crate::dataset::named;

/// Tokens, rows whose content belongs to another split, rows by length.
type CountedParts = (u64, u64, Vec<u64>);
/// Contents that occur again, their pairs, rows that occur again, the same by split, and across splits.
type AgainParts = (Vec<u64>, Vec<u64>, Vec<u64>, Vec<u64>, u64);

/// Count the rows of a split by cell, and their lengths between edges.
#[pyfunction]
pub fn count_facts(
    py: Python<'_>,
    facts: &[u8],
    split: &str,
    cells: usize,
    edges: Vec<u32>,
) -> PyResult<Vec<CountedParts>> {
    let split = named(py, split)?;
    let found = py.detach(|| tally::count(facts, split, cells, &edges));
    Ok(found.into_iter().map(|Counted { tokens, misplaced, lengths }| (tokens, misplaced, lengths)).collect())
}

/// Contents and hashes with their groups, in buckets by value.
#[pyfunction]
pub fn sort_facts<'py>(
    py: Python<'py>,
    facts: &[u8],
    first: u16,
    buckets: usize,
) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let found = py.detach(|| tally::sort_out(facts, first, buckets));
    found.iter().map(|[contents, hashes]| (PyBytes::new(py, contents), PyBytes::new(py, hashes))).collect()
}

/// Count what occurs again in a bucket.
#[pyfunction]
pub fn count_again(py: Python<'_>, contents: &[u8], hashes: &[u8], cells: usize) -> AgainParts {
    let Again { contents, pairs, rows, within, across } = py.detach(|| tally::again(contents, hashes, cells));
    (contents, pairs, rows, within, across)
}
