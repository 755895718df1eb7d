//! The people that biographies are about, as columns.

use pyo3::prelude::*;
use synthgen::sampling::biography::lists::LISTS;
use synthgen::sampling::biography::people::{People, capacity};
use synthgen::sampling::biography::{ATTRIBUTES, DATE};

use crate::arrays::from_vec;
use crate::source::interruptible;

/// Persons computed between two looks at the signals.
const BLOCK: u32 = 1 << 16;

/// First, middle and last names, then the values of each attribute but the date of birth, in the order of their numbers.
#[pyfunction]
pub fn people_lists() -> Vec<Vec<String>> {
    let text = |ids: &[u16]| LISTS.vocab.decode(ids).trim().to_owned();
    let names = LISTS.names.iter().map(|names| names.iter().map(|&id| text(&[id])).collect());
    let topics = (0..ATTRIBUTES).filter(|&topic| topic != DATE);
    names.chain(topics.map(|topic| LISTS.values[topic].iter().map(|value| text(value.ids())).collect())).collect()
}

/// Numbers (int32) of first, middle and last name, month, day, year, city, university, major, company and pronoun of the
/// persons `start .. start + n`, a column each; those that begin at 0 do so in the lists, too.
#[pyfunction]
pub fn people_table(py: Python<'_>, people_seed: u32, start: u32, n: u32) -> PyResult<Vec<Py<PyAny>>> {
    let people = People::new(people_seed);
    let columns = interruptible(py, |check| {
        let mut columns: [Vec<i32>; 11] = std::array::from_fn(|_| Vec::with_capacity(n as usize));
        for person in start..start + n {
            if (person - start) % BLOCK == BLOCK - 1 {
                check()?;
            }
            let [first, middle, last] = people.name(person);
            let f = people.facts(person);
            let (month, day, year, city, major) =
                (f.month.into(), f.day.into(), f.year.into(), f.city.into(), f.major.into());
            let numbers = [first, middle, last, month, day, year, city, f.university.into(), major, f.company.into()];
            for (column, number) in columns.iter_mut().zip(numbers.into_iter().chain([f.she.into()])) {
                column.push(number as i32);
            }
        }
        Ok(columns)
    })?;
    columns.iter().map(|column| from_vec(py, column)).collect()
}

/// Bits that there are to be known about so many people.
#[pyfunction]
pub fn people_capacity(people: u32) -> f64 {
    capacity(people)
}
