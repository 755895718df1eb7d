//! Scoring of free text answers: the last `ANSWER:` wins, markup is stripped, and nothing is guessed.

mod dress;
mod find;
pub mod forms;
mod lead;
#[cfg(test)]
mod tests;

use crate::task::AnyTask;
use dress::undressed;
use find::{Found, Kind};

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right answer.
    Correct,
    /// An answer of the right form, but another one.
    Wrong,
    /// No answer could be found.
    Unparsed,
    /// The response ends inside its reasoning, or was cut before its answer was surely complete.
    Truncated,
}

impl Outcome {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Wrong => "wrong",
            Self::Unparsed => "unparsed",
            Self::Truncated => "truncated",
        }
    }
}

/// The verdict on a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// What became of it.
    pub outcome: Outcome,
    /// The answer found, without markup; empty when none was.
    pub extracted: String,
}

/// How a response came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// It ended at a limit on its tokens.
    pub cut: bool,
    /// It continues the text of the prompt: the answer is its beginning.
    pub continuation: bool,
}

/// How answers of a task are recognised and compared.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// Does a string have the form of an answer?
    pub is_answer: fn(&str) -> bool,
    /// The task's own spelling of an answer in a free response.
    pub spelled: fn(&str) -> Option<String>,
    /// What a prompt asks about.
    pub subjects: fn(&str) -> Vec<String>,
    /// The end of the answer that begins a text, where it shows.
    pub leading: fn(&str) -> Option<usize>,
    /// Words that may stand before an answer.
    pub leads: &'static [&'static str],
    /// What may follow an answer in the task's own text.
    pub stops: &'static [&'static str],
    /// Are capitals and small letters the same in a free response?
    pub fold_case: bool,
    /// Are spaces at the ends delimiters?
    pub trim: bool,
}

/// Score a response to a prompt against the target.
pub fn score(task: &dyn AnyTask, response: &str, prompt: &str, target: &str, served: Served) -> Score {
    against(response, prompt, served, task.answers(), &|given| {
        task.accepts(prompt, target, given) || (task.answers().fold_case && given.eq_ignore_ascii_case(target))
    })
}

fn against(response: &str, prompt: &str, served: Served, answers: Answers, accepts: &dyn Fn(&str) -> bool) -> Score {
    let missing = if served.cut { Outcome::Truncated } else { Outcome::Unparsed };
    let Some(text) = find::without_reasoning(response) else {
        return Score { outcome: Outcome::Truncated, extracted: String::new() };
    };
    let places = match find::marked(&text, answers.trim) {
        Some(places) => places,
        None if served.continuation => vec![continued(&text, answers)],
        None => find::unmarked(&text, answers.trim).into_iter().collect(),
    };
    let subjects = lead::Subjects::of(prompt, answers);
    // Answers in which markup may belong to the answer: what is right as it stands comes first.
    if !answers.trim {
        for place in &places {
            for found in dress::readings(place, &subjects) {
                let said = place.kind != Kind::Last || found.announced;
                if said && (answers.is_answer)(found.text) && accepts(found.text) {
                    let cut = served.cut && place.open && !found.closed;
                    return judged(Outcome::Correct, found.text.to_owned(), cut);
                }
            }
        }
    }
    for place in &places {
        let found = undressed(place.text(), answers, &subjects, place.kind != Kind::Beside);
        if let Some(found) = found.filter(|found| place.kind != Kind::Last || found.announced) {
            let outcome = if accepts(&found.answer) { Outcome::Correct } else { Outcome::Wrong };
            return judged(outcome, found.answer, served.cut && place.open && !found.closed);
        }
    }
    Score { outcome: missing, extracted: String::new() }
}

fn judged(outcome: Outcome, extracted: String, cut: bool) -> Score {
    Score { outcome: if cut { Outcome::Truncated } else { outcome }, extracted }
}

/// The beginning of a continuation, up to the first thing that may follow an answer.
fn continued(text: &str, answers: Answers) -> Found<'_> {
    let stop = answers.stops.iter().filter_map(|stop| text.find(stop)).min();
    let first = (answers.leading)(&text[..stop.unwrap_or(text.len())]);
    let end = first.filter(|&end| end < text.len()).or(stop);
    Found::new(&text[..end.unwrap_or(text.len())], end.is_none(), Kind::Beside)
}
