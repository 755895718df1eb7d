//! The laws that hold for every registered task, at its default, smallest and largest parameters and at every level.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value};
use synthgen::batch::{self, Columns, Overflow, Request};
use synthgen::mix::Mixture;
use synthgen::pack::{self, Policy, Windows};
use synthgen::params::Kind;
use synthgen::split::Split;
use synthgen::vocab::{EOS, PAD};
use synthgen::{AnyTask, Error, Form, Index, Row, Source, Vocab, registry, validate};

/// A task at some parameters, with a name for messages and how many rows a test can afford.
struct Setting {
    name: String,
    task: Arc<dyn AnyTask>,
    rows: u64,
}

fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    // Whoever works on one task may run the laws for it alone.
    let only = std::env::var("SYNTHGEN_ONLY").unwrap_or_default();
    for entry in registry::all().iter().filter(|entry| only.is_empty() || only == entry.name) {
        let [small, large] = (entry.extremes)();
        let mut add = |what: &str, params: &Map<_, _>, level, rows| {
            let task = entry.task(params, level).unwrap_or_else(|error| panic!("{what}: {error}"));
            settings.push(Setting { name: format!("{} {what}", entry.name), task, rows });
        };
        add("default", &Map::new(), None, 200);
        add("smallest", &small, None, 200);
        add("largest", &large, None, 3);
        for level in registry::LEVELS {
            add(&format!("level {level}"), &Map::new(), Some(level), 100);
        }
    }
    settings
}

fn rows(task: &dyn Source, seed: u64, split: Option<Split>, n: u64) -> Result<Vec<Row>, Error> {
    let mut cursor = task.cursor(seed, split, None);
    (0..n).map(|i| cursor.draw(i.into()).cloned()).collect()
}

fn default_rows(setting: &Setting, seed: u64) -> Vec<Row> {
    rows(&*setting.task, seed, None, setting.rows).unwrap_or_else(|error| panic!("{}: {error}", setting.name))
}

type Filled = (Vec<i32>, Vec<u8>, Vec<i32>, Vec<u8>);

fn written<T: Copy>(values: &[MaybeUninit<T>]) -> Vec<T> {
    // SAFETY: only called on columns that `fill` has written in full.
    values.iter().map(|value| unsafe { value.assume_init() }).collect()
}

fn fill(task: &dyn Source, request: &Request) -> Result<Filled, Error> {
    let size = request.rows * request.seq_len;
    let mut ids = vec![MaybeUninit::uninit(); size];
    let mut mask = vec![MaybeUninit::uninit(); size];
    let mut lengths = vec![MaybeUninit::uninit(); request.rows];
    let mut splits = vec![MaybeUninit::uninit(); request.rows];
    let mut parts = vec![MaybeUninit::uninit(); request.rows];
    let columns =
        Columns { ids: &mut ids, mask: &mut mask, lengths: &mut lengths, splits: &mut splits, parts: &mut parts };
    batch::fill::<i32>(task, request, None, columns, &mut || Ok(()))?;
    Ok((written(&ids), written(&mask), written(&lengths), written(&splits)))
}

fn request(task: &dyn Source, seed: u64, start: u64, rows: usize, threads: usize) -> Request {
    let seq_len = Request::default_seq_len(task);
    Request { seed, split: None, start, rows, seq_len, overflow: Overflow::Error, threads }
}

#[test]
fn rows_are_random_access() {
    for setting in settings() {
        let forward = default_rows(&setting, 11);
        let mut cursor = setting.task.cursor(11, None, None);
        for i in (0..setting.rows).rev() {
            let row = cursor.draw(i.into()).unwrap();
            assert_eq!(row.ids, forward[i as usize].ids, "{} row {i}", setting.name);
        }
    }
}

