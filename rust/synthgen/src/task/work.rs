//! Work per row, and the way out of an exhausted split.

use super::*;
use crate::registry;
use crate::tasks::{depo::Depo, dyna::Dyna};

/// The 99.9th percentile of random words per token must be within 20 times the median, at the parameters of the laws.
pub(crate) fn check_work<T: Task>() {
    let [small, _] = T::extremes();
    for params in [T::Params::default(), small, T::preset(1), T::preset(2), T::preset(3)] {
        check_work_at::<T>(params);
    }
}

pub(crate) fn check_work_at<T: Task>(params: T::Params) {
    let task = T::new(params).expect("valid parameters");
    let key = StreamKey::new(T::NAME, "", 1, 0);
    let mut instance = T::Instance::default();
    let mut row = Row::default();
    let mut work: Vec<f64> = (0..4000)
        .map(|i: u64| {
            task.locate(key, i.into(), &mut instance);
            let mut rng = key.rng(i.into(), 0);
            task.sample(&mut rng, &mut instance);
            row.clear();
            task.encode(&instance, &mut row);
            rng.draws as f64 / row.len() as f64
        })
        .collect();
    work.sort_by(f64::total_cmp);
    let (median, high) = (work[2000], work[3996]);
    assert!(high <= 20.0 * median, "{}: {high} words per token, the median is {median}", T::NAME);
}

#[test]
fn work_per_sample_is_bounded() {
    for entry in registry::all() {
        (entry.check_work)();
    }
    check_work_at::<Dyna>(crate::tasks::dyna::Params {
        effective_depth: Some(crate::params::Span::new(0, 30)),
        ..Default::default()
    });
    // Half of all words taken: the most rejections that parameters allow.
    check_work_at::<Depo>(crate::tasks::depo::Params {
        n_max: 255,
        mini_vocab: 2,
        max_word_len: 8,
        ..Default::default()
    });
}

#[test]
fn an_exhausted_split_names_parameters_that_work() {
    let [small, _] = Dyna::extremes();
    let task = Configured::<Dyna>::new(small, None).expect("valid parameters");
    let failed = Split::ALL.into_iter().filter_map(|split| {
        let mut rows = task.cursor(0, Some(split), None);
        rows.draw(0.into()).err().map(|error| (split, error.to_string()))
    });
    let failed: Vec<_> = failed.collect();
    assert!(!failed.is_empty(), "ten instances cannot fill a split of 5 %");
    for (split, message) in failed {
        assert!(message.contains(split.name()) && message.contains("num_ops=[1,"), "{message}");
    }
}
