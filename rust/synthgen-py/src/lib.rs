//! The Python extension module: converts, calls, maps errors; decides nothing.

// The signal check must be general over the interpreter's lifetime, which a method path is not.
#![allow(clippy::redundant_closure_for_method_calls)]

mod arrays;
mod dataset;
mod error;
mod grammar;
mod people;
mod source;
mod tally;
mod values;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use synthgen::export;
use synthgen::mix;
use synthgen::{AnyTask, Error, Flaw, Index, registry, score, validate};

use error::to_python;
use source::{Request, interruptible, split_named};

type FlawParts = Option<(String, usize)>;

fn parts(flaw: Option<Flaw>) -> FlawParts {
    flaw.map(|flaw| (flaw.reason, flaw.position))
}

/// A task with its parameters fixed.
#[pyclass(frozen, module = "synthgen._native")]
struct Generator {
    task: Arc<dyn AnyTask>,
    table: Option<Vec<u16>>,
}

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, task: &str, params: &Bound<'_, PyDict>, difficulty: Option<u8>) -> PyResult<Self> {
        let params = values::map(params)?;
        let built = registry::find(task).and_then(|entry| entry.task(&params, difficulty));
        let task = built.map_err(|error| to_python(py, &error))?;
        let table = task.compat_table().map(|ids| ids.into_iter().map(Option::unwrap_or_default).collect());
        Ok(Self { task, table })
    }

    #[getter]
    fn params(&self) -> String {
        Value::Object(self.task.params()).to_string()
    }

    #[getter]
    fn instructions(&self) -> String {
        self.task.instructions()
    }

    #[getter]
    fn max_len(&self) -> usize {
        self.task.max_len()
    }

    #[getter]
    fn level_tag(&self) -> &str {
        self.task.level_tag()
    }

    #[getter]
    fn pieces(&self) -> Vec<String> {
        self.task.vocab().pieces().to_vec()
    }

    #[getter]
    fn markers(&self) -> Vec<u16> {
        self.task.markers().to_vec()
    }

    #[getter]
    fn only_train(&self) -> Option<&'static str> {
        self.task.only_train()
    }

    #[getter]
    fn loss_exceeds_answers(&self) -> bool {
        self.task.loss_exceeds_answers()
    }

    #[getter]
    fn compat_ids(&self) -> Option<Vec<u16>> {
        self.table.clone()
    }

    fn encode(&self, text: &str) -> Result<Vec<u16>, PyErr> {
        self.task.vocab().encode(text).map_err(|at| {
            let position = text[..at].chars().count();
            let reason = "no piece of the vocabulary fits here".to_owned();
            Python::attach(|py| to_python(py, &Error::Solve { task: self.task.name().to_owned(), reason, position }))
        })
    }

    fn batch(&self, py: Python<'_>, request: &Bound<'_, PyDict>) -> PyResult<source::Batch> {
        let request = Request::extract(py, request, &*self.task)?;
        source::batch(py, &*self.task, self.table.as_deref().filter(|_| request.compat), &request)
    }

    fn packed(&self, py: Python<'_>, request: &Bound<'_, PyDict>, policy: &str) -> PyResult<Py<PyDict>> {
        let request = Request::extract(py, request, &*self.task)?;
        source::packed(py, &*self.task, self.table.as_deref().filter(|_| request.compat), &request, policy)
    }

    /// A JSON array of the rows `row .. row + n` of one stream: as examples, as whole views with tokens, or as the spans
    /// of their answers.
    fn records(
        &self,
        py: Python<'_>,
        seed: u64,
        split: Option<&str>,
        fit: Option<usize>,
        at: (u64, u32, usize),
        what: &str,
    ) -> PyResult<String> {
        let (row, sub, n) = at;
        let split = split_named(py, &*self.task, split)?;
        let record = match what {
            "view" => export::view,
            "spans" => export::spans,
            _ => export::example,
        };
        interruptible(py, |check| {
            let mut rows = self.task.cursor(seed, split, fit);
            let mut records = Vec::new();
            for i in 0..n {
                if i % 1024 == 1023 {
                    check()?;
                }
                records.push(record(&*self.task, &mut *rows, split, Index { row: row + i as u64, sub })?);
            }
            Ok(Value::Array(records).to_string())
        })
    }

    fn validate(&self, ids: Vec<i64>, mask: Option<Vec<i64>>, compat: bool) -> FlawParts {
        parts(validate::row(&*self.task, &ids, mask.as_deref(), compat))
    }

    fn validate_example(&self, input_text: &str, target: &str) -> FlawParts {
        parts(validate::example(&*self.task, input_text, target))
    }

    fn solve(&self, py: Python<'_>, text: &str) -> PyResult<String> {
        validate::solve(&*self.task, text).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn stops(&self) -> Vec<&'static str> {
        self.task.answers().stops.to_vec()
    }

    fn score(
        &self,
        response: &str,
        prompt: &str,
        target: &str,
        cut: bool,
        continuation: bool,
    ) -> (&'static str, String) {
        let served = score::Served { cut, continuation };
        let score = score::score(&*self.task, response, prompt, target, served);
        (score.outcome.name(), score.extracted)
    }
}

