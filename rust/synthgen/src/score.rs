//! Scoring of free text answers: the last `ANSWER:` of a chat wins, a continuation begins with its answer, markup is stripped, and nothing is guessed.

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
    /// Is this another answer if it stands among the words of a remark?
    pub mentions: fn(&str) -> bool,
    /// The end of the answer that begins a line, where it shows.
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

impl Answers {
    /// Are answers made of symbols, of which marks and spaces are some?
    fn are_symbols(&self) -> bool {
        !self.trim && !self.fold_case
    }

    /// May signs and words before an answer be part of it?
    fn are_strings(&self) -> bool {
        self.are_symbols() && self.leads.is_empty()
    }

    /// Is it the same answer?
    fn same(&self, a: &str, b: &str) -> bool {
        a == b || (self.fold_case && a.eq_ignore_ascii_case(b))
    }
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
    let places = if served.continuation {
        continued(&text, answers)
    } else {
        find::marked(&text, answers.trim).unwrap_or_else(|| find::unmarked(&text, answers.trim).into_iter().collect())
    };
    // Symbols too many are symbols, whoever continues a string.
    if served.continuation && answers.are_symbols() {
        return match places.first().filter(|place| (answers.is_answer)(place.text())) {
            Some(place) => {
                let outcome = if accepts(place.text()) { Outcome::Correct } else { Outcome::Wrong };
                judged(outcome, place.text().to_owned(), served.cut && place.open)
            }
            None => Score { outcome: missing, extracted: String::new() },
        };
    }
    let subjects = lead::Subjects::of(prompt, answers);
    // Answers in which markup may belong to the answer: what is right as it stands comes first.
    if !answers.trim {
        for place in &places {
            for found in dress::readings(place, &subjects, answers) {
                let said = place.kind != Kind::Last || found.announced;
                if said && (answers.is_answer)(found.text) && accepts(found.text) {
                    let cut = served.cut && place.open && !found.closed;
                    return judged(Outcome::Correct, found.text.to_owned(), cut);
                }
            }
        }
    }
    for place in &places {
        let mut text = place.text();
        if served.continuation && answers.stops.contains(&"]") {
            // What closes it is a stop.
            text = text.trim_start().strip_prefix('[').unwrap_or(text);
        }
        let found = undressed(text, answers, &subjects, place.kind != Kind::Beside);
        let counts = |found: &dress::Undressed| match place.kind {
            Kind::Last => found.announced,
            // To whatever was asked.
            Kind::Alone => found.announced || !found.yes_or_no,
            _ => true,
        };
        if let Some(found) = found.filter(counts) {
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
fn continued(text: &str, answers: Answers) -> Vec<Found<'_>> {
    let head = &text[..answers.stops.iter().filter_map(|stop| stop_at(text, stop)).min().unwrap_or(text.len())];
    if let Some(places) = find::marked_at_once(head, answers.trim) {
        let ended = head.len() < text.len();
        return places.into_iter().map(|place| place.ended_if(ended)).collect();
    }
    let line = text.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let found = (answers.leading)(line).map_or(head, |end| &line[..end]);
    vec![Found::new(found.trim_end_matches('\r'), found.len() == text.len(), Kind::Beside)]
}

/// Where a stop is. A full stop ends a sentence, not a number.
fn stop_at(text: &str, stop: &str) -> Option<usize> {
    let mut found = text.match_indices(stop);
    let sentence = |at: usize| text[at + stop.len()..].chars().next().is_none_or(char::is_whitespace);
    found.find(|&(at, _)| stop != "." || sentence(at)).map(|(at, _)| at)
}
