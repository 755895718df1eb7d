//! Rows as records: examples, JSON lines, and the shards of a dataset, as bytes. Writing them anywhere is the caller's work.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Error;
use crate::mix::Joint;
use crate::rng::Index;
use crate::row::Row;
use crate::split::Split;
use crate::task::{AnyTask, Rows};

/// `{task}_{level}_{split}_{index}`; the split is left out when none was asked for, and an instance of a packed window
/// is `{index}.{instance}`.
pub fn sample_id(task: &dyn AnyTask, wanted: Option<Split>, at: impl Into<Index>) -> String {
    let at = at.into();
    let mut id = format!("{}_{}_", task.name(), task.level_tag());
    if let Some(split) = wanted {
        let _ = write!(id, "{}_", split.name());
    }
    let _ = write!(id, "{}", at.row);
    if at.sub > 0 {
        let _ = write!(id, ".{}", at.sub - 1);
    }
    id
}

/// Prompt and answer of the first query, as text.
pub fn prompt_and_answer(task: &dyn AnyTask, row: &Row) -> (String, String) {
    let vocab = task.vocab();
    row.queries.first().map_or_else(
        || (vocab.decode(&row.ids), String::new()),
        |query| {
            let answer = query.answer.start as usize..query.answer.end as usize;
            (vocab.decode(&row.ids[..query.prompt as usize]), answer_text(task, &row.ids[answer]))
        },
    )
}

/// The text of an answer, without the spaces that delimit it.
pub fn answer_text(task: &dyn AnyTask, ids: &[u16]) -> String {
    let text = task.vocab().decode(ids);
    if task.answers().trim { text.trim().to_owned() } else { text }
}

/// Token spans of the answers of one row.
pub fn spans(_: &dyn AnyTask, rows: &mut dyn Rows, _: Option<Split>, at: Index) -> Result<Value, Error> {
    let row = rows.draw(at)?;
    Ok(row.queries.iter().map(|query| json!([query.answer.start, query.answer.end])).collect())
}

/// One row as an example: text, target, identity and metadata.
pub fn example(task: &dyn AnyTask, rows: &mut dyn Rows, wanted: Option<Split>, at: Index) -> Result<Value, Error> {
    let row = rows.draw(at)?;
    let (input_text, target) = prompt_and_answer(task, row);
    let split = row.split.name();
    Ok(json!({
        "input_text": input_text,
        "target": target,
        "task": task.name(),
        "difficulty": task.level(),
        "split": split,
        "sample_id": sample_id(task, wanted, at),
        "metadata": rows.metadata(),
    }))
}

/// Everything about one row: the example, its whole text, its ids and mask, and every query with its spans.
pub fn view(task: &dyn AnyTask, rows: &mut dyn Rows, wanted: Option<Split>, at: Index) -> Result<Value, Error> {
    let row = rows.draw(at)?;
    let vocab = task.vocab();
    let queries: Vec<Value> = row
        .queries
        .iter()
        .map(|query| {
            let answer = &row.ids[query.answer.start as usize..query.answer.end as usize];
            let question = &row.ids[query.start as usize..query.prompt as usize];
            json!({
                "question": vocab.decode(question).trim(),
                "answer": answer_text(task, answer),
                "question_start": query.start,
                "answer_start": query.answer.start,
                "answer_end": query.answer.end,
            })
        })
        .collect();
    let more = json!({
        "text": vocab.decode(&row.ids),
        "input_ids": row.ids,
        "loss_mask": row.mask(),
        "queries": queries,
    });
    let mut all = example(task, rows, wanted, at)?;
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    Ok(all)
}

/// A (task, level, split) of a dataset and what one shard takes from it.
pub struct Cell {
    /// The task at its level.
    pub task: Arc<dyn AnyTask>,
    /// Seed of the dataset.
    pub seed: u64,
    /// Split of the shard.
    pub split: Split,
    /// First row of the shard's own index domain.
    pub start: u64,
    /// Tokens to reach.
    pub budget: u64,
}

/// One shard: a flat token stream, where its rows lie, and the same rows as JSON lines.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// Tokens of all rows, one after another.
    pub ids: Vec<u16>,
    /// Start, length and cell of each row, three numbers a row.
    pub rows: Vec<i64>,
    /// One JSON object a row, in the same order.
    pub jsonl: Vec<u8>,
}

/// Make a shard. Each cell draws rows of its own index domain until its budget is met; the cell that lags behind its share
/// most comes next, the first of them on a tie. With a joint table, rows are written in joint ids.
pub fn shard(
    cells: &[Cell],
    joint: Option<&Joint>,
    check: &mut dyn FnMut(u64) -> Result<(), Error>,
) -> Result<Shard, Error> {
    let mut shard = Shard::default();
    let mut cursors: Vec<_> = cells.iter().map(|c| c.task.cursor(c.seed, Some(c.split), None)).collect();
    let mut taken: Vec<(u64, u64)> = vec![(0, 0); cells.len()];
    let mut lifted = Row::default();
    let mut reported = 0;
    loop {
        let share = |i: usize| taken[i].0 as f64 / cells[i].budget as f64;
        let open = (0..cells.len()).filter(|&i| taken[i].0 < cells[i].budget);
        let Some(next) = open.min_by(|&a, &b| share(a).total_cmp(&share(b))) else {
            break;
        };
        let cell = &cells[next];
        let index = cell.start + taken[next].1;
        let row = cursors[next].draw(index.into())?;
        let (input_text, target) = prompt_and_answer(&*cell.task, row);
        let ids = match joint {
            Some(joint) => {
                joint.lift(cell.task.name(), row, &mut lifted);
                &lifted.ids
            }
            None => &row.ids,
        };
        shard.rows.extend([shard.ids.len() as i64, ids.len() as i64, next as i64]);
        shard.ids.extend_from_slice(ids);
        taken[next].0 += ids.len() as u64;
        taken[next].1 += 1;
        let record = json!({
            "input_text": input_text,
            "target": target,
            "task": cell.task.name(),
            "difficulty": cell.task.level(),
            "split": cell.split.name(),
            "sample_id": sample_id(&*cell.task, Some(cell.split), index),
            "metadata": Value::Object(cursors[next].metadata()).to_string(),
        });
        shard.jsonl.extend_from_slice(record.to_string().as_bytes());
        shard.jsonl.push(b'\n');
        if shard.ids.len() as u64 >= reported + (1 << 18) {
            reported = shard.ids.len() as u64;
            check(reported)?;
        }
    }
    Ok(shard)
}
