//! Batches and packed windows of any source, as arrays.

use numpy::Element;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use synthgen::batch::{self, Columns, Overflow, Token};
use synthgen::pack::{self, Policy, Windows};
use synthgen::split::Split;
use synthgen::{Error, Source};

use crate::arrays::{Buffer, check_memory, from_vec};
use crate::error::to_python;

/// What every batch call passes.
pub struct Request {
    inner: batch::Request,
    /// uint16 instead of int32 ids.
    narrow: bool,
    /// Reference ids.
    pub compat: bool,
}

impl Request {
    /// Read the dict that `synthgen._task` makes: its types are checked there, its names and ranges here.
    pub fn extract(py: Python<'_>, given: &Bound<'_, PyDict>, source: &dyn Source) -> PyResult<Self> {
        let get = |name: &str| given.as_any().get_item(name);
        let text = |name: &str| get(name)?.extract::<String>();
        let refuse = |field: &str, value: &str, names: &[&str]| {
            let allowed = format!("allowed: one of {names:?}");
            to_python(py, &Error::param(source.name(), field, format!("{value:?}"), allowed))
        };
        let overflow = text("overflow")?;
        let overflow = Overflow::parse(&overflow).ok_or_else(|| refuse("overflow", &overflow, &Overflow::NAMES))?;
        let dtype = text("dtype")?;
        if dtype != "int32" && dtype != "uint16" {
            return Err(refuse("dtype", &dtype, &["int32", "uint16"]));
        }
        let seq_len: Option<usize> = get("seq_len")?.extract()?;
        let split: Option<String> = get("split")?.extract()?;
        let inner = batch::Request {
            seed: get("seed")?.extract()?,
            split: split_named(py, source, split.as_deref())?,
            start: get("start")?.extract()?,
            rows: get("n")?.extract()?,
            seq_len: seq_len.unwrap_or_else(|| batch::Request::default_seq_len(source)),
            overflow,
            threads: get("threads")?.extract()?,
        };
        Ok(Self { inner, narrow: dtype == "uint16", compat: get("compat_ids")?.extract()? })
    }
}

/// The split of a name.
pub fn split_named(py: Python<'_>, source: &dyn Source, name: Option<&str>) -> PyResult<Option<Split>> {
    let Some(name) = name else {
        return Ok(None);
    };
    let refuse = || {
        let allowed = "allowed: None, \"train\", \"validation\" or \"test\"";
        to_python(py, &Error::param(source.name(), "split", format!("{name:?}"), allowed))
    };
    Split::parse(name).map(Some).ok_or_else(refuse)
}

/// Run work without the interpreter lock, passing it a check that stops it on Ctrl-C.
pub fn interruptible<R: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut dyn FnMut() -> Result<(), Error>) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let mut raised = None;
    let result = py.detach(|| {
        work(&mut || {
            Python::attach(|py| py.check_signals()).map_err(|error| {
                raised = Some(error);
                Error::Interrupted
            })
        })
    });
    match (result, raised) {
        (_, Some(error)) => Err(error),
        (result, None) => result.map_err(|error| to_python(py, &error)),
    }
}

/// Ids, loss mask, lengths, split codes, parts.
pub type Batch = (Py<PyAny>, Py<PyAny>, Py<PyAny>, Py<PyAny>, Py<PyAny>);

/// A padded batch.
pub fn batch(py: Python<'_>, source: &dyn Source, table: Option<&[u16]>, request: &Request) -> PyResult<Batch> {
    if request.narrow {
        batch_of::<u16>(py, source, table, &request.inner)
    } else {
        batch_of::<i32>(py, source, table, &request.inner)
    }
}