#[test]
fn batches_do_not_depend_on_threads_or_on_how_they_are_cut() {
    for setting in settings() {
        let task = &*setting.task;
        let n = setting.rows as usize * 4;
        let (ids, mask, lengths, splits) = fill(task, &request(task, 5, 100, n, 1)).unwrap();
        assert_eq!(fill(task, &request(task, 5, 100, n, 3)).unwrap().0, ids, "{} threads", setting.name);
        let width = Request::default_seq_len(task);
        for (start, rows) in [(0, 1), (1, n / 2), (n - 1, 1)] {
            let part = fill(task, &request(task, 5, 100 + start as u64, rows, 2)).unwrap();
            assert_eq!(part.0, ids[start * width..(start + rows) * width], "{} cut", setting.name);
            assert_eq!(part.1, mask[start * width..(start + rows) * width], "{} cut", setting.name);
            assert_eq!(part.2, lengths[start..start + rows], "{} cut", setting.name);
            assert_eq!(part.3, splits[start..start + rows], "{} cut", setting.name);
        }
    }
}

#[test]
fn a_batch_is_its_rows_padded() {
    for setting in settings() {
        let task = &*setting.task;
        let width = Request::default_seq_len(task);
        let (ids, mask, lengths, splits) = fill(task, &request(task, 11, 0, setting.rows as usize, 1)).unwrap();
        for (i, row) in default_rows(&setting, 11).iter().enumerate() {
            let (head, rest) = ids[i * width..(i + 1) * width].split_at(row.len());
            assert!(head.iter().zip(&row.ids).all(|(&a, &b)| a == i32::from(b)), "{} row {i}", setting.name);
            assert!(rest.iter().all(|&id| id == i32::from(PAD)), "{} row {i}", setting.name);
            assert_eq!(mask[i * width..i * width + row.len()], row.mask(), "{} row {i}", setting.name);
            assert!(mask[i * width + row.len()..(i + 1) * width].iter().all(|&m| m == 0), "{}", setting.name);
            assert_eq!((lengths[i], splits[i]), (row.len() as i32, row.split as u8), "{} row {i}", setting.name);
        }
    }
}

#[test]
fn seeds_and_splits_have_streams_of_their_own() {
    for entry in registry::all() {
        let task = entry.task(&Map::new(), None).unwrap();
        let streams: Vec<BTreeSet<Vec<u16>>> =
            [(0, None), (1, None), (2, None), (0, Some(Split::Train)), (u64::MAX, None)]
                .into_iter()
                .map(|(seed, split)| rows(&*task, seed, split, 2000).unwrap().into_iter().map(|row| row.ids).collect())
                .collect();
        // Streams share rows as often as each repeats its own: ten pairs of 2000 times 2000, five halves of that.
        let repeated: usize = streams.iter().map(|stream| 2000 - stream.len()).sum();
        let all: BTreeSet<&Vec<u16>> = streams.iter().flatten().collect();
        let shared = streams.iter().map(BTreeSet::len).sum::<usize>() - all.len();
        assert!(shared <= 20 + 8 * repeated, "{}: streams share {shared} rows, and repeat {repeated}", entry.name);
    }
}

#[test]
fn a_row_lies_in_the_split_that_was_asked_for() {
    for setting in settings() {
        for split in Split::ALL {
            match rows(&*setting.task, 3, Some(split), setting.rows.min(40)) {
                Ok(rows) => {
                    for row in rows {
                        let reading = setting.task.read(&row.ids, Form::Row).unwrap();
                        assert_eq!((row.split, Split::of(reading.content)), (split, split), "{}", setting.name);
                    }
                }
                // Only a tiny space may lack a split, and then the error names parameters that work.
                Err(Error::SplitExhausted { hint, .. }) => {
                    assert!(setting.name.ends_with("smallest") || hint.contains("not split"), "{}", setting.name);
                    assert!(hint.contains('='), "{}: {hint}", setting.name);
                }
                Err(error) => panic!("{}: {error}", setting.name),
            }
        }
    }
}

