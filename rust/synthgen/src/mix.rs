//! Mixtures: several tasks in one joint vocabulary, the task of each row decided by the row's number.
//!
//! Each task keeps its own range of joint ids, in registry order, and every row starts `<bos> <task piece>`. Equal pieces
//! of two tasks stay two ids: with one shared table, greedy matching across tasks would not give the same ids back.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::registry;
use crate::rng::{Index, StreamKey};
use crate::row::{Query, Row};
use crate::split::Split;
use crate::task::{AnyTask, Rows, Source};
use crate::vocab::{BOS, SPECIALS, Vocab};

/// The joint table of several tasks.
#[derive(Clone, Debug)]
pub struct Joint {
    pieces: Vec<String>,
    /// Task name, the id of its task piece, and the number added to its own ids.
    ranges: Vec<(String, u16, u16)>,
}

impl Joint {
    /// The joint table of the named tasks.
    pub fn new(names: &[&str]) -> Result<Self, Error> {
        let tasks: Vec<_> = registry::all().iter().filter(|entry| names.contains(&entry.name)).collect();
        let mut pieces: Vec<String> = SPECIALS.map(str::to_owned).to_vec();
        pieces.extend(tasks.iter().map(|entry| format!("<{}>", entry.name)));
        let mut ranges = Vec::new();
        for (i, entry) in tasks.iter().enumerate() {
            let own = &(entry.vocab)().pieces()[SPECIALS.len()..];
            if pieces.len() + own.len() > usize::from(u16::MAX) {
                let allowed = "the joint vocabulary exceeds 65535 pieces; mix fewer tasks";
                return Err(Error::param("mix", "tasks", names.join(","), allowed));
            }
            ranges.push((entry.name.to_owned(), (SPECIALS.len() + i) as u16, (pieces.len() - SPECIALS.len()) as u16));
            pieces.extend_from_slice(own);
        }
        Ok(Self { pieces, ranges })
    }

    /// All pieces, by joint id.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Name, task piece and id offset of each task.
    pub fn ranges(&self) -> &[(String, u16, u16)] {
        &self.ranges
    }

    fn range(&self, task: &str) -> (u16, u16) {
        self.ranges.iter().find(|r| r.0 == task).map_or((0, 0), |r| (r.1, r.2))
    }

    /// Write a task's own row as a joint row.
    pub fn lift(&self, task: &str, own: &Row, joint: &mut Row) {
        let (piece, offset) = self.range(task);
        joint.clear();
        joint.ids.extend([BOS, piece]);
        let shifted = own.ids[1..].iter().map(|&id| if Vocab::is_special(id) { id } else { id + offset });
        joint.ids.extend(shifted);
        // One token more stands before everything but <bos>.
        joint.loss.extend(own.loss.iter().map(|run| run.start + 1..run.end + 1));
        joint.queries.extend(own.queries.iter().map(|q| Query {
            start: q.start + 1,
            prompt: q.prompt + 1,
            answer: q.answer.start + 1..q.answer.end + 1,
        }));
        joint.split = own.split;
    }

    /// The task of a joint row and the row in the task's own ids, or the position that is wrong.
    pub fn lower(&self, ids: &[u16]) -> Result<(&str, Vec<u16>), usize> {
        if ids.first() != Some(&BOS) {
            return Err(0);
        }
        let piece = ids.get(1).copied().ok_or(1usize)?;
        let (name, _, offset) = self.ranges.iter().find(|r| r.1 == piece).ok_or(1usize)?;
        let own = (registry::find(name).map_err(|_| 1usize)?.vocab)().len();
        let mut lowered = vec![BOS];
        for (at, &id) in ids.iter().enumerate().skip(2) {
            lowered.push(match id.checked_sub(*offset) {
                _ if Vocab::is_special(id) => id,
                Some(low) if !Vocab::is_special(low) && usize::from(low) < own => low,
                _ => return Err(at),
            });
        }
        Ok((name, lowered))
    }
}

