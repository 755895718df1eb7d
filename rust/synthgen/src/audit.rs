//! Re-validation of the shards of a dataset: every row is read again by the road that did not write it.

use std::sync::Arc;

use serde_json::Value;

use crate::mix::Joint;
use crate::reading::Form;
use crate::split::Split;
use crate::task::AnyTask;
use crate::validate;

/// How many flaws are described; all are counted.
const DESCRIBED: usize = 20;

/// What an audit found.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Rows read.
    pub rows: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Rows that are wrong.
    pub invalid: u64,
    /// Rows whose content belongs to another split.
    pub leaked: u64,
    /// The first few flaws.
    pub flaws: Vec<String>,
}

impl Audit {
    /// Read one row in its task's own ids; `content` is the hash it was drawn with.
    pub(crate) fn read(&mut self, task: &dyn AnyTask, ids: &[u16], content: u64, split: Split) {
        let number = self.rows as usize;
        self.rows += 1;
        self.tokens += ids.len() as u64;
        match task.read(ids, Form::Row) {
            Ok(reading) if reading.content == content => self.place(number, content, split),
            Ok(_) => self.invalid(number, "read as other facts than it was drawn with"),
            Err(flaw) => self.invalid(number, &format!("{} (token {})", flaw.reason, flaw.position)),
        }
    }

    fn invalid(&mut self, row: usize, reason: &str) {
        self.invalid += 1;
        self.describe(row, reason);
    }

    fn describe(&mut self, row: usize, reason: &str) {
        if self.flaws.len() < DESCRIBED {
            self.flaws.push(format!("row {row}: {reason}"));
        }
    }

    fn place(&mut self, row: usize, content: u64, wanted: Split) {
        let found = Split::of(content);
        if found != wanted {
            self.leaked += 1;
            self.describe(row, &format!("its content belongs to {}", found.name()));
        }
    }
}

/// Audit a token shard: `rows` holds start, length and cell of each row; `cells` the task of each cell.
pub fn tokens(cells: &[Arc<dyn AnyTask>], joint: Option<&Joint>, split: Split, ids: &[u16], rows: &[i32]) -> Audit {
    let mut audit = Audit::default();
    let mut expected = 0;
    for (number, row) in rows.chunks_exact(3).enumerate() {
        audit.rows += 1;
        let (start, len) = (row[0], row[1]);
        let range =
            usize::try_from(start).ok().zip(usize::try_from(len).ok()).and_then(|(s, l)| Some(s..s.checked_add(l)?));
        let found = range.and_then(|range| ids.get(range)).filter(|_| start == expected);
        let task = usize::try_from(row[2]).ok().and_then(|cell| cells.get(cell));
        let (Some(found), Some(task)) = (found, task) else {
            audit.invalid(number, "the row index does not fit the tokens or the cells");
            continue;
        };
        expected += len;
        audit.tokens += found.len() as u64;
        let lowered = match joint {
            None => Ok(found.to_vec()),
            Some(joint) => match joint.lower(found) {
                Ok((name, lowered)) if name == task.name() => Ok(lowered),
                Ok((name, _)) => Err(format!("is a row of {name}, wanted {}", task.name())),
                Err(position) => Err(format!("token {position} is not of the row's task")),
            },
        };
        let reading = lowered.and_then(|ids| {
            task.read(&ids, Form::Row).map_err(|flaw| format!("{} (token {})", flaw.reason, flaw.position))
        });
        match reading {
            Ok(reading) => audit.place(number, reading.content, split),
            Err(reason) => audit.invalid(number, &reason),
        }
    }
    if audit.invalid == 0 && i64::from(expected) != ids.len() as i64 {
        audit.invalid(audit.rows as usize, "tokens after the last row");
    }
    audit
}

/// Audit JSON lines against the tasks of the dataset's cells.
pub fn jsonl(cells: &[Arc<dyn AnyTask>], split: Split, lines: &[u8]) -> Audit {
    let mut audit = Audit::default();
    for (number, line) in lines.split(|&b| b == b'\n').filter(|line| !line.is_empty()).enumerate() {
        audit.rows += 1;
        if let Err(reason) = record(&mut audit, number, cells, split, line) {
            audit.invalid(number, &reason);
        }
    }
    audit
}

fn record(
    audit: &mut Audit,
    number: usize,
    cells: &[Arc<dyn AnyTask>],
    split: Split,
    line: &[u8],
) -> Result<(), String> {
    let record: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let text = |key: &str| record[key].as_str().ok_or_else(|| format!("no string {key:?}"));
    let (name, input_text, target) = (text("task")?, text("input_text")?, text("target")?);
    let level = record["difficulty"].as_u64();
    let task = cells
        .iter()
        .find(|task| task.name() == name && task.level().map(u64::from) == level)
        .ok_or_else(|| format!("no cell of task {name:?} at difficulty {}", record["difficulty"]))?;
    if let Some(flaw) = validate::example(&**task, input_text, target) {
        return Err(format!("{} (character {})", flaw.reason, flaw.position));
    }
    if text("split")? != split.name() {
        return Err(format!("split is {:?} in a file of {:?}", record["split"], split.name()));
    }
    if let Some(content) = validate::content(&**task, input_text, target) {
        audit.place(number, content, split);
    }
    Ok(())
}
