//! Python values to the core's parameter values.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyString, PyTuple};
use serde_json::{Map, Value};

/// A dict of parameters.
pub fn map(params: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    params.iter().map(|(name, value)| Ok((name.extract()?, value_of(&value, true)))).collect()
}

/// One value; what has no counterpart becomes its `repr`, which no parameter accepts, so that the error can show it. Lists
/// inside lists are no parameter either (and one might contain itself).
fn value_of(value: &Bound<'_, PyAny>, lists: bool) -> Value {
    let known = || -> PyResult<Value> {
        if value.is_none() {
            return Ok(Value::Null);
        }
        if value.is_instance_of::<PyBool>() {
            return Ok(Value::Bool(value.is_truthy()?));
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Value::String(text.to_string()));
        }
        if value.is_instance_of::<PyFloat>() {
            // NaN has no JSON form and would turn into None, which some parameters accept.
            let number = value.extract::<f64>().ok().filter(|number| number.is_finite());
            return number.map(Value::from).ok_or_else(|| PyTypeError::new_err("no parameter value"));
        }
        if lists && (value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()) {
            return Ok(Value::Array(
                value.try_iter()?.map(|v| v.map(|v| value_of(&v, false))).collect::<PyResult<_>>()?,
            ));
        }
        // Integers, NumPy's among them; None where `__index__` is missing.
        let index = value.call_method0("__index__").map_err(|_| PyTypeError::new_err("no parameter value"))?;
        index.extract::<i64>().map(Value::from)
    };
    known().unwrap_or_else(|_| Value::String(value.repr().map_or_else(|_| "?".to_owned(), |r| r.to_string())))
}