fn batch_of<T: Token + Element>(
    py: Python<'_>,
    source: &dyn Source,
    table: Option<&[u16]>,
    request: &batch::Request,
) -> PyResult<Batch> {
    request.check(source, &Overflow::NAMES[1..]).map_err(|error| to_python(py, &error))?;
    let (n, width) = (request.rows, request.seq_len);
    let size = check_memory(py, source.name(), n, width, width.saturating_mul(size_of::<T>() + 1).saturating_add(6))?;
    let mut ids = Buffer::new::<T>(py, size)?;
    let mut mask = Buffer::new::<u8>(py, size)?;
    let mut lengths = Buffer::new::<i32>(py, n)?;
    let mut splits = Buffer::new::<u8>(py, n)?;
    let mut parts = Buffer::new::<u8>(py, n)?;
    interruptible(py, |check| {
        let columns = Columns {
            ids: &mut ids.blank()[..size],
            mask: &mut mask.blank()[..size],
            lengths: &mut lengths.blank()[..n],
            splits: &mut splits.blank()[..n],
            parts: &mut parts.blank()[..n],
        };
        batch::fill::<T>(source, request, table, columns, check)
    })?;
    // SAFETY: `fill` succeeded, so every element was written.
    unsafe {
        Ok((
            ids.into_array::<T, _>(py, [n, width])?.into_any().unbind(),
            mask.into_array::<u8, _>(py, [n, width])?.into_any().unbind(),
            lengths.into_array::<i32, _>(py, [n])?.into_any().unbind(),
            splits.into_array::<u8, _>(py, [n])?.into_any().unbind(),
            parts.into_array::<u8, _>(py, [n])?.into_any().unbind(),
        ))
    }
}

/// Packed windows, as a dict of arrays.
pub fn packed(
    py: Python<'_>,
    source: &dyn Source,
    table: Option<&[u16]>,
    request: &Request,
    policy: &str,
) -> PyResult<Py<PyDict>> {
    let policy = Policy::parse(policy).ok_or_else(|| {
        let allowed = format!("allowed: one of {:?}", Policy::NAMES);
        to_python(py, &Error::param(source.name(), "policy", format!("{policy:?}"), allowed))
    })?;
    if request.narrow {
        packed_of::<u16>(py, source, table, &request.inner, policy)
    } else {
        packed_of::<i32>(py, source, table, &request.inner, policy)
    }
}

fn packed_of<T: Token + Element>(
    py: Python<'_>,
    source: &dyn Source,
    table: Option<&[u16]>,
    request: &batch::Request,
    policy: Policy,
) -> PyResult<Py<PyDict>> {
    request.check(source, &["redraw"]).map_err(|error| to_python(py, &error))?;
    let (n, width) = (request.rows, request.seq_len);
    let size = check_memory(py, source.name(), n, width, width.saturating_mul(size_of::<T>() + 9))?;
    let mut ids = Buffer::new::<T>(py, size)?;
    let mut mask = Buffer::new::<u8>(py, size)?;
    let mut segments = Buffer::new::<i32>(py, size)?;
    let mut positions = Buffer::new::<i32>(py, size)?;
    let found = interruptible(py, |check| {
        let windows = Windows {
            ids: &mut ids.blank()[..size],
            mask: &mut mask.blank()[..size],
            segments: &mut segments.blank()[..size],
            positions: &mut positions.blank()[..size],
        };
        pack::fill::<T>(source, request, policy, table, windows, check)
    })?;
    let arrays = PyDict::new(py);
    // SAFETY: `fill` succeeded, so every element was written.
    unsafe {
        arrays.set_item("input_ids", ids.into_array::<T, _>(py, [n, width])?)?;
        arrays.set_item("loss_mask", mask.into_array::<u8, _>(py, [n, width])?)?;
        arrays.set_item("segment_ids", segments.into_array::<i32, _>(py, [n, width])?)?;
        arrays.set_item("position_ids", positions.into_array::<i32, _>(py, [n, width])?)?;
    }
    arrays.set_item("instance_offsets", from_vec(py, &found.instance_offsets)?)?;
    arrays.set_item("instance_starts", from_vec(py, &found.instance_starts)?)?;
    arrays.set_item("instance_complete", from_vec(py, &found.instance_complete)?)?;
    arrays.set_item("instance_splits", from_vec(py, &found.instance_splits)?)?;
    arrays.set_item("instance_parts", from_vec(py, &found.instance_parts)?)?;
    arrays.set_item("query_offsets", from_vec(py, &found.query_offsets)?)?;
    arrays.set_item("query_spans", from_vec(py, &found.query_spans)?)?;
    arrays.set_item("query_complete", from_vec(py, &found.query_complete)?)?;
    Ok(arrays.unbind())
}