#[test]
fn rows_read_back_with_their_mask_split_and_answers() {
    for setting in settings() {
        for row in default_rows(&setting, 7) {
            let reading = setting.task.read(&row.ids, Form::Row).unwrap_or_else(|flaw| {
                panic!("{}: {flaw:?}\n{}", setting.name, setting.task.vocab().decode(&row.ids));
            });
            let mut found = Row { ids: row.ids.clone(), ..Row::default() };
            for run in &reading.loss {
                found.loss.push(run.clone());
            }
            assert_eq!(found.mask(), row.mask(), "{}", setting.name);
            assert_eq!(Split::of(reading.content), row.split, "{}", setting.name);
            let answer = &row.queries[0].answer;
            assert_eq!(reading.answer, row.ids[answer.start as usize..answer.end as usize], "{}", setting.name);
            assert!(row.len() <= setting.task.max_len(), "{}", setting.name);
            assert!(setting.task.read_any(&row.ids, Form::Row).is_ok(), "{}", setting.name);
        }
    }
}

#[test]
fn text_is_the_decoded_tokens_and_gives_them_back() {
    for setting in settings() {
        let vocab = setting.task.vocab();
        for row in default_rows(&setting, 13) {
            let own: Vec<u16> = row.ids.iter().copied().filter(|&id| !Vocab::is_special(id)).collect();
            assert_eq!(vocab.encode(&vocab.decode(&row.ids)), Ok(own), "{}", setting.name);
        }
    }
}

#[test]
fn prompts_are_solved_and_only_the_right_answer_passes() {
    for setting in settings() {
        let task = &*setting.task;
        for row in default_rows(&setting, 17).iter().take(50) {
            let (prompt, answer) = synthgen::export::prompt_and_answer(task, row);
            let solved = validate::solve(task, &prompt).unwrap_or_else(|error| panic!("{}: {error}", setting.name));
            let answers = task.answers();
            assert!(task.accepts(&prompt, &answer, &solved), "{}: {prompt} {solved}", setting.name);
            assert_eq!(validate::example(task, &prompt, &answer), None, "{}: {prompt}", setting.name);
            assert!(validate::example(task, &prompt, &format!("{answer}0")).is_some(), "{}", setting.name);
            assert!(!answers.trim || !prompt.ends_with(' '), "{}: {prompt:?}", setting.name);
        }
    }
}

#[test]
fn corrupted_answers_and_masks_are_rejected() {
    for setting in settings() {
        let task = &*setting.task;
        let size = task.vocab().len() as i64;
        for row in default_rows(&setting, 19).iter().take(30) {
            let ids: Vec<i64> = row.ids.iter().map(|&id| i64::from(id)).collect();
            let mask: Vec<i64> = row.mask().iter().map(|&m| i64::from(m)).collect();
            assert_eq!(validate::row(task, &ids, Some(&mask), false), None, "{}", setting.name);
            let (prompt, target) = synthgen::export::prompt_and_answer(task, row);
            for (number, query) in row.queries.iter().take(20).enumerate() {
                for at in query.answer.clone().step_by(1 + query.answer.len() / 40) {
                    for step in [1, 2, size / 2, size - 1] {
                        let mut wrong = ids.clone();
                        wrong[at as usize] = (wrong[at as usize] + step) % size;
                        if validate::row(task, &wrong, None, false).is_none() {
                            // Where several answers are right, this must be another one of them.
                            let own: Vec<u16> = wrong.iter().map(|&id| id as u16).collect();
                            let given = synthgen::export::answer_text(
                                task,
                                &own[query.answer.start as usize..query.answer.end as usize],
                            );
                            let right = number == 0 && given != target && task.accepts(&prompt, &target, &given);
                            assert!(right, "{}: {given}", setting.name);
                        }
                    }
                }
            }
            for at in (0..mask.len()).step_by(1 + mask.len() / 40) {
                let mut wrong = mask.clone();
                wrong[at] = 1 - wrong[at];
                let flaw = validate::row(task, &ids, Some(&wrong), false).map(|flaw| flaw.position);
                assert_eq!(flaw, Some(at), "{}", setting.name);
            }
            assert!(validate::row(task, &ids, Some(&mask[1..]), false).is_some(), "{}", setting.name);
        }
    }
}

