//! Where in a response its answer stands.

use std::borrow::Cow;

use serde_json::{Deserializer, Value};

/// Which road led to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On the line of the last `ANSWER:`, or where a continuation begins.
    Beside,
    /// On a line of its own: below the marker, or the only line there is.
    Own,
    /// The last of several lines, which must announce its answer.
    Last,
}

/// A place where an answer may stand.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    text: Cow<'a, str>,
    /// Nothing ends the answer but the end of the response.
    pub open: bool,
    pub kind: Kind,
    /// Markup that was opened before the marker.
    pub opener: &'a str,
}

impl<'a> Found<'a> {
    pub fn new(text: &'a str, open: bool, kind: Kind) -> Self {
        Self { text: Cow::Borrowed(text), open, kind, opener: "" }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Tags of reasoning that is no part of the answer.
const REASONING: [&str; 4] = ["think", "thinking", "thought", "reasoning"];

/// Drop closed blocks of reasoning; `None` when one is still open.
pub(super) fn without_reasoning(response: &str) -> Option<Cow<'_, str>> {
    let mut text = Cow::Borrowed(response);
    for tag in REASONING {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        // ASCII lower-casing keeps byte offsets.
        let lower = text.to_ascii_lowercase();
        if !lower.contains(&open) && !lower.contains(&close) {
            continue;
        }
        let mut kept = String::new();
        let mut at = 0;
        while let Some(end) = lower[at..].find(&close) {
            match lower[at..at + end].find(&open) {
                Some(start) => kept.push_str(&text[at..at + start]),
                // Some servers strip the opening tag: all before the closing one was reasoning.
                None => kept.clear(),
            }
            at += end + close.len();
        }
        if lower[at..].contains(&open) {
            return None;
        }
        // What was before reasoning and what comes after it are different lines.
        if !kept.is_empty() {
            kept.push('\n');
        }
        kept.push_str(text[at..].trim_start_matches(['\n', '\r']));
        text = Cow::Owned(kept);
    }
    Some(text)
}

struct Marker<'a> {
    rest: &'a str,
    opener: &'a str,
    quoted: bool,
}

/// The last `ANSWER:`.
fn marker(text: &str) -> Option<Marker<'_>> {
    let lower = text.to_ascii_lowercase();
    lower.rmatch_indices("answer").find_map(|(at, word)| {
        let before = &text[..at];
        if before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '<' || c == '/') {
            return None;
        }
        let after = text[at + word.len()..].trim_start_matches(['*', '_', '`', '"', '\'', ' ']);
        let rest = after.strip_prefix(':').or_else(|| after.strip_prefix('：'))?;
        let opener = &before[before.trim_end_matches(['*', '_', '`', '"', '\'', '(', '[', '{', '$']).len()..];
        let quoted = before.ends_with('"') && text[at + word.len()..].starts_with('"');
        Some(Marker { rest, opener, quoted })
    })
}

/// Places after the last `ANSWER:`, if there is one; the first that can be read counts.
pub(super) fn marked(text: &str, trim: bool) -> Option<Vec<Found<'_>>> {
    let Marker { rest, opener, quoted } = marker(text)?;
    if quoted && let Some(value) = json(rest) {
        return Some(vec![Found { text: Cow::Owned(value), open: false, kind: Kind::Beside, opener: "" }]);
    }
    let (line, below) = match rest.split_once('\n') {
        Some((line, below)) => (line.strip_suffix('\r').unwrap_or(line), Some(below)),
        None => (rest, None),
    };
    let mut places = Vec::new();
    // The markup around the marker may end behind its colon.
    let line = if opener.is_empty() { line } else { line.strip_prefix(opener).unwrap_or(line) };
    let line = line.strip_prefix(' ').unwrap_or(line);
    let empty = line.trim_matches(|c: char| c.is_whitespace() || "*_`".contains(c)).is_empty();
    if !empty || (!trim && !line.is_empty()) {
        places.push(Found { opener, ..Found::new(line, below.is_none(), Kind::Beside) });
    }
    if empty && let Some(below) = below {
        places.extend(own_line(below));
    }
    Some(places)
}

/// The value of a member of a JSON object.
fn json(rest: &str) -> Option<String> {
    fn said(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
    match Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()? {
        // A number may go on where the response ends.
        Value::Number(_) if rest.trim_end().ends_with(|c: char| c.is_ascii_digit()) => None,
        Value::Array(items) => Some(items.iter().map(said).collect::<Option<Vec<_>>>()?.join(", ")),
        value => said(&value),
    }
}

/// Lines that only open or close a block.
fn is_fence(line: &str) -> bool {
    let line = line.trim();
    let language = line.strip_prefix("```").or_else(|| line.strip_prefix("~~~"));
    language.is_some_and(|word| word.chars().all(|c| c.is_ascii_alphanumeric()))
        || ["$$", "\\[", "\\]", "\\(", "\\)", "<answer>", "</answer>", "**"].contains(&line)
}

/// The first line below a marker, if it stands alone.
fn own_line(below: &str) -> Option<Found<'_>> {
    let mut lines = below.split_inclusive('\n').skip_while(|line| line.trim().is_empty() || is_fence(line));
    let line = lines.next()?;
    let ended = line.ends_with('\n');
    match lines.next() {
        Some(next) if !next.trim().is_empty() && !is_fence(next) => None,
        _ => Some(Found::new(line.trim_end_matches(['\n', '\r']), !ended, Kind::Own)),
    }
}

/// The place of the answer in a response without a marker: its only line, or its last one.
pub(super) fn unmarked(text: &str, trim: bool) -> Option<Found<'_>> {
    if !trim {
        let line = text.strip_suffix('\n').unwrap_or(text);
        if !line.is_empty() && !line.contains('\n') {
            return Some(Found::new(line, line.len() == text.len(), Kind::Own));
        }
    }
    let mut lines = text.split_inclusive('\n').filter(|line| !line.trim().is_empty() && !is_fence(line));
    let line = lines.next_back()?;
    let alone = lines.next_back().is_none();
    // One box alone is an announcement; of several none is.
    if !alone && line.contains("\\boxed") && text.match_indices("\\boxed").nth(1).is_some() {
        return None;
    }
    let open = text.ends_with(line) && !line.ends_with('\n');
    let kind = if alone { Kind::Own } else { Kind::Last };
    Some(Found::new(line.trim_end_matches(['\n', '\r']), open, kind))
}
