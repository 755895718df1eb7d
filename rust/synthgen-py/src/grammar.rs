//! Grammars: what `synthgen.grammar` is built on.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use synthgen::rng::StreamKey;
use synthgen::sampling::grammar::{self, Chart, Draft, Grammar as Core, Sampler, Shape};

use crate::FlawParts;
use crate::arrays::{check_memory, from_vec};
use crate::error::raise;
use crate::source::interruptible;

/// A checked grammar, prepared for drawing.
#[pyclass(frozen, module = "synthgen._native")]
pub struct Grammar {
    core: Core,
    sampler: Sampler,
}

/// Arrays that Rust owns.
type Array = Py<PyAny>;

fn refuse(py: Python<'_>, field: &str, reason: &str) -> PyErr {
    let fields = PyDict::new(py);
    let set = fields.set_item("field", field).and_then(|()| fields.set_item("allowed", reason));
    set.map_or_else(|error| error, |()| raise(py, "ParamError", &format!("{field}: {reason}"), &fields))
}

fn offsets<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<i64> {
    let end = |total: &mut i64, part: &[u8]| {
        *total += part.len() as i64;
        Some(*total)
    };
    std::iter::once(0).chain(parts.scan(0, end)).collect()
}

impl Grammar {
    fn of(py: Python<'_>, field: &str, core: Result<Core, String>) -> PyResult<Self> {
        let core = core.map_err(|reason| refuse(py, field, &reason))?;
        Ok(Self { sampler: Sampler::new(&core), core })
    }

    fn terminals_of(&self, py: Python<'_>, ids: &[i64]) -> PyResult<Vec<u8>> {
        self.core.read_ids(ids).map_err(|at| {
            let (id, most) = (ids[at], self.core.terminals());
            refuse(py, "ids", &format!("{id} at position {at} is no terminal; allowed: 1..={most}"))
        })
    }
}

