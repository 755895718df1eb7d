//! Words before an answer, and words that take one back.

use super::Answers;

/// Words that may stand before any answer. "not", "or" and their like are not among them, and must never be.
const WORDS: [&str; 25] = [
    "so",
    "therefore",
    "thus",
    "hence",
    "finally",
    "and",
    "the",
    "my",
    "our",
    "this",
    "it",
    "it's",
    "final",
    "correct",
    "right",
    "resulting",
    "answer",
    "is",
    "are",
    "result",
    "output",
    "value",
    "solution",
    "equals",
    "here",
];
/// Words that may stand before "answer is" where answers are strings of symbols.
const ANNOUNCING: [&str; 9] = ["so", "therefore", "thus", "hence", "finally", "the", "my", "final", "correct"];
/// Signs that may stand before any answer.
const SIGNS: [&str; 8] = ["->", "=>", "→", "⇒", "=", ":", "\\to ", "\\rightarrow "];
/// What joins an answer to what it is the answer about.
const JOINTS: [&str; 17] = [
    "->",
    "=>",
    "→",
    "⇒",
    "=",
    ":",
    "lives in",
    "ends up at",
    "evaluates to",
    "is at",
    "is in",
    "is",
    "equals",
    "becomes",
    "gives",
    "has",
    "outputs",
];
/// Words of a remark that name a second thought.
const HEDGES: [&str; 48] = [
    "or",
    "no",
    "not",
    "wait",
    "actually",
    "but",
    "instead",
    "rather",
    "maybe",
    "perhaps",
    "either",
    "alternatively",
    "correction",
    "wrong",
    "incorrect",
    "mistake",
    "unless",
    "scratch",
    "sorry",
    "hmm",
    "should",
    "possibly",
    "unsure",
    "guess",
    "answer",
    "could",
    "might",
    "neither",
    "also",
    "now",
    "then",
    "changed",
    "false",
    "invalid",
    "discarded",
    "otherwise",
    "if",
    "oops",
    "nope",
    "too",
    "equally",
    "well",
    "both",
    "else",
    "another",
    "though",
    "although",
    "however",
];

/// What a prompt asks about, and the words a task lets stand before its answers.
pub(super) struct Subjects {
    /// May be repeated as it is.
    prompt: String,
    /// May be repeated with a joint behind.
    named: Vec<String>,
    leads: &'static [&'static str],
}

impl Subjects {
    pub fn of(prompt: &str, answers: Answers) -> Self {
        Self { prompt: prompt.trim().to_owned(), named: (answers.subjects)(prompt), leads: answers.leads }
    }

    /// Does the prompt ask about it by this name?
    pub fn names(&self, text: &str) -> bool {
        self.named.iter().any(|name| name.eq_ignore_ascii_case(text))
    }

    /// The text behind what may stand before an answer of this kind.
    pub fn before<'a>(&self, text: &'a str, first: bool, answers: Answers) -> Option<(&'a str, &'static str)> {
        if answers.are_strings() { self.announcement(text, first) } else { self.lead(text, first) }
    }

    /// The text behind "the answer is", which alone is surely no part of a string of symbols.
    fn announcement<'a>(&self, text: &'a str, first: bool) -> Option<(&'a str, &'static str)> {
        if first
            && !self.prompt.is_empty()
            && let Some(rest) = text.strip_prefix(self.prompt.as_str())
        {
            return nonempty(rest, "");
        }
        let mut rest = text;
        for _ in 0..ANNOUNCING.len() {
            let (word, behind) = rest.split_once(' ')?;
            let is = |known: &str| word.trim_matches(MARKUP).trim_end_matches(',').eq_ignore_ascii_case(known);
            if is("answer") {
                let behind = behind.strip_prefix("is: ").or_else(|| behind.strip_prefix("is "))?;
                return (!behind.is_empty()).then_some((behind, "answer"));
            }
            if !ANNOUNCING.iter().any(|known| is(known)) {
                return None;
            }
            rest = behind;
        }
        None
    }

    /// The text behind one word or sign before the answer, and that word.
    fn lead<'a>(&self, text: &'a str, first: bool) -> Option<(&'a str, &'static str)> {
        if first
            && !self.prompt.is_empty()
            && let Some(rest) = text.strip_prefix(self.prompt.as_str())
        {
            return nonempty(rest, "");
        }
        for name in &self.named {
            if let Some(rest) = after(text, name)
                && let Some(rest) = JOINTS.iter().find_map(|joint| after(rest.trim_start_matches(MARKUP), joint))
            {
                return nonempty(rest, "");
            }
        }
        if let Some(rest) = SIGNS.iter().find_map(|sign| text.strip_prefix(sign)) {
            return nonempty(rest, "");
        }
        let end = text.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(text.len());
        let end = text[..end].find(':').map_or(end, |colon| colon + 1);
        let word = text[..end].trim_matches(MARKUP).trim_end_matches([':', ',']).trim_matches(MARKUP);
        // "Is it B" is a question.
        if word.is_empty() || word.len() > 24 || (first && ["is", "are"].iter().any(|w| w.eq_ignore_ascii_case(word))) {
            return None;
        }
        let known = WORDS.iter().chain(self.leads).find(|known| known.eq_ignore_ascii_case(word))?;
        nonempty(text[end..].trim_start_matches(|c: char| MARKUP[..2].contains(&c)), known)
    }
}

const MARKUP: [char; 5] = ['*', '_', '`', '"', '\''];

fn nonempty<'a>(rest: &'a str, word: &'static str) -> Option<(&'a str, &'static str)> {
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    (!rest.trim().is_empty()).then_some((rest, word))
}

/// The text behind a phrase, spaces and case apart, where a word of it ends.
fn after<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let mut rest = text.trim_start();
    for wanted in phrase.chars().filter(|c| !c.is_whitespace()) {
        rest = rest.trim_start();
        let c = rest.chars().next()?;
        if !c.eq_ignore_ascii_case(&wanted) {
            return None;
        }
        rest = &rest[c.len_utf8()..];
    }
    let word = |c: char| c.is_alphanumeric();
    let inside = phrase.ends_with(word) && rest.starts_with(word);
    (!inside).then_some(rest)
}

/// Does a remark hold a second thought?
pub(super) fn is_hedged(remark: &str) -> bool {
    let mut words = remark.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| word.len() <= 14);
    remark.contains(['?', '\u{336}']) || words.any(|word| HEDGES.iter().any(|hedge| hedge.eq_ignore_ascii_case(word)))
}