#[test]
fn reference_ids_validate_as_such_and_as_nothing_else() {
    for setting in settings() {
        let Some(table) = setting.task.compat_table() else {
            continue;
        };
        let used: Vec<u16> = table.iter().flatten().copied().collect();
        let distinct: BTreeSet<u16> = used.iter().copied().collect();
        // Two ids may only coincide where the reference has one id for both.
        assert!(distinct.len() + 1 >= used.len(), "{}", setting.name);
        for row in default_rows(&setting, 23).iter().take(20) {
            let ids: Vec<i64> =
                row.ids.iter().map(|&id| i64::from(table[usize::from(id)].expect("rows use what they may"))).collect();
            assert_eq!(validate::row(&*setting.task, &ids, None, true), None, "{}", setting.name);
            assert!(validate::row(&*setting.task, &ids, None, false).is_some(), "{}", setting.name);
        }
    }
}

#[test]
fn metadata_is_a_view_of_the_row_and_carries_what_was_measured() {
    for setting in settings() {
        let mut rows = setting.task.cursor(1, None, None);
        rows.draw(4.into()).unwrap();
        let first = rows.metadata();
        rows.draw(5.into()).unwrap();
        rows.draw(4.into()).unwrap();
        assert_eq!(rows.metadata(), first, "{}", setting.name);
        assert!(first["measured"].as_object().is_some_and(|m| !m.is_empty()), "{}", setting.name);
    }
}

#[test]
fn metadata_is_written_as_its_tree_prints() {
    for setting in settings() {
        let mut rows = setting.task.cursor(8, None, None);
        for i in 0..setting.rows.min(60) {
            rows.draw(i.into()).unwrap();
            // The keys of a tree are sorted, so this also says that those of the description are.
            let printed = Value::Object(rows.metadata()).to_string();
            let (mut text, mut quoted) = (Vec::new(), Vec::new());
            rows.metadata_text(&mut text);
            rows.metadata_quoted(&mut quoted);
            assert_eq!(String::from_utf8(text).as_ref(), Ok(&printed), "{}", setting.name);
            assert_eq!(serde_json::from_slice::<String>(&quoted).ok(), Some(printed), "{}", setting.name);
        }
    }
}

/// Mean of a number, or of a list of numbers.
fn mean(value: &Value) -> Option<f64> {
    match value {
        Value::Array(items) => Some(items.iter().map(Value::as_f64).sum::<Option<f64>>()? / items.len() as f64),
        number => number.as_f64(),
    }
}

#[test]
fn measured_difficulty_rises_with_the_level() {
    for entry in registry::all() {
        assert!(!entry.axes.is_empty(), "{}", entry.name);
        for axis in entry.axes {
            let means = registry::LEVELS.map(|level| {
                let task = entry.task(&Map::new(), Some(level)).unwrap();
                let mut rows = task.cursor(3, None, None);
                let measure = |i: u64| {
                    rows.draw(i.into()).unwrap();
                    let facts = rows.metadata();
                    let found = facts["measured"].get(axis).or_else(|| facts.get(*axis));
                    found.and_then(mean).unwrap_or_else(|| panic!("{}: no number {axis}", entry.name))
                };
                (0..400).map(measure).sum::<f64>() / 400.0
            });
            let means: Vec<f64> = means.collect();
            assert!(means.is_sorted_by(|a, b| a < b), "{}.{axis}: {means:?}", entry.name);
        }
    }
}

fn pack(
    task: &dyn Source,
    request: &Request,
    policy: Policy,
) -> (Vec<i32>, Vec<u8>, Vec<i32>, Vec<i32>, pack::Contents) {
    let size = request.rows * request.seq_len;
    let mut ids = vec![MaybeUninit::uninit(); size];
    let mut mask = vec![MaybeUninit::uninit(); size];
    let mut segments = vec![MaybeUninit::uninit(); size];
    let mut positions = vec![MaybeUninit::uninit(); size];
    let windows = Windows { ids: &mut ids, mask: &mut mask, segments: &mut segments, positions: &mut positions };
    let contents = pack::fill::<i32>(task, request, policy, None, windows, &mut || Ok(())).unwrap();
    (written(&ids), written(&mask), written(&segments), written(&positions), contents)
}