/// Several generators, in one joint vocabulary or in one that they share.
#[pyclass(frozen, module = "synthgen._native")]
struct Mixture(mix::Mixture);

#[pymethods]
impl Mixture {
    /// `knots` are pairs of a step and the weights of the parts from there on; without `joint` all share a vocabulary.
    #[new]
    fn new(
        py: Python<'_>,
        parts: Vec<PyRef<'_, Generator>>,
        knots: Vec<(u64, Vec<f64>)>,
        rows_per_step: u64,
        linear: bool,
        joint: bool,
    ) -> PyResult<Self> {
        let parts = parts.into_iter().map(|generator| Arc::clone(&generator.task)).collect();
        let knots = knots.into_iter().map(|(step, weights)| mix::Knot { step, weights }).collect();
        let schedule = mix::Schedule { knots, rows_per_step, linear };
        mix::Mixture::scheduled(parts, schedule, joint).map(Self).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn max_len(&self) -> usize {
        synthgen::Source::max_len(&self.0)
    }

    #[getter]
    fn pieces(&self) -> Vec<String> {
        match self.0.joint() {
            Some(joint) => joint.pieces().to_vec(),
            None => self.0.parts()[0].vocab().pieces().to_vec(),
        }
    }

    #[getter]
    fn ranges(&self) -> Vec<(String, u16, u16)> {
        self.0.joint().map(|joint| joint.ranges().to_vec()).unwrap_or_default()
    }

    fn lower(&self, ids: Vec<u16>) -> Option<(String, Vec<u16>)> {
        self.0.joint()?.lower(&ids).ok().map(|(name, ids)| (name.to_owned(), ids))
    }

    fn batch(&self, py: Python<'_>, request: &Bound<'_, PyDict>) -> PyResult<source::Batch> {
        source::batch(py, &self.0, None, &Request::extract(py, request, &self.0)?)
    }

    fn packed(&self, py: Python<'_>, request: &Bound<'_, PyDict>, policy: &str) -> PyResult<Py<PyDict>> {
        source::packed(py, &self.0, None, &Request::extract(py, request, &self.0)?, policy)
    }
}

/// The registry as JSON: name, version, summary, parameters, presets.
#[pyfunction]
fn registry_json() -> String {
    registry::describe().to_string()
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Generator>()?;
    module.add_class::<Mixture>()?;
    module.add_class::<dataset::Shard>()?;
    module.add_class::<grammar::Grammar>()?;
    module.add_function(wrap_pyfunction!(grammar::grammar_names, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::audit_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(dataset::audit_jsonl, module)?)?;
    module.add_function(wrap_pyfunction!(tally::count_facts, module)?)?;
    module.add_function(wrap_pyfunction!(tally::sort_facts, module)?)?;
    module.add_function(wrap_pyfunction!(tally::count_again, module)?)?;
    module.add_function(wrap_pyfunction!(registry_json, module)?)?;
    module.add_function(wrap_pyfunction!(people::people_lists, module)?)?;
    module.add_function(wrap_pyfunction!(people::people_table, module)?)?;
    module.add_function(wrap_pyfunction!(people::people_capacity, module)?)?;
    module.add("DEBUG", cfg!(debug_assertions))?;
    Ok(())
}
