//! Shards of datasets, block by block, and the audit of what lies on disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use synthgen::audit::{self, Audit};
use synthgen::dataset::{Block, Cell, Columns, Encoded, Form, Next, Stream, Text, Texts};
use synthgen::pack::Policy;
use synthgen::split::Split;
use synthgen::{AnyTask, Error, tally};

use crate::arrays::from_vec;
use crate::error::to_python;
use crate::source::interruptible;
use crate::{Generator, Mixture};

/// Generator, first row, budget in tokens, group, phase.
type CellParts<'py> = (PyRef<'py, Generator>, u64, u64, usize, usize);
/// Rows, tokens, invalid rows, leaked rows, first flaws.
type AuditParts = (u64, u64, u64, u64, Vec<String>);
/// A text, and the characters in which it is predicted.
type TextParts = (String, Vec<(usize, usize)>);

/// The rows of one shard, in order.
#[pyclass(frozen, module = "synthgen._native")]
pub struct Shard {
    stream: Mutex<Stream>,
    /// Are tokens and texts wanted as arrays? Lines alone need none, and then NumPy is not loaded.
    arrays: bool,
}

#[pymethods]
impl Shard {
    /// Begin a shard. `form` is the dict that `synthgen.data` makes; its values are checked there.
    #[new]
    fn new(
        py: Python<'_>,
        cells: Vec<CellParts<'_>>,
        joint: Option<PyRef<'_, Mixture>>,
        form: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let get = |name: &str| form.as_any().get_item(name);
        let flag = |name: &str| get(name)?.extract::<bool>();
        let window: Option<(usize, String)> = get("window")?.extract()?;
        let window = match window {
            None => None,
            Some((width, policy)) => Some((width, self::policy(py, &policy)?)),
        };
        let form = Form {
            seed: get("seed")?.extract()?,
            split: named(py, &get("split")?.extract::<String>()?)?,
            number: get("number")?.extract()?,
            joint: joint.as_ref().and_then(|mixture| mixture.0.joint().cloned()),
            window,
            columns: Columns { texts: flag("texts")?, metadata: flag("metadata")?, lines: flag("lines")? },
            foreign: flag("foreign")?,
            audit: flag("audit")?,
        };
        let cell = |(generator, start, budget, group, phase): CellParts<'_>| Cell {
            task: Arc::clone(&generator.task),
            start,
            budget,
            group,
            phase,
        };
        let stream = Stream::new(cells.into_iter().map(cell).collect(), form);
        let stream = Mutex::new(stream.map_err(|error| to_python(py, &error))?);
        Ok(Self { stream, arrays: flag("arrays")? })
    }

    /// The next block as a dict of columns; the number of a cell whose rows are wanted by `offer` first; None at the end.
    fn block<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = interruptible(py, |check| self.stream().next(limit, check))?;
        match next {
            Next::Block(block) => {
                let found = columns(py, &block, self.arrays)?;
                self.stream().recycle(*block);
                Ok(Some(found.into_any()))
            }
            Next::Starved(cell) => Ok(Some(cell.into_pyobject(py)?.into_any())),
            Next::End => Ok(None),
        }
    }

    /// The next rows of a cell as texts.
    fn texts(&self, py: Python<'_>, cell: usize, count: usize) -> PyResult<Vec<TextParts>> {
        let stream = self.stream();
        let texts = stream.texts(cell, count).map_err(|error| to_python(py, &error))?;
        let parts = |row: Text| (row.text, row.predicted.iter().map(|run| (run.start, run.end)).collect());
        Ok(texts.into_iter().map(parts).collect())
    }

    /// Rows of a cell in foreign ids, each (ids, loss mask).
    fn offer(&self, cell: usize, rows: Vec<(Vec<u32>, Vec<u8>)>) {
        let rows = rows.into_iter().map(|(ids, mask)| Encoded { ids, mask });
        self.stream().offer(cell, rows);
    }
}

impl Shard {
    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn columns<'py>(py: Python<'py>, block: &Block, arrays: bool) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("count", block.contents.len())?;
    found.set_item("tokens", block.rows.as_chunks::<3>().0.iter().map(|row| i64::from(row[1])).sum::<i64>())?;
    found.set_item("facts", PyBytes::new(py, &tally::facts(block)))?;
    found.set_item("lines", PyBytes::new(py, &block.lines))?;
    found.set_item("audit", audit_parts(block.audit.clone()))?;
    if !arrays {
        return Ok(found);
    }
    if block.foreign.is_empty() {
        found.set_item("ids", from_vec(py, &block.ids)?)?;
    } else {
        found.set_item("ids", from_vec(py, &block.foreign)?)?;
    }
    found.set_item("mask", from_vec(py, &block.mask)?)?;
    found.set_item("rows", from_vec(py, &block.rows)?.bind(py).call_method1("reshape", (-1, 3))?)?;
    for (name, texts) in [
        ("input_text", &block.prompts),
        ("target", &block.targets),
        ("sample_id", &block.sample_ids),
        ("metadata", &block.metadata),
    ] {
        found.set_item(name, strings(py, texts)?)?;
    }
    Ok(found)
}

fn strings<'py>(py: Python<'py>, texts: &Texts) -> PyResult<(Py<PyAny>, Bound<'py, PyBytes>)> {
    Ok((from_vec(py, &texts.offsets)?, PyBytes::new(py, texts.bytes.as_bytes())))
}

fn audit_parts(audit: Audit) -> AuditParts {
    (audit.rows, audit.tokens, audit.invalid, audit.leaked, audit.flaws)
}

/// The split of a name.
pub fn named(py: Python<'_>, split: &str) -> PyResult<Split> {
    let refuse = || Error::param("dataset", "split", split, "allowed: \"train\", \"validation\" or \"test\"");
    Split::parse(split).ok_or_else(|| to_python(py, &refuse()))
}

fn policy(py: Python<'_>, name: &str) -> PyResult<Policy> {
    let refuse = || Error::param("dataset", "packing", name, format!("allowed: one of {:?}", Policy::NAMES));
    Policy::parse(name).ok_or_else(|| to_python(py, &refuse()))
}

fn tasks(cells: &[PyRef<'_, Generator>]) -> Vec<Arc<dyn AnyTask>> {
    cells.iter().map(|generator| Arc::clone(&generator.task)).collect()
}

/// Re-validate a token shard: (rows, tokens, invalid rows, leaked rows, first flaws).
#[pyfunction]
pub fn audit_tokens(
    py: Python<'_>,
    cells: Vec<PyRef<'_, Generator>>,
    joint: Option<PyRef<'_, Mixture>>,
    split: &str,
    ids: PyReadonlyArray1<'_, u16>,
    rows: PyReadonlyArray2<'_, i32>,
) -> PyResult<AuditParts> {
    let (split, tasks) = (named(py, split)?, tasks(&cells));
    let joint = joint.as_ref().and_then(|mixture| mixture.0.joint());
    let (ids, rows) = (ids.as_slice()?, rows.as_slice()?);
    Ok(audit_parts(py.detach(|| audit::tokens(&tasks, joint, split, ids, rows))))
}

/// Re-validate JSON lines: (rows, 0, invalid rows, leaked rows, first flaws).
#[pyfunction]
pub fn audit_jsonl(
    py: Python<'_>,
    cells: Vec<PyRef<'_, Generator>>,
    split: &str,
    lines: &[u8],
) -> PyResult<AuditParts> {
    let (split, tasks) = (named(py, split)?, tasks(&cells));
    Ok(audit_parts(py.detach(|| audit::jsonl(&tasks, split, lines))))
}