#[test]
fn packed_windows_hold_their_instances_in_order() {
    for setting in settings().into_iter().filter(|setting| setting.rows >= 100) {
        let task = &*setting.task;
        let width = task.max_len() * 3 / 2 + 1;
        for policy in [Policy::Truncate, Policy::Pad] {
            let wide = Request { seq_len: width, ..request(task, 2, 30, 40, 1) };
            let (ids, mask, segments, positions, contents) = pack(task, &wide, policy);
            assert_eq!(pack(task, &Request { threads: 3, ..wide }, policy).0, ids, "{}", setting.name);
            let one = pack(task, &Request { start: 41, rows: 1, ..wide }, policy);
            assert_eq!(one.0, ids[11 * width..12 * width], "{}: window 41 alone", setting.name);
            let mut cursor = task.cursor(2, None, None);
            for r in 0..wide.rows {
                let instances = contents.instance_offsets[r] as usize..contents.instance_offsets[r + 1] as usize;
                assert!(!instances.is_empty() && contents.instance_complete[instances.start] == 1, "{}", setting.name);
                let mut used = 0;
                for (j, instance) in instances.clone().enumerate() {
                    let row = cursor.draw(Index { row: 30 + r as u64, sub: j as u32 + 1 }).unwrap();
                    let len = row.len().min(width - used);
                    let at = r * width + used..r * width + used + len;
                    assert_eq!(contents.instance_starts[instance], used as i32, "{}", setting.name);
                    assert_eq!(contents.instance_complete[instance] == 1, len == row.len(), "{}", setting.name);
                    assert!(ids[at.clone()].iter().zip(&row.ids).all(|(&a, &b)| a == i32::from(b)), "{}", setting.name);
                    assert_eq!(mask[at.clone()], row.mask()[..len], "{}", setting.name);
                    assert!(segments[at.clone()].iter().all(|&s| s == j as i32 + 1), "{}", setting.name);
                    assert!(positions[at].iter().copied().eq(0..len as i32), "{}", setting.name);
                    used += len;
                }
                let rest = r * width + used..(r + 1) * width;
                assert!(ids[rest.clone()].iter().all(|&id| id == 0), "{}", setting.name);
                assert!(segments[rest].iter().all(|&s| s == 0), "{}", setting.name);
                assert!(policy == Policy::Pad || used == width, "{}", setting.name);
            }
            for (span, complete) in contents.query_spans.chunks_exact(3).zip(&contents.query_complete) {
                assert!(span[0] < span[1] + 1 && span[1] <= span[2] && span[2] <= width as i32, "{}", setting.name);
                assert!(*complete == 0 || span[1] < span[2], "{}", setting.name);
            }
        }
    }
}

#[test]
fn a_mixture_lifts_the_rows_of_its_tasks() {
    let tasks: Vec<Arc<dyn AnyTask>> =
        registry::all().iter().map(|entry| entry.task(&Map::new(), None).unwrap()).collect();
    let weights: Vec<f64> = (1..=tasks.len()).map(|i| i as f64).collect();
    let mixture = Mixture::new(tasks.iter().cloned().zip(weights.iter().copied()).collect()).unwrap();
    let mut own: Vec<_> = tasks.iter().map(|task| task.cursor(9, None, None)).collect();
    let mut counts = vec![0.0; tasks.len()];
    let drawn = rows(&mixture, 9, None, 4000).unwrap();
    for (i, row) in drawn.iter().enumerate() {
        let part = usize::from(row.part);
        counts[part] += 1.0;
        let (name, lowered) = mixture.joint().unwrap().lower(&row.ids).unwrap();
        let expected = own[part].draw((i as u64).into()).unwrap();
        assert_eq!((name, &lowered), (tasks[part].name(), &expected.ids));
        assert_eq!(row.mask()[2..], expected.mask()[1..], "the mask moves with the tokens");
        assert!(row.ids.iter().all(|&id| usize::from(id) < mixture.joint().unwrap().pieces().len()));
    }
    let total: f64 = weights.iter().sum();
    for (count, weight) in counts.iter().zip(&weights) {
        let expected = 4000.0 * weight / total;
        assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{counts:?}");
    }
}

