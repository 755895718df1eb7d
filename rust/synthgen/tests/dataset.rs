//! Laws of the rows of a shard: how they are cut into blocks changes nothing, budgets hold, windows hold whole rows.

use proptest::prelude::*;
use serde_json::Map;
use synthgen::dataset::{Block, Cell, Columns, Encoded, Form, Next, Stream};
use synthgen::mix::Joint;
use synthgen::pack::Policy;
use synthgen::registry;
use synthgen::split::Split;

const NAMES: [&str; 3] = ["dyna", "kv", "reversal"];

fn cells(budgets: &[u64], phases: bool) -> Vec<Cell> {
    let all = NAMES.iter().flat_map(|name| (1..=3).map(move |level| (*name, level)));
    all.zip(budgets)
        .map(|((name, level), &budget)| Cell {
            task: registry::find(name).and_then(|entry| entry.task(&Map::new(), Some(level))).expect("a task"),
            start: 7 << 32,
            budget,
            group: usize::from(level) - 1,
            phase: if phases { usize::from(level) } else { 0 },
        })
        .collect()
}

fn form(seed: u64, split: Split, window: Option<(usize, Policy)>) -> Form {
    Form {
        seed,
        split,
        number: 7,
        joint: Some(Joint::new(&NAMES).expect("a table")),
        window,
        columns: Columns { texts: true, metadata: true, lines: true },
        foreign: false,
        audit: true,
    }
}

/// All blocks of a stream, one after another.
fn all(stream: &mut Stream, limit: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    loop {
        match stream.next(limit, &mut || Ok(())).expect("rows") {
            Next::Block(block) => blocks.push(*block),
            Next::End => return blocks,
            Next::Starved(cell) => {
                let rows = stream.texts(cell, 5).expect("texts");
                // A tokenizer of letters: an id a character, predicted where the row is.
                let encode = |row: synthgen::dataset::Text| Encoded {
                    ids: row.text.chars().map(u32::from).collect(),
                    mask: (0..row.text.chars().count())
                        .map(|at| u8::from(row.predicted.iter().any(|run| run.contains(&at))))
                        .collect(),
                };
                stream.offer(cell, rows.into_iter().map(encode));
            }
        }
    }
}

fn joined<T: Clone>(blocks: &[Block], column: impl Fn(&Block) -> &[T]) -> Vec<T> {
    blocks.iter().flat_map(|block| column(block).to_vec()).collect()
}

fn splits() -> impl Strategy<Value = Split> {
    prop_oneof![Just(Split::Train), Just(Split::Validation), Just(Split::Test)]
}

