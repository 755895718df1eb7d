//! The one mapping from the core's errors to the Python classes of `synthgen.errors`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use synthgen::Error;

/// Make the Python exception of a core error.
pub fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let fields = PyDict::new(py);
    let class = match error {
        Error::UnknownTask { .. } => "UnknownTaskError",
        Error::Param { .. } => "ParamError",
        Error::SplitExhausted { .. } => "SplitExhausted",
        Error::Solve { .. } => "SolveError",
        Error::Interrupted => "SynthgenError",
    };
    let set = match error {
        Error::UnknownTask { name, .. } => fields.set_item("task", name),
        Error::Param { task, field, value, allowed } => fields
            .set_item("task", task)
            .and_then(|()| fields.set_item("field", field))
            .and_then(|()| fields.set_item("value", value))
            .and_then(|()| fields.set_item("allowed", allowed)),
        Error::SplitExhausted { task, split, .. } => {
            fields.set_item("task", task).and_then(|()| fields.set_item("split", split))
        }
        Error::Solve { task, position, .. } => {
            fields.set_item("task", task).and_then(|()| fields.set_item("position", position))
        }
        Error::Interrupted => Ok(()),
    };
    set.map_or_else(|error| error, |()| raise(py, class, &error.to_string(), &fields))
}

/// Make an exception of `synthgen.errors` with fields.
pub fn raise(py: Python<'_>, class: &str, message: &str, fields: &Bound<'_, PyDict>) -> PyErr {
    static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let make = || -> PyResult<PyErr> {
        let module = ERRORS.get_or_try_init(py, || PyModule::import(py, "synthgen.errors").map(Bound::unbind))?;
        let instance = module.bind(py).getattr(class)?.call((message,), Some(fields))?;
        Ok(PyErr::from_value(instance))
    };
    make().unwrap_or_else(|error| error)
}
