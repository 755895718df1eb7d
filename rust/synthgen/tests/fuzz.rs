//! Hostile rows and texts: nothing panics, whatever the input. A few seconds by default; `make fuzz` takes ten minutes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Map;
use synthgen::score::{Served, score};
use synthgen::{AnyTask, Index, StreamKey, TaskRng, registry, validate};

/// Cases per task when no time is given.
const CASES: u64 = 20_000;

fn tasks() -> Vec<Arc<dyn AnyTask>> {
    let mut tasks = Vec::new();
    for entry in registry::all() {
        let [small, large] = (entry.extremes)();
        for params in [Map::new(), small, large] {
            tasks.push(entry.task(&params, None).expect("extremes are valid"));
        }
    }
    tasks
}

/// A row, mutated a few times: replaced, removed, repeated and swapped tokens, from the table or from anywhere.
fn hostile_ids(rng: &mut TaskRng, ids: &[u16], size: usize) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    for _ in 0..rng.between(0, 4) {
        let at = rng.below(ids.len().max(1) as u32) as usize;
        let id = if rng.below(8) == 0 { rng.word() as i64 } else { i64::from(rng.below(size as u32)) };
        match rng.below(6) {
            0 if at < ids.len() => ids[at] = id,
            1 if at < ids.len() => drop(ids.remove(at)),
            2 => ids.insert(at.min(ids.len()), id),
            3 => ids.truncate(at),
            4 if at + 1 < ids.len() => ids.swap(at, at + 1),
            _ => {
                let end = (at + 1 + rng.below(12) as usize).min(ids.len());
                let piece = ids[at.min(end)..end].to_vec();
                ids.splice(at.min(ids.len())..at.min(ids.len()), piece);
            }
        }
    }
    ids
}

/// A prompt with bytes changed, pieces moved, or characters of other scripts put in.
fn hostile_text(rng: &mut TaskRng, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..rng.between(0, 5) {
        let at = rng.below(chars.len().max(1) as u32) as usize;
        let odd = ['é', '→', '\0', '\u{1F600}', '0', '9', ',', '|', ' ', 'A', '-', '.', '\n', ')', '('];
        let other = odd[rng.below(odd.len() as u32) as usize];
        match rng.below(4) {
            0 if at < chars.len() => chars[at] = other,
            1 if at < chars.len() => drop(chars.remove(at)),
            2 => chars.insert(at.min(chars.len()), other),
            _ => chars.truncate(at),
        }
    }
    chars.into_iter().collect()
}

fn case(task: &dyn AnyTask, number: u64) {
    let mut rng = StreamKey::new("fuzz", task.name(), number, 0).rng(Index { row: number, sub: 0 }, 0);
    let mut cursor = task.cursor(number, None, None);
    let row = cursor.draw(0.into()).expect("no split is asked for").clone();
    let ids = hostile_ids(&mut rng, &row.ids, task.vocab().len());
    let mask: Vec<i64> = ids.iter().map(|_| i64::from(rng.below(3)) - i64::from(rng.below(2))).collect();
    let compat = rng.coin();
    let flaw = validate::row(task, &ids, Some(&mask), compat);
    assert!(flaw.is_none_or(|flaw| flaw.position <= ids.len()), "the position lies within the row");
    let (prompt, answer) = synthgen::export::prompt_and_answer(task, &row);
    let text = hostile_text(&mut rng, &prompt);
    let _ = validate::example(task, &text, &answer);
    let _ = validate::content(task, &text, &hostile_text(&mut rng, &answer));
    if let Ok(solved) = validate::solve(task, &text) {
        assert!((task.answers().is_answer)(&solved), "{solved:?} is no answer of {}", task.name());
    }
    let response = hostile_text(&mut rng, &format!("<think>{prompt}</think>\nANSWER: **{answer}**"));
    let served = Served { cut: rng.coin(), continuation: rng.coin() };
    let _ = score(task, &response, &prompt, &answer, served);
    // Arbitrary tokens, not born from any row.
    let noise: Vec<i64> = (0..rng.below(30)).map(|_| i64::from(rng.below(task.vocab().len() as u32))).collect();
    let _ = validate::row(task, &noise, None, false);
}

#[test]
fn nothing_panics() {
    let seconds = std::env::var("SYNTHGEN_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let until = seconds.map(|s| Instant::now() + Duration::from_secs(s));
    let tasks = tasks();
    let mut number = 0;
    while until.map_or(number < CASES, |until| Instant::now() < until) {
        for (i, task) in tasks.iter().enumerate() {
            // The largest parameters make long rows: fewer of them say as much.
            if i % 3 != 2 || number % 500 == 0 {
                case(&**task, number);
            }
        }
        number += 1;
    }
    eprintln!("{number} cases for each of {} settings", tasks.len());
}
