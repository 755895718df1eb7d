//! Arrays that Rust owns and NumPy views: 64-byte aligned, read-only, freed with the last view.

use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;

use numpy::ndarray::{ArrayView, Dimension, IntoDimension};
use numpy::{Element, PyArray, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;

/// What `jax.device_put` needs to alias a CPU buffer.
const ALIGNMENT: usize = 64;
/// Page size that large allocations are aligned to and offered to the kernel in, as NumPy does: page faults on small pages
/// would cost more than generation.
const HUGE_PAGE: usize = 1 << 21;
/// From here on allocators give memory back to the kernel at once; smaller blocks are recycled and fault no pages.
const LARGE: usize = 1 << 25;
/// Requests below this are not checked against the memory that is left.
const UNCHECKED: u128 = 1 << 28;

/// One allocation.
#[pyclass(frozen, module = "synthgen._native")]
pub struct Buffer {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: the memory is written before it is shared and only read afterwards; the pointer is owned by this value alone.
unsafe impl Send for Buffer {}
// SAFETY: as above; no method gives mutable access through a shared reference.
unsafe impl Sync for Buffer {}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `start` came from `alloc` with this layout and is freed once.
        unsafe { dealloc(self.start, self.layout) }
    }
}

impl Buffer {
    /// Memory for `len` elements, not initialised.
    pub fn new<T>(py: Python<'_>, len: usize) -> PyResult<Self> {
        let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok());
        let bytes = bytes.ok_or_else(|| out_of_memory(py, "the arrays", u128::MAX, None))?;
        let huge = bytes >= LARGE;
        let layout = Layout::from_size_align(bytes.max(1), if huge { HUGE_PAGE } else { ALIGNMENT })
            .map_err(|_| out_of_memory(py, "the arrays", bytes as u128, None))?;
        // SAFETY: the layout has a non-zero size.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            return Err(out_of_memory(py, "the arrays", bytes as u128, None));
        }
        #[cfg(target_os = "linux")]
        if huge {
            // SAFETY: the range was just allocated and is page-aligned; the advice changes no content, and its failure
            // changes nothing.
            unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
        }
        Ok(Self { start, layout })
    }

    /// The memory, to be written.
    pub fn blank<T: Copy>(&mut self) -> &mut [MaybeUninit<T>] {
        let len = self.layout.size() / size_of::<T>();
        // SAFETY: the allocation holds `len` elements, is aligned for every `T` used here (at most 8 bytes), and is
        // borrowed mutably; uninitialised memory is a valid `MaybeUninit`.
        unsafe { std::slice::from_raw_parts_mut(self.start.cast(), len) }
    }

    /// A read-only view; the buffer lives as long as it.
    ///
    /// # Safety
    /// Every element of the shape must have been written as `T`.
    pub unsafe fn into_array<T: Element, D: Dimension>(
        self,
        py: Python<'_>,
        shape: impl IntoDimension<Dim = D>,
    ) -> PyResult<Bound<'_, PyArray<T, D>>> {
        let start = self.start.cast::<T>().cast_const();
        let owner = Bound::new(py, self)?;
        // SAFETY: the memory was written (caller), has the size of the shape, and is owned by `owner`, which the array keeps.
        let array = unsafe {
            let view = ArrayView::from_shape_ptr(shape.into_dimension(), start);
            PyArray::borrow_from_array(&view, owner.into_any())
        };
        array.readwrite().make_nonwriteable();
        Ok(array)
    }
}

/// A read-only array that owns a vector's values.
pub fn from_vec<T: Element + Copy>(py: Python<'_>, values: &[T]) -> PyResult<Py<PyAny>> {
    let mut buffer = Buffer::new::<T>(py, values.len())?;
    for (to, &value) in buffer.blank().iter_mut().zip(values) {
        to.write(value);
    }
    // SAFETY: all elements were just written.
    let array = unsafe { buffer.into_array::<T, _>(py, [values.len()]) }?;
    Ok(array.into_any().unbind())
}

/// The number of elements of a `rows` by `width` array, if arrays with so many bytes a row fit into memory: refused before
/// any work is done.
pub fn check_memory(py: Python<'_>, task: &str, rows: usize, width: usize, bytes_per_row: usize) -> PyResult<usize> {
    let needed = rows as u128 * bytes_per_row as u128;
    let refuse = |available| {
        let error = out_of_memory(py, &format!("task {task}: n = {rows}; the arrays"), needed, available);
        let _ = error.value(py).setattr("task", task);
        error
    };
    let size = rows.checked_mul(width).ok_or_else(|| refuse(None))?;
    if needed < UNCHECKED {
        return Ok(size);
    }
    match available() {
        Some(available) if needed > u128::from(available) => Err(refuse(Some(available))),
        _ => Ok(size),
    }
}

fn out_of_memory(py: Python<'_>, what: &str, needed: u128, available: Option<u64>) -> PyErr {
    let gib = |bytes: u128| bytes as f64 / (1u64 << 30) as f64;
    let have = available.map_or_else(String::new, |a| format!(", {:.1} GiB are available", gib(u128::from(a))));
    let message = format!(
        "{what} need {:.1} GiB of memory{have}; ask for fewer rows at a time (start=) or a smaller seq_len",
        gib(needed)
    );
    raise(py, "OutOfMemory", &message, &PyDict::new(py))
}

/// Memory this process may still take, where the system tells.
fn available() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let system = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024;
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    match (read("memory.max"), read("memory.current")) {
        // Cached files count as used, but the kernel gives them up.
        (Some(limit), Some(used)) => Some(system.min(limit.saturating_sub(used).saturating_add(cached().unwrap_or(0)))),
        _ => Some(system),
    }
}

/// Cached files that the control group counts as used.
fn cached() -> Option<u64> {
    let stat = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse().ok()
}