/// A mixture of configured tasks with weights.
pub struct Mixture {
    parts: Vec<Arc<dyn AnyTask>>,
    /// Part `i` is chosen by words below `ends[i]` and not below the ends before.
    ends: Vec<u64>,
    joint: Joint,
}

impl Mixture {
    /// Mix tasks with non-negative weights, of which one at least must be positive.
    pub fn new(parts: Vec<(Arc<dyn AnyTask>, f64)>) -> Result<Self, Error> {
        let refuse = |value: String, allowed: &str| Err(Error::param("mix", "weights", value, allowed));
        if parts.is_empty() || parts.len() > 255 {
            return refuse(format!("{} tasks", parts.len()), "allowed: 1..=255 tasks");
        }
        if let Some((task, weight)) = parts.iter().find(|(_, w)| !w.is_finite() || *w < 0.0) {
            return refuse(format!("{{{}: {weight}}}", task.name()), "allowed: finite numbers >= 0");
        }
        let total: f64 = parts.iter().map(|(_, w)| w).sum();
        if total <= 0.0 || !total.is_finite() {
            return refuse(total.to_string(), "at least one weight must be positive, and their sum finite");
        }
        let names: Vec<&str> = parts.iter().map(|(task, _)| task.name()).collect();
        let joint = Joint::new(&names)?;
        let mut sum = 0.0;
        let mut ends: Vec<u64> = parts
            .iter()
            .map(|(_, w)| {
                sum += w / total;
                (sum * 18_446_744_073_709_551_616.0) as u64
            })
            .collect();
        // Rounding must not leave words above the last end, nor give them to a part of weight 0.
        let last = parts.iter().rposition(|(_, w)| *w > 0.0).unwrap_or_default();
        ends[last..].fill(u64::MAX);
        Ok(Self { parts: parts.into_iter().map(|(task, _)| task).collect(), ends, joint })
    }

    /// The joint table.
    pub fn joint(&self) -> &Joint {
        &self.joint
    }

    /// The tasks, in the order given.
    pub fn parts(&self) -> &[Arc<dyn AnyTask>] {
        &self.parts
    }
}

impl Source for Mixture {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn max_len(&self) -> usize {
        1 + self.parts.iter().map(|task| task.max_len()).max().unwrap_or_default()
    }

    fn cursor(&self, seed: u64, split: Option<Split>, fit: Option<usize>) -> Box<dyn Rows + '_> {
        let own_fit = fit.map(|width| width.saturating_sub(1));
        Box::new(MixedRows {
            mixture: self,
            key: StreamKey::new("mix", "", seed, Split::code(split)),
            cursors: self.parts.iter().map(|task| task.cursor(seed, split, own_fit)).collect(),
            part: 0,
            row: Row::default(),
        })
    }
}

struct MixedRows<'a> {
    mixture: &'a Mixture,
    key: StreamKey,
    cursors: Vec<Box<dyn Rows + 'a>>,
    part: usize,
    row: Row,
}

impl Rows for MixedRows<'_> {
    fn draw(&mut self, at: Index) -> Result<&Row, Error> {
        let word = self.key.rng(at, 0).word();
        self.part = self.mixture.ends.iter().position(|&end| word < end).unwrap_or(self.mixture.ends.len() - 1);
        let own = self.cursors[self.part].draw(at).map_err(|error| match error {
            // The task knows its own width, one token less than the mixture's.
            Error::Param { field, allowed, value, .. } if field == "seq_len" => {
                let width = value.parse::<usize>().map_or(value, |width| (width + 1).to_string());
                Error::Param { task: "mix".to_owned(), field, value: width, allowed }
            }
            other => other,
        })?;
        self.mixture.joint.lift(self.mixture.parts[self.part].name(), own, &mut self.row);
        self.row.part = self.part as u8;
        Ok(&self.row)
    }

    fn metadata(&self) -> Map<String, Value> {
        self.cursors[self.part].metadata()
    }
}
