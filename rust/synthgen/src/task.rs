//! What a task is, and the one blanket implementation that turns it into everything else.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::metadata;
use crate::params::ParamSet;
use crate::reading::{Flaw, Form, Reading};
use crate::rng::{Index, StreamKey, TaskRng};
use crate::row::Row;
use crate::score::Answers;
use crate::split::Split;
use crate::vocab::{PAD, Vocab};

/// Attempts at drawing an instance of a wanted split. In a large space the rarest split holds 5 %, so all attempts fail
/// with probability 0.95^4096 < 10^-91; in a tiny one a split may be rarer than that, or empty.
pub const MAX_ATTEMPTS: u32 = 4096;
/// The smaller splits hold 5 % each: twenty draws a row on average.
pub(crate) const DRAWS_PER_SPLIT_ROW: u32 = 20;

/// One task with checked parameters: samples instances, writes them as rows, and reads rows back by another road.
///
/// `new` may refuse; everything after it cannot fail.
pub trait Task: Sized + Send + Sync + 'static {
    /// Name, as in Python: a lower-case identifier.
    const NAME: &'static str;
    /// Raised whenever any output changes.
    const VERSION: u32;
    /// One sentence.
    const SUMMARY: &'static str;
    /// Fixed start of the content hash.
    const SALT: u64;
    /// Ids of tokens that are predicted but carry no answer (end of row apart).
    const MARKERS: &'static [u16] = &[];
    /// Which facts decide the split, for the docs.
    const SPLIT_KEY: &'static str;
    /// Numbers (or lists of numbers) of the metadata that rise with the level: keys of `measured`, or of the whole.
    const AXES: &'static [&'static str];
    /// The spaces at the ends of an answer are delimiters, not part of it.
    const TRIM: bool = true;
    /// In a free response, capitals and small letters are the same.
    const FOLD_CASE: bool = true;
    /// What may follow an answer in the task's own text: a continuation of a prompt is read up to the first of them.
    const STOPS: &'static [&'static str] = &["\n"];
    /// Words that may stand before the answer in a free response, beside those that are common to all tasks.
    const LEADS: &'static [&'static str] = &[];
    /// Does the task know a reference id layout?
    const HAS_COMPAT: bool = false;
    /// Parameters that change how an instance is written, not which one is drawn: they stay out of the key.
    const ENCODING: &'static [&'static str] = &[];
    /// Declared parameters.
    type Params: ParamSet;
    /// The problem and its solution, as plain data; kept and refilled from row to row.
    type Instance: Default + Send;

    /// Check the parameters and precompute tables. What the facts of the world are (people, grammars) is made here.
    fn new(params: Self::Params) -> Result<Self, Error>;
    /// The parameters in force.
    fn params(&self) -> &Self::Params;
    /// Parameters of difficulty level 1, 2 or 3.
    fn preset(level: u8) -> Self::Params;
    /// The smallest and the largest parameters the laws are tested at.
    fn extremes() -> [Self::Params; 2];
    /// Larger parameters along one axis, tried in turn to name a way out of an exhausted split.
    fn wider(params: &Self::Params) -> Option<Self::Params>;
    /// The same parameters with what the draw does not consult at its default: the key of the generator is made of these.
    fn drawn(params: &Self::Params) -> Self::Params {
        params.clone()
    }
    /// What is asked and in which form, for a reader who has never seen the task: with it, a prompt of these parameters
    /// can be answered.
    fn instructions(&self) -> String {
        Self::SUMMARY.to_owned()
    }
    /// The piece table.
    fn vocab() -> &'static Vocab;
    /// No row is longer.
    fn max_len(&self) -> usize;
    /// Prepare for the row at `at`, once for all its attempts: for tasks whose rows have a place in an order, such as
    /// the exposures of a person.
    fn locate(&self, _stream: StreamKey, _at: Index, _instance: &mut Self::Instance) {}
    /// Draw one instance.
    fn sample(&self, rng: &mut TaskRng, instance: &mut Self::Instance);
    /// The content hash of the instance's facts.
    fn content(&self, instance: &Self::Instance) -> u64;
    /// Write the row.
    fn encode(&self, instance: &Self::Instance, row: &mut Row);
    /// Facts about the instance for people and for analysis, with what was measured under `measured`: an
    /// [`object!`](crate::object) whose keys are sorted, or a tree.
    fn metadata(&self, instance: &Self::Instance) -> impl Serialize;
    /// Parse tokens, re-derive every answer, and check all rules. With `rules` absent only what holds for every
    /// parameter is checked.
    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw>;
    /// Read under the rules common to all parameters, with only what a text cannot say of itself taken from these ones,
    /// such as a modulus.
    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        Self::read(None, ids, form)
    }
    /// Does a string have the form of this task's answers?
    fn is_answer(text: &str) -> bool;
    /// The task's own spelling of an answer in a free response, if it is one.
    fn spelled(text: &str) -> Option<String> {
        Self::is_answer(text).then(|| text.to_owned())
    }
    /// What the prompt asks about, as a response may repeat it: the `g4` of `g4 = 1`.
    fn subjects(_prompt: &str) -> Vec<String> {
        Vec::new()
    }
    /// Is this another answer if it stands among the words of a remark on one?
    fn mentions(text: &str) -> bool {
        Self::spelled(text).is_some()
    }
    /// The end of the answer that begins a line, where the answer itself shows where it ends and the rest of the line may
    /// follow it.
    fn leading(_text: &str) -> Option<usize> {
        None
    }
    /// Is `given` a right answer to the prompt, when `target` is one?
    fn accepts(&self, _prompt: &str, target: &str, given: &str) -> bool {
        given == target
    }
    /// The content hash of an example that has its facts in the target, not in the prompt.
    fn target_content(&self, _target: &str) -> Option<u64> {
        None
    }
    /// Does the loss cover more than markers, answers and the end of the row? Then the answers are found by their spans.
    fn loss_exceeds_answers(&self) -> bool {
        false
    }
    /// Why all rows belong to the train split, if they do.
    fn only_train(&self) -> Option<&'static str> {
        None
    }
    /// The reference's id of a token, `None` for tokens these parameters cannot use (only where [`Task::HAS_COMPAT`]).
    fn compat_id(&self, id: u16) -> Option<u16> {
        Some(id)
    }
    /// Our id of a reference id that is never written but accepted when read, such as a synonym.
    fn compat_synonym(&self, _compat: u16) -> Option<u16> {
        None
    }
}