#[pymethods]
impl Grammar {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        Self::of(py, "json", Core::from_json(text))
    }

    #[staticmethod]
    fn shipped(name: &str) -> Option<Self> {
        grammar::shipped(name).map(|core| Self { core: core.clone(), sampler: Sampler::new(core) })
    }

    #[staticmethod]
    fn random(
        py: Python<'_>,
        lengths: Vec<Vec<Vec<u32>>>,
        terminals: usize,
        repeats: bool,
        seed: u64,
    ) -> PyResult<Self> {
        // A length that fits no byte is refused like any other that is too large.
        let byte = |length: u32| u8::try_from(length).unwrap_or(u8::MAX);
        let symbol = |rules: Vec<u32>| rules.into_iter().map(byte).collect();
        let lengths = lengths.into_iter().map(|level| level.into_iter().map(symbol).collect()).collect();
        Self::of(py, "rule_lengths", Core::random("custom", &Shape { lengths, terminals, repeats }, seed))
    }

    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    #[getter]
    fn terminals(&self) -> usize {
        self.core.terminals()
    }

    #[getter]
    fn levels(&self) -> Vec<Vec<Vec<Vec<u32>>>> {
        let rule = |rule: &Vec<u8>| rule.iter().map(|&child| u32::from(child)).collect();
        let symbol = |rules: &Vec<Vec<u8>>| rules.iter().map(rule).collect();
        self.core.levels().iter().map(|level| level.iter().map(symbol).collect()).collect()
    }

    #[getter]
    fn symbols(&self) -> Vec<Vec<u32>> {
        let ids = |(level, size)| (0..size).map(|symbol| self.core.symbol_id(level, symbol)).collect();
        self.core.sizes().into_iter().enumerate().map(ids).collect()
    }

    fn to_json(&self) -> String {
        self.core.to_json()
    }

    /// Strings and derivations `start .. start + n` of a seed: each flat, with offsets.
    fn draw(&self, py: Python<'_>, n: usize, seed: u64, start: u64) -> PyResult<(Array, Array, Array, Array)> {
        check_memory(py, "lano", n, 1, 4 * self.core.longest() + 64)?;
        let key = StreamKey::new("grammar", &self.core.to_json(), seed, 0);
        let (strings, derivations) = interruptible(py, |check| {
            let mut draft = Draft::default();
            let mut strings = Vec::new();
            let mut derivations = Vec::new();
            for i in 0..n {
                if i % 1024 == 1023 {
                    check()?;
                }
                self.sampler.draw(&mut key.rng((start + i as u64).into(), 0), &mut draft);
                strings.push(draft.terminals().iter().map(|&terminal| terminal + 1).collect::<Vec<u8>>());
                derivations.push(self.sampler.choices(&self.core, &draft));
            }
            Ok((strings, derivations))
        })?;
        Ok((
            from_vec(py, &strings.concat())?,
            from_vec(py, &offsets(strings.iter().map(Vec::as_slice)))?,
            from_vec(py, &derivations.concat())?,
            from_vec(py, &offsets(derivations.iter().map(Vec::as_slice)))?,
        ))
    }

    /// For each of the strings that `offsets` cut out of `ids`: is it the grammar's?
    fn contains(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, i64>,
        offsets: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Array> {
        let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
        let verdicts = interruptible(py, |check| {
            let mut verdicts = Vec::with_capacity(offsets.len());
            for ends in offsets.windows(2) {
                check()?;
                let range = usize::try_from(ends[0]).unwrap_or(usize::MAX)..usize::try_from(ends[1]).unwrap_or(0);
                let string = ids.get(range).and_then(|ids| self.core.read_ids(ids).ok());
                verdicts.push(u8::from(string.is_some_and(|string| self.core.contains(&string))));
            }
            Ok(verdicts)
        })?;
        from_vec(py, &verdicts)
    }

    /// The choices of one derivation, or why there is none and where that shows.
    fn parse(&self, py: Python<'_>, ids: Vec<i64>) -> PyResult<(Option<Array>, FlawParts)> {
        let string = match self.core.read_ids(&ids) {
            Ok(string) => string,
            Err(at) => return Ok((None, Some((format!("{} is no terminal of the grammar", ids[at]), at)))),
        };
        let found = py.detach(|| {
            let chart = Chart::new(&self.core, &string);
            chart.derivation().ok_or_else(|| chart.flaw())
        });
        match found {
            Ok(choices) => Ok((Some(from_vec(py, &choices)?), None)),
            Err((reason, at)) => Ok((None, Some((reason.to_owned(), at)))),
        }
    }

    /// Terminals, symbols and boundaries of a derivation, the latter two level after level.
    fn labels(&self, py: Python<'_>, choices: Vec<u32>) -> PyResult<(Array, Array, Array)> {
        let choices: Vec<u8> = choices.into_iter().map(|choice| u8::try_from(choice).unwrap_or(u8::MAX)).collect();
        let labels = self.core.labels(&choices);
        let labels =
            labels.ok_or_else(|| refuse(py, "rules", "allowed: the rule choices of a derivation, in pre-order"))?;
        let terminals: Vec<u8> = labels.terminals.iter().map(|&terminal| terminal + 1).collect();
        Ok((
            from_vec(py, &terminals)?,
            from_vec(py, &labels.symbols.concat())?,
            from_vec(py, &labels.boundaries.concat())?,
        ))
    }

    /// Rows of next-terminal probabilities, one after another.
    fn next_token(&self, py: Python<'_>, ids: Vec<i64>) -> PyResult<Array> {
        from_vec(py, &self.predictions(py, &ids)?)
    }

    /// Divergence of a model's rows from the true ones.
    fn kl(&self, py: Python<'_>, ids: Vec<i64>, model: PyReadonlyArray1<'_, f64>) -> PyResult<f64> {
        Ok(grammar::kl(&self.predictions(py, &ids)?, model.as_slice()?, self.core.terminals() + 1))
    }

    /// The shortest length, the probabilities of all lengths from it on, and the entropy of derivations in bits.
    fn length_law(&self, py: Python<'_>) -> PyResult<(usize, Array, f64)> {
        let law = py.detach(|| self.core.length_law());
        Ok((law.shortest, from_vec(py, &law.probabilities)?, self.core.mean_and_bits().1))
    }
}

impl Grammar {
    fn predictions(&self, py: Python<'_>, ids: &[i64]) -> PyResult<Vec<f64>> {
        let string = self.terminals_of(py, ids)?;
        py.detach(|| grammar::next_token(&self.core, &string)).map_err(|at| {
            let reason =
                format!("{} at position {at} cannot follow; allowed: a prefix of a string of the grammar", ids[at]);
            refuse(py, "ids", &reason)
        })
    }
}

/// Names of the shipped grammars.
#[pyfunction]
pub fn grammar_names() -> Vec<&'static str> {
    grammar::NAMES.to_vec()
}
