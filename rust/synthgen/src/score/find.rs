//! Where in a response its answer stands.

use std::borrow::Cow;

use serde_json::{Deserializer, Value};

/// Which road led to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On the line of the last `ANSWER:`, or where a continuation begins.
    Beside,
    /// On a line of its own below the marker.
    Own,
    /// The only line there is.
    Alone,
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

    /// Something behind it may end the answer.
    pub fn ended_if(self, ended: bool) -> Self {
        Self { open: self.open && !ended, ..self }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Marks that may stand before `ANSWER:`.
const MARKUP: &str = "*_`\"'([{$#>-";
/// Tags of reasoning that is no part of the answer: how they begin, and how they are closed.
const REASONING: [[&str; 2]; 5] = [
    ["<think", "</think>"],
    ["<thinking", "</thinking>"],
    ["<thought", "</thought>"],
    ["<reasoning", "</reasoning>"],
    ["[think]", "[/think]"],
];
/// Attributes of a tag are no longer.
const ATTRIBUTES: usize = 200;
/// How far before a marker words can take it back.
const BEFORE: usize = 400;
/// Words before a marker that say it is not the answer.
const DENIALS: [&str; 43] = [
    "wrong",
    "incorrect",
    "not",
    "never",
    "no",
    "false",
    "invalid",
    "bad",
    "possible",
    "potential",
    "plausible",
    "likely",
    "candidate",
    "first",
    "initial",
    "earlier",
    "previous",
    "preliminary",
    "tentative",
    "provisional",
    "intermediate",
    "partial",
    "draft",
    "old",
    "guess",
    "guessed",
    "maybe",
    "perhaps",
    "might",
    "could",
    "another",
    "other",
    "alternative",
    "alternate",
    "example",
    "sample",
    "cannot",
    "unlikely",
    "naive",
    "neither",
    "nor",
    "if",
    "unless",
];

/// Drop closed blocks of reasoning; `None` when one is still open.
pub(super) fn without_reasoning(response: &str) -> Option<Cow<'_, str>> {
    let mut text = Cow::Borrowed(response);
    for [open, close] in REASONING {
        // ASCII lower-casing keeps byte offsets.
        let lower = text.to_ascii_lowercase();
        if !lower.contains(open) && !lower.contains(close) {
            continue;
        }
        let mut kept = String::new();
        let mut at = 0;
        while let Some(end) = lower[at..].find(close) {
            match opening(&lower[at..at + end], open) {
                Some(start) => kept.push_str(&text[at..at + start]),
                // Some servers strip the opening tag: all before the closing one was reasoning.
                None => kept.clear(),
            }
            at += end + close.len();
        }
        if opening(&lower[at..], open).is_some() {
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

/// Where a tag begins that may have attributes.
fn opening(text: &str, open: &str) -> Option<usize> {
    let is_tag = |at: usize| {
        let behind = &text.as_bytes()[at + open.len()..];
        let attributes = &behind[..behind.len().min(ATTRIBUTES)];
        open.ends_with(']')
            || behind.first() == Some(&b'>')
            || (behind.first().is_some_and(u8::is_ascii_whitespace) && attributes.contains(&b'>'))
    };
    text.match_indices(open).map(|(at, _)| at).find(|&at| is_tag(at))
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
        if is_denied(before, &text[at..at + word.len()]) {
            return None;
        }
        let quoted = before.ends_with('"') && text[at + word.len()..].starts_with('"');
        Some(Marker { rest, opener, quoted })
    })
}

/// Do the words before a marker say that it is not the answer?
fn is_denied(before: &str, word: &str) -> bool {
    let from =
        (before.len().saturating_sub(BEFORE)..=before.len()).find(|&at| before.is_char_boundary(at)).unwrap_or(0);
    let tail = &before[from..];
    let line = tail.rsplit('\n').next().unwrap_or(tail);
    let whole = from == 0 || line.len() < tail.len();
    if whole && word == "ANSWER" && !line.contains(char::is_alphanumeric) {
        return false;
    }
    // In a key of JSON the other members say nothing; elsewhere other sentences do not.
    let is_name = |c: char| c.is_alphanumeric() || "_- ".contains(c);
    let key = line
        .rfind(['"', '\''])
        .filter(|&at| line[at + 1..].chars().all(is_name) && line[..at].trim_end().ends_with(['{', ',']));
    let begin = key
        .map(|at| at + 1)
        .or_else(|| Some([". ", "! ", "? ", "; "].iter().filter_map(|end| line.rfind(end)).max()? + 2));
    let words = line[begin.unwrap_or(0)..].split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’');
    words.into_iter().any(|word| {
        word.len() <= 14 && {
            let word = word.to_ascii_lowercase().replace('’', "'");
            word.ends_with("n't") || DENIALS.contains(&word.as_str())
        }
    })
}

/// Places after the `ANSWER:` that a text begins with.
pub(super) fn marked_at_once(text: &str, trim: bool) -> Option<Vec<Found<'_>>> {
    let begin = text.trim_start_matches(|c: char| c.is_whitespace() || MARKUP.contains(c));
    begin.get(..6).filter(|word| word.eq_ignore_ascii_case("answer")).and_then(|_| marked(text, trim))
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
    let mut values = Deserializer::from_str(rest).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let behind = rest.get(values.byte_offset()..)?.trim_start_matches([' ', '\t']);
    if !behind.is_empty() && !behind.starts_with([',', '}', '\r', '\n']) {
        return None;
    }
    match value {
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
            return Some(Found::new(line, line.len() == text.len(), Kind::Alone));
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
    let kind = if alone { Kind::Alone } else { Kind::Last };
    Some(Found::new(line.trim_end_matches(['\n', '\r']), open, kind))
}