/// Anything that rows can be drawn from: a task with its parameters, or a mixture.
pub trait Source: Send + Sync {
    /// Name for messages.
    fn name(&self) -> &str;
    /// No row is longer.
    fn max_len(&self) -> usize;
    /// Rows of one seed and split; with `fit`, rows that are longer are redrawn.
    fn cursor(&self, seed: u64, split: Option<Split>, fit: Option<usize>) -> Box<dyn Rows + '_>;
}

/// Random access to the rows of one seed and split.
pub trait Rows {
    /// Draw row `at`.
    fn draw(&mut self, at: Index) -> Result<&Row, Error>;
    /// The row drawn last.
    fn row(&self) -> &Row;
    /// Metadata of the row drawn last.
    fn metadata(&self) -> Map<String, Value>;
    /// Append it as compact JSON with sorted keys.
    fn metadata_text(&self, out: &mut Vec<u8>);
    /// Append that text as a JSON string.
    fn metadata_quoted(&self, out: &mut Vec<u8>);
}

/// A task with its parameters fixed, whatever the task.
pub trait AnyTask: Source {
    /// The task's version.
    fn version(&self) -> u32;
    /// The piece table.
    fn vocab(&self) -> &'static Vocab;
    /// Ids of predicted tokens that carry no answer.
    fn markers(&self) -> &'static [u16];
    /// The parameters in force.
    fn params(&self) -> Map<String, Value>;
    /// What is asked and in which form, in words.
    fn instructions(&self) -> String;
    /// The difficulty level the parameters were taken from.
    fn level(&self) -> Option<u8>;
    /// `1`, `2`, `3`, or `p` and eight hex digits of the parameters' hash.
    fn level_tag(&self) -> &str;
    /// The reference's id of every token that these parameters can use, where the task has such a layout.
    fn compat_table(&self) -> Option<Vec<Option<u16>>>;
    /// Our id of a reference id that is only ever read.
    fn compat_synonym(&self, compat: u16) -> Option<u16>;
    /// How answers are recognised and compared.
    fn answers(&self) -> Answers;
    /// Is `given` a right answer to the prompt, when `target` is one?
    fn accepts(&self, prompt: &str, target: &str, given: &str) -> bool;
    /// The content hash of an example that has its facts in the target, not in the prompt.
    fn target_content(&self, target: &str) -> Option<u64>;
    /// Are the answers found by their spans, because the loss covers more?
    fn loss_exceeds_answers(&self) -> bool;
    /// Why all rows belong to the train split, if they do.
    fn only_train(&self) -> Option<&'static str>;
    /// Read ids strictly under the parameters in force.
    fn read(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw>;
    /// Read ids under the rules common to all parameters.
    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw>;
}

/// The one implementation of [`AnyTask`].
pub(crate) struct Configured<T: Task> {
    pub(crate) task: T,
    pub(crate) canonical: String,
    pub(crate) level: Option<u8>,
    pub(crate) level_tag: String,
}

impl<T: Task> Configured<T> {
    pub(crate) fn new(params: T::Params, level: Option<u8>) -> Result<Self, Error> {
        let canonical = T::drawn(&params).canonical(T::ENCODING);
        // A level changed in any parameter is no level: its rows may lie outside the preset.
        let level = level.filter(|&level| T::preset(level) == params);
        let custom = || format!("p{:08x}", xxhash_rust::xxh3::xxh3_64(params.canonical(&[]).as_bytes()) as u32);
        let level_tag = level.map_or_else(custom, |level| level.to_string());
        Ok(Self { task: T::new(params)?, canonical, level, level_tag })
    }
}

impl<T: Task> Source for Configured<T> {
    fn name(&self) -> &str {
        T::NAME
    }

