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
        (joint.content, joint.split) = (own.content, own.split);
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

/// Shares of the parts from a step on.
#[derive(Clone, Debug)]
pub struct Knot {
    /// First step at which they hold.
    pub step: u64,
    /// A non-negative number for every part; only their ratios matter.
    pub weights: Vec<f64>,
}

/// How the shares of the parts change with the row: from knot to knot, at once or in a straight line.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// In order of their steps, the first at step 0.
    pub knots: Vec<Knot>,
    /// Rows (or packed windows) in a step.
    pub rows_per_step: u64,
    /// Go in a straight line from each knot to the next.
    pub linear: bool,
}

impl Schedule {
    /// The same shares for all rows.
    pub fn constant(weights: Vec<f64>) -> Self {
        Self { knots: vec![Knot { step: 0, weights }], rows_per_step: 1, linear: false }
    }

    fn check(&self, name: &str, parts: &[Arc<dyn AnyTask>]) -> Result<(), Error> {
        let refuse = |field: &str, value: String, allowed: &str| Err(Error::param(name, field, value, allowed));
        if parts.is_empty() || parts.len() > 255 {
            return refuse("weights", format!("{} tasks", parts.len()), "allowed: 1..=255 tasks");
        }
        if self.rows_per_step == 0 {
            return refuse("batch_size", "0".to_owned(), "allowed: at least 1");
        }
        let steps: Vec<u64> = self.knots.iter().map(|knot| knot.step).collect();
        if steps.first() != Some(&0) || !steps.is_sorted_by(|a, b| a < b) {
            return refuse("schedule", format!("steps {steps:?}"), "allowed: rising steps, the first of which is 0");
        }
        for Knot { weights, .. } in &self.knots {
            if weights.len() != parts.len() {
                let given = format!("{} weights for {} parts", weights.len(), parts.len());
                return refuse("weights", given, "give one for each");
            }
            if let Some((task, weight)) = parts.iter().zip(weights).find(|(_, w)| !w.is_finite() || **w < 0.0) {
                return refuse("weights", format!("{{{}: {weight}}}", task.name()), "allowed: finite numbers >= 0");
            }
            let total: f64 = weights.iter().sum();
            if total <= 0.0 || !total.is_finite() {
                return refuse("weights", total.to_string(), "at least one must be positive, and their sum finite");
            }
        }
        Ok(())
    }

    /// Write the ends of the parts at a row: part `i` is chosen by words below `ends[i]` and not below the ends before.
    fn ends(&self, row: u64, ends: &mut Vec<u64>) {
        let step = row / self.rows_per_step;
        let at = self.knots.partition_point(|knot| knot.step <= step) - 1;
        let (now, next) = (&self.knots[at], self.knots.get(at + 1).filter(|_| self.linear));
        let share = |knot: &Knot, i: usize| knot.weights[i] / knot.weights.iter().sum::<f64>();
        let mut sum = 0.0;
        ends.clear();
        let mut last = 0;
        for i in 0..now.weights.len() {
            let mut weight = share(now, i);
            if let Some(next) = next {
                let way = (step - now.step) as f64 / (next.step - now.step) as f64;
                weight += (share(next, i) - weight) * way;
            }
            if weight > 0.0 {
                last = i;
            }
            sum += weight;
            ends.push((sum * 18_446_744_073_709_551_616.0) as u64);
        }
        // Rounding must not leave words above the last end, nor give them to a part of weight 0.
        ends[last..].fill(u64::MAX);
    }
}

/// Configured tasks, one of which is chosen for every row.
pub struct Mixture {
    parts: Vec<Arc<dyn AnyTask>>,
    schedule: Schedule,
    /// Absent when all parts share one vocabulary, and rows are the parts' own.
    joint: Option<Joint>,
}