#[test]
fn every_parameter_is_bounded_and_refused_outside() {
    for entry in registry::all() {
        for field in entry.fields {
            let mut wrong = vec![serde_json::json!({"a": 1}), serde_json::json!(1.5)];
            if let Some((lo, hi)) = field.bounds {
                wrong.push(serde_json::json!(u64::from(hi) + 1));
                wrong.push(serde_json::json!(i64::from(lo) - 1));
                wrong.push(serde_json::json!([hi, lo]));
                wrong.push(serde_json::json!("7"));
            }
            if matches!(field.kind, Kind::Int | Kind::Span | Kind::Bool | Kind::Choice(_)) {
                wrong.push(serde_json::Value::Null);
            }
            for value in wrong.into_iter().filter(|v| field.kind != Kind::OptionalList || !v.is_array()) {
                let given: Map<_, _> = [(field.name.to_owned(), value.clone())].into_iter().collect();
                match entry.task(&given, None).err() {
                    Some(Error::Param { field: name, allowed, .. }) => {
                        assert_eq!(name, field.name);
                        assert!(allowed.contains("allowed"), "{allowed}");
                    }
                    other => panic!("{}.{} = {value}: {other:?}", entry.name, field.name),
                }
            }
        }
    }
}

#[test]
fn eos_ends_rows_or_occurs_nowhere() {
    for setting in settings() {
        for row in default_rows(&setting, 29) {
            let ends = row.ids.iter().filter(|&&id| id == EOS).count();
            assert!(ends == 0 || (ends == 1 && row.ids.last() == Some(&EOS)), "{}", setting.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any seed, any start up to the end of the index space, any width policy: rows are valid and found again.
    #[test]
    fn any_row_of_any_seed_is_valid(seed: u64, row: u64, which: usize) {
        let all = settings();
        let setting = &all[which % all.len()];
        let mut cursor = setting.task.cursor(seed, None, None);
        let first = cursor.draw(row.into()).unwrap().ids.clone();
        prop_assert!(setting.task.read(&first, Form::Row).is_ok());
        let mut again = setting.task.cursor(seed, None, None);
        prop_assert_eq!(&again.draw(row.into()).unwrap().ids, &first);
    }

    /// Redrawn rows fit, cut rows are prefixes.
    #[test]
    fn narrow_windows(seed: u64, width in 20usize..200) {
        for entry in registry::all() {
            let task = entry.task(&Map::new(), None).unwrap();
            let narrow = Request { seq_len: width, overflow: Overflow::Truncate, ..request(&*task, seed, 0, 20, 1) };
            let (ids, _, lengths, _) = fill(&*task, &narrow).unwrap();
            for (i, row) in rows(&*task, seed, None, 20).unwrap().iter().enumerate() {
                let len = row.len().min(width);
                prop_assert_eq!(lengths[i] as usize, len);
                prop_assert!(ids[i * width..i * width + len].iter().zip(&row.ids).all(|(&a, &b)| a == i32::from(b)));
            }
            let redrawn = Request { overflow: Overflow::Redraw, ..narrow };
            match fill(&*task, &redrawn) {
                Ok((ids, mask, lengths, _)) => for (i, &len) in lengths.iter().enumerate() {
                    let at = i * width..i * width + len as usize;
                    let ids: Vec<i64> = ids[at.clone()].iter().map(|&id| i64::from(id)).collect();
                    let mask: Vec<i64> = mask[at].iter().map(|&m| i64::from(m)).collect();
                    prop_assert_eq!(validate::row(&*task, &ids, Some(&mask), false), None);
                },
                Err(Error::Param { field, .. }) => prop_assert_eq!(field, "seq_len"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
