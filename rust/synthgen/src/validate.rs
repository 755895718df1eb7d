//! Validation and solving for callers that hold raw token arrays or text. Nothing here panics, whatever the input.

use crate::error::Error;
use crate::export::answer_text;
use crate::reading::{Flaw, Form, Reading};
use crate::task::AnyTask;
use crate::vocab::{BOS, EOS, PAD};

/// Validate a row of raw ids (and its loss mask, if given) strictly under the task's parameters. With `compat` the ids
/// are the reference's. Returns the first flaw.
pub fn row(task: &dyn AnyTask, ids: &[i64], mask: Option<&[i64]>, compat: bool) -> Option<Flaw> {
    let own = match own_ids(task, ids, compat) {
        Ok(own) => own,
        Err(flaw) => return Some(flaw),
    };
    let reading = match task.read(&own, Form::Row) {
        Ok(reading) => reading,
        Err(flaw) => return Some(flaw),
    };
    mask.and_then(|mask| mask_flaw(&reading, ids.len(), mask))
}

fn own_ids(task: &dyn AnyTask, ids: &[i64], compat: bool) -> Result<Vec<u16>, Flaw> {
    let outside = |at: usize, id: i64| Flaw::at(at, format!("id {id} is not in the vocabulary"));
    if !compat {
        let size = task.vocab().len() as i64;
        let own = |(at, &id): (usize, &i64)| {
            if (0..size).contains(&id) { Ok(id as u16) } else { Err(outside(at, id)) }
        };
        return ids.iter().enumerate().map(own).collect();
    }
    let table = task.compat_table().ok_or_else(|| Flaw::at(0, "this task has no reference ids"))?;
    let padding = table[usize::from(PAD)].map(i64::from);
    let end = ids.iter().rposition(|&id| Some(id) != padding).map_or(0, |last| last + 1);
    let find = |(at, &id): (usize, &i64)| {
        let same = |&own: &u16| table[usize::from(own)].map(i64::from) == Some(id);
        // Where the reference has one id for two tokens, the place tells them apart: only ends are ever shared.
        let fits = |&own: &u16| match own {
            BOS => at == 0,
            EOS => at > 0 && at + 1 == end,
            _ => true,
        };
        let own = || (0..table.len() as u16).filter(same);
        own()
            .filter(|own| *own == BOS || *own == EOS)
            .find(fits)
            .or_else(|| own().find(fits))
            .or_else(|| own().next())
            .or_else(|| u16::try_from(id).ok().and_then(|id| task.compat_synonym(id)))
            .ok_or_else(|| outside(at, id))
    };
    ids.iter().enumerate().map(find).collect()
}

fn mask_flaw(reading: &Reading, len: usize, mask: &[i64]) -> Option<Flaw> {
    if mask.len() != len {
        return Some(Flaw::at(mask.len().min(len), format!("loss mask of {} for {len} tokens", mask.len())));
    }
    let mut wanted = vec![0i64; len];
    for run in &reading.loss {
        wanted[run.start as usize..run.end as usize].fill(1);
    }
    let at = wanted.iter().zip(mask).position(|(wanted, got)| wanted != got)?;
    Some(Flaw::at(at, format!("loss mask {}, wanted {}", mask[at], wanted[at])))
}

/// Validate an example: the prompt under the task's parameters, and its target. Positions are characters of the prompt.
pub fn example(task: &dyn AnyTask, input_text: &str, target: &str) -> Option<Flaw> {
    match read_prompt(task, input_text, true) {
        Err(flaw) => Some(flaw),
        Ok(reading) => {
            let right = answer_text(task, &reading.answer);
            let wrong = !task.accepts(input_text, &right, target);
            wrong.then(|| Flaw::at(input_text.chars().count(), "wrong answer"))
        }
    }
}

/// The content hash of an example, which decides its split; `None` when its text is no prompt of the task.
pub fn content(task: &dyn AnyTask, input_text: &str, target: &str) -> Option<u64> {
    let reading = read_prompt(task, input_text, false).ok()?;
    Some(task.target_content(target).unwrap_or(reading.content))
}

/// The answer to a prompt.
pub fn solve(task: &dyn AnyTask, text: &str) -> Result<String, Error> {
    match read_prompt(task, text, false) {
        Ok(reading) => Ok(answer_text(task, &reading.answer)),
        Err(flaw) => Err(Error::Solve { task: task.name().to_owned(), reason: flaw.reason, position: flaw.position }),
    }
}

fn read_prompt(task: &dyn AnyTask, text: &str, strict: bool) -> Result<Reading, Flaw> {
    let vocab = task.vocab();
    let chars = |bytes: usize| text[..bytes].chars().count();
    let mut ids = vec![BOS];
    ids.extend(vocab.encode(text).map_err(|at| Flaw::at(chars(at), "no piece of the vocabulary fits here"))?);
    let reading = if strict { task.read(&ids, Form::Prompt) } else { task.read_any(&ids, Form::Prompt) };
    reading.map_err(|flaw| {
        let bytes = ids.iter().take(flaw.position).skip(1).map(|&id| vocab.piece(id).len()).sum();
        Flaw::at(chars(bytes), flaw.reason)
    })
}