impl Mixture {
    /// Mix tasks with non-negative weights, of which one at least must be positive.
    pub fn new(parts: Vec<(Arc<dyn AnyTask>, f64)>) -> Result<Self, Error> {
        let (parts, weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Self::scheduled(parts, Schedule::constant(weights), true)
    }

    /// Mix tasks with weights that change with the row. Without `joint` all parts must have one vocabulary (as one task
    /// at several difficulties has), and rows are the tasks' own.
    pub fn scheduled(parts: Vec<Arc<dyn AnyTask>>, schedule: Schedule, joint: bool) -> Result<Self, Error> {
        schedule.check(if joint && schedule.knots.len() == 1 { "mix" } else { "curriculum" }, &parts)?;
        let names: Vec<&str> = parts.iter().map(|task| task.name()).collect();
        if !joint && parts.iter().any(|task| task.vocab().pieces() != parts[0].vocab().pieces()) {
            let allowed = "tasks of one vocabulary, or joint = true";
            return Err(Error::param("mix", "tasks", names.join(","), allowed));
        }
        let joint = if joint { Some(Joint::new(&names)?) } else { None };
        Ok(Self { parts, schedule, joint })
    }

    /// The joint table, unless rows are the parts' own.
    pub fn joint(&self) -> Option<&Joint> {
        self.joint.as_ref()
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
        usize::from(self.joint.is_some()) + self.parts.iter().map(|task| task.max_len()).max().unwrap_or_default()
    }

    fn cursor(&self, seed: u64, split: Option<Split>, fit: Option<usize>) -> Box<dyn Rows + '_> {
        let own_fit = fit.map(|width| width.saturating_sub(usize::from(self.joint.is_some())));
        Box::new(MixedRows {
            mixture: self,
            key: StreamKey::new("mix", "", seed, Split::code(split)),
            cursors: self.parts.iter().map(|task| task.cursor(seed, split, own_fit)).collect(),
            ends: Vec::new(),
            part: 0,
            row: Row::default(),
        })
    }
}

struct MixedRows<'a> {
    mixture: &'a Mixture,
    key: StreamKey,
    cursors: Vec<Box<dyn Rows + 'a>>,
    ends: Vec<u64>,
    part: usize,
    row: Row,
}

impl Rows for MixedRows<'_> {
    fn row(&self) -> &Row {
        &self.row
    }

    fn draw(&mut self, at: Index) -> Result<&Row, Error> {
        let Mixture { parts, schedule, joint } = self.mixture;
        let word = self.key.rng(at, 0).word();
        if self.ends.is_empty() || schedule.knots.len() > 1 {
            schedule.ends(at.row, &mut self.ends);
        }
        self.part = self.ends.iter().position(|&end| word < end).unwrap_or(self.ends.len() - 1);
        let own = self.cursors[self.part].draw(at).map_err(|error| match error {
            // The task knows its own width, one token less than the mixture's.
            Error::Param { field, allowed, value, .. } if field == "seq_len" => {
                let piece = usize::from(joint.is_some());
                let width = value.parse::<usize>().map_or(value, |width| (width + piece).to_string());
                Error::Param { task: "mix".to_owned(), field, value: width, allowed }
            }
            other => other,
        })?;
        match joint {
            Some(joint) => joint.lift(parts[self.part].name(), own, &mut self.row),
            None => self.row.copy_from(own),
        }
        self.row.part = self.part as u8;
        Ok(&self.row)
    }

    fn metadata(&self) -> Map<String, Value> {
        self.cursors[self.part].metadata()
    }

    fn metadata_text(&self, out: &mut Vec<u8>) {
        self.cursors[self.part].metadata_text(out);
    }

    fn metadata_quoted(&self, out: &mut Vec<u8>) {
        self.cursors[self.part].metadata_quoted(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_goes_from_knot_to_knot() {
        let knots = vec![
            Knot { step: 0, weights: vec![1.0, 0.0] },
            Knot { step: 10, weights: vec![1.0, 1.0] },
            Knot { step: 20, weights: vec![0.0, 3.0] },
        ];
        let stepped = Schedule { knots, rows_per_step: 4, linear: false };
        let linear = Schedule { linear: true, ..stepped.clone() };
        let first = |schedule: &Schedule, row| {
            let mut ends = Vec::new();
            schedule.ends(row, &mut ends);
            assert_eq!(ends.last(), Some(&u64::MAX));
            ends[0] as f64 / u64::MAX as f64
        };
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        for (row, at_once, in_line) in [(0, 1.0, 1.0), (39, 1.0, 0.55), (40, 0.5, 0.5), (60, 0.5, 0.25), (80, 0.0, 0.0)]
        {
            near(first(&stepped, row), at_once);
            near(first(&linear, row), in_line);
        }
        near(first(&linear, u64::MAX), 0.0);
    }
}