    fn max_len(&self) -> usize {
        self.task.max_len()
    }

    fn cursor(&self, seed: u64, split: Option<Split>, fit: Option<usize>) -> Box<dyn Rows + '_> {
        Box::new(Cursor {
            task: &self.task,
            key: StreamKey::new(T::NAME, &self.canonical, seed, Split::code(split)),
            split,
            fit: fit.unwrap_or(usize::MAX),
            instance: T::Instance::default(),
            row: Row::default(),
        })
    }
}

impl<T: Task> AnyTask for Configured<T> {
    fn version(&self) -> u32 {
        T::VERSION
    }

    fn vocab(&self) -> &'static Vocab {
        T::vocab()
    }

    fn markers(&self) -> &'static [u16] {
        T::MARKERS
    }

    fn params(&self) -> Map<String, Value> {
        self.task.params().to_map()
    }

    fn instructions(&self) -> String {
        self.task.instructions()
    }

    fn level(&self) -> Option<u8> {
        self.level
    }

    fn level_tag(&self) -> &str {
        &self.level_tag
    }

    fn answers(&self) -> Answers {
        Answers {
            is_answer: T::is_answer,
            spelled: T::spelled,
            subjects: T::subjects,
            mentions: T::mentions,
            leading: T::leading,
            leads: T::LEADS,
            stops: T::STOPS,
            fold_case: T::FOLD_CASE,
            trim: T::TRIM,
        }
    }

    fn accepts(&self, prompt: &str, target: &str, given: &str) -> bool {
        self.task.accepts(prompt, target, given)
    }

    fn target_content(&self, target: &str) -> Option<u64> {
        self.task.target_content(target)
    }

    fn loss_exceeds_answers(&self) -> bool {
        self.task.loss_exceeds_answers()
    }

    fn only_train(&self) -> Option<&'static str> {
        self.task.only_train()
    }

    fn compat_synonym(&self, compat: u16) -> Option<u16> {
        self.task.compat_synonym(compat)
    }

    fn compat_table(&self) -> Option<Vec<Option<u16>>> {
        T::HAS_COMPAT.then(|| (0..T::vocab().len() as u16).map(|id| self.task.compat_id(id)).collect())
    }

    fn read(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        T::read(Some(&self.task), without_padding(ids), form)
    }

    fn read_any(&self, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        self.task.read_any(without_padding(ids), form)
    }
}