fn windows() -> impl Strategy<Value = Option<(usize, Policy)>> {
    let policy = prop_oneof![Just(Policy::Truncate), Just(Policy::Pad)];
    proptest::option::of((256usize..700, policy))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn blocks_do_not_depend_on_how_they_are_cut(
        budgets in proptest::collection::vec(0u64..3000, 9), seed: u64, split in splits(), window in windows(),
        phases: bool, foreign: bool, limit in 1usize..5000,
    ) {
        let form = Form { foreign, ..form(seed, split, window.map(|(width, policy)| (width * 8, policy))) };
        let whole = all(&mut Stream::new(cells(&budgets, phases), form.clone()).expect("fits"), usize::MAX);
        let cut = all(&mut Stream::new(cells(&budgets, phases), form).expect("fits"), limit);
        prop_assert!(whole.len() <= 1);
        prop_assert_eq!(joined(&whole, |b| &b.ids), joined(&cut, |b| &b.ids));
        prop_assert_eq!(joined(&whole, |b| &b.foreign), joined(&cut, |b| &b.foreign));
        prop_assert_eq!(joined(&whole, |b| &b.mask), joined(&cut, |b| &b.mask));
        prop_assert_eq!(joined(&whole, |b| &b.rows), joined(&cut, |b| &b.rows));
        prop_assert_eq!(joined(&whole, |b| &b.contents), joined(&cut, |b| &b.contents));
        prop_assert_eq!(joined(&whole, |b| &b.hashes), joined(&cut, |b| &b.hashes));
        prop_assert_eq!(joined(&whole, |b| &b.lines), joined(&cut, |b| &b.lines));
        prop_assert_eq!(
            joined(&whole, |b| b.prompts.bytes.as_bytes()), joined(&cut, |b| b.prompts.bytes.as_bytes())
        );
    }

    #[test]
    fn budgets_hold_and_rows_are_right(
        budgets in proptest::collection::vec(0u64..4000, 9), seed: u64, split in splits(), window in windows(),
        phases: bool,
    ) {
        let cells = cells(&budgets, phases);
        let blocks = all(&mut Stream::new(cells.clone(), form(seed, split, window)).expect("fits"), 1000);
        let (ids, mask, rows) = (joined(&blocks, |b| &b.ids), joined(&blocks, |b| &b.mask), joined(&blocks, |b| &b.rows));
        prop_assert_eq!(ids.len(), mask.len());
        let rows: Vec<[usize; 3]> = rows.chunks(3).map(|row| [row[0], row[1], row[2]].map(|n| n as usize)).collect();
        prop_assert!(blocks.iter().all(|block| block.audit.invalid == 0 && block.audit.leaked == 0));
        prop_assert_eq!(blocks.iter().map(|block| block.audit.rows).sum::<u64>(), rows.len() as u64);
        // Each level misses the sum of its budgets by less than its longest row, and by nothing where it has none.
        let longest = rows.iter().map(|row| row[1]).max().unwrap_or(0) as i64;
        for group in 0..3 {
            let own = |cell: usize| cells[cell].group == group;
            let made: usize = rows.iter().filter(|row| own(row[2])).map(|row| row[1]).sum();
            let wanted: u64 = (0..9).filter(|&cell| own(cell)).map(|cell| budgets[cell]).sum();
            prop_assert!((made as i64 - wanted as i64).abs() <= longest, "{made} {wanted}");
        }
        prop_assert!(rows.iter().all(|row| budgets[row[2]] > 0));
        prop_assert_eq!(rows.is_empty(), budgets.iter().all(|&budget| budget == 0));
        if phases {
            prop_assert!(rows.windows(2).all(|pair| cells[pair[0][2]].phase <= cells[pair[1][2]].phase));
        }
        match window {
            None => {
                let ends: Vec<usize> = rows.iter().map(|row| row[0] + row[1]).collect();
                prop_assert!(rows.iter().skip(1).zip(&ends).all(|(row, &end)| row[0] == end));
                prop_assert_eq!(ends.last().copied().unwrap_or(0), ids.len());
            }
            Some((width, policy)) => {
                prop_assert_eq!(ids.len() % width, 0);
                let mut covered = vec![false; ids.len()];
                for row in &rows {
                    prop_assert_eq!(row[0] / width, (row[0] + row[1] - 1) / width);
                    covered[row[0]..row[0] + row[1]].fill(true);
                    prop_assert_eq!(ids[row[0]], 1, "a row begins with <bos>");
                    let whole = ids[row[0] + row[1] - 1] == 2;
                    prop_assert!(whole || (policy == Policy::Truncate && (row[0] + row[1]) % width == 0));
                }
                prop_assert!(covered.iter().zip(&ids).zip(&mask).all(|((&c, &id), &m)| c == (id != 0) && (c || m == 0)));
                prop_assert!((0..ids.len() / width).all(|w| rows.iter().any(|row| row[0] == w * width)));
            }
        }
    }
}

#[test]
fn windows_that_a_row_may_not_fit_into_are_refused() {
    let refused =
        Stream::new(cells(&[0, 0, 500, 0, 0, 0, 0, 0, 0], false), form(1, Split::Train, Some((32, Policy::Pad))));
    assert!(refused.is_err_and(|error| error.to_string().contains("the longest row of dyna")));
    // A cell that draws nothing does not count.
    let short = [0, 0, 0, 0, 0, 0, 500, 0, 0];
    assert!(Stream::new(cells(&short, false), form(1, Split::Train, Some((256, Policy::Pad)))).is_ok());
}
