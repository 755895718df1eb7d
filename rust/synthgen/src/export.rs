//! Rows as records: examples and views.

use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::error::Error;
use crate::rng::Index;
use crate::row::Row;
use crate::split::Split;
use crate::task::{AnyTask, Rows};

/// `{task}_{level}_{split}_{index}`; the split is left out when none was asked for, and an instance of a packed window
/// is `{index}.{instance}`.
pub fn sample_id(task: &dyn AnyTask, wanted: Option<Split>, at: impl Into<Index>) -> String {
    let mut id = String::new();
    push_sample_id(task, wanted, at, &mut id);
    id
}

/// Append it.
pub(crate) fn push_sample_id(task: &dyn AnyTask, wanted: Option<Split>, at: impl Into<Index>, id: &mut String) {
    let at = at.into();
    let split = wanted.map_or("", Split::name);
    for part in [task.name(), "_", task.level_tag(), "_", split, if split.is_empty() { "" } else { "_" }] {
        id.push_str(part);
    }
    let _ = write!(id, "{}", at.row);
    if at.sub > 0 {
        let _ = write!(id, ".{}", at.sub - 1);
    }
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
    let mut text = String::new();
    push_answer(task, ids, &mut text);
    text
}

/// Append it.
pub(crate) fn push_answer(task: &dyn AnyTask, ids: &[u16], text: &mut String) {
    let start = text.len();
    task.vocab().decode_into(ids, text);
    if task.answers().trim {
        text.truncate(start + text[start..].trim_end().len());
        let spaces = text.len() - start - text[start..].trim_start().len();
        text.drain(start..start + spaces);
    }
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