fn without_padding(ids: &[u16]) -> &[u16] {
    let end = ids.iter().rposition(|&id| id != PAD).map_or(0, |last| last + 1);
    &ids[..end]
}

struct Cursor<'a, T: Task> {
    task: &'a T,
    key: StreamKey,
    split: Option<Split>,
    fit: usize,
    instance: T::Instance,
    row: Row,
}

impl<T: Task> Rows for Cursor<'_, T> {
    fn row(&self) -> &Row {
        &self.row
    }

    fn draw(&mut self, at: Index) -> Result<&Row, Error> {
        // Only the first instance of a window must be whole.
        let fit = if at.sub <= 1 { self.fit } else { usize::MAX };
        // Rows that are too long have a budget of their own, beside those of other splits.
        let attempts = if fit == usize::MAX { MAX_ATTEMPTS } else { MAX_ATTEMPTS * DRAWS_PER_SPLIT_ROW };
        let mut misfits = 0;
        self.task.locate(self.key, at, &mut self.instance);
        for attempt in 0..attempts {
            let mut rng = self.key.rng(at, attempt);
            self.task.sample(&mut rng, &mut self.instance);
            let content = self.task.content(&self.instance);
            let split = Split::of(content);
            if self.split.is_some_and(|wanted| wanted != split) {
                continue;
            }
            self.row.clear();
            self.task.encode(&self.instance, &mut self.row);
            if self.row.len() > fit {
                misfits += 1;
                if misfits == MAX_ATTEMPTS {
                    break;
                }
                continue;
            }
            (self.row.content, self.row.split) = (content, split);
            return Ok(&self.row);
        }
        Err(if misfits > 0 {
            Error::param(
                T::NAME,
                "seq_len",
                self.fit,
                format!("no row fits within {MAX_ATTEMPTS} redraws; use a larger seq_len or smaller parameters"),
            )
        } else {
            exhausted(self.task, self.split)
        })
    }

    fn metadata(&self) -> Map<String, Value> {
        metadata::tree(&self.task.metadata(&self.instance))
    }

    fn metadata_text(&self, out: &mut Vec<u8>) {
        metadata::print(&self.task.metadata(&self.instance), out);
    }

    fn metadata_quoted(&self, out: &mut Vec<u8>) {
        metadata::print_quoted(&self.task.metadata(&self.instance), out);
    }
}

/// Name the smallest wider parameters that leave something in every split.
fn exhausted<T: Task>(task: &T, split: Option<Split>) -> Error {
    let mut wider = T::wider(task.params());
    let hint = loop {
        if let Some(reason) = task.only_train() {
            break reason.to_owned();
        }
        let Some(params) = wider else {
            break "use larger parameters".to_owned();
        };
        if T::new(params.clone()).is_ok_and(|task| every_split_drawn(&task)) {
            break format!("the smallest wider parameters that work: {}", T::drawn(&params).canonical(&[]));
        }
        wider = T::wider(&params);
    };
    Error::SplitExhausted {
        task: T::NAME.to_owned(),
        split: split.map_or("None", Split::name).to_owned(),
        attempts: MAX_ATTEMPTS,
        hint,
    }
}

fn every_split_drawn<T: Task>(task: &T) -> bool {
    let key = StreamKey::new(T::NAME, "exhausted", 0, 0);
    let mut instance = T::Instance::default();
    let mut seen = [false; 3];
    for row in 0..u64::from(MAX_ATTEMPTS / 8) {
        task.locate(key, row.into(), &mut instance);
        task.sample(&mut key.rng(row.into(), 0), &mut instance);
        seen[Split::of(task.content(&instance)) as usize] = true;
    }
    seen == [true; 3]
}

#[cfg(test)]
mod work;
#[cfg(test)]
pub(crate) use work::{check_work, check_work_at};
