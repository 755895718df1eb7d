//! Scoring of free text answers: the last `ANSWER:` wins, markup is stripped, and nothing is guessed.

use crate::task::{Answers, AnyTask};

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right answer.
    Correct,
    /// An answer of the right form, but another one.
    Wrong,
    /// No answer could be found.
    Unparsed,
    /// The response ends inside its reasoning.
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

/// Words that may stand before the answer itself.
const LEAD: [&str; 14] = [
    "the", "answer", "is", "position", "element", "index", "node", "output", "result", "colour", "color", "city",
    "value", "=",
];

/// Score a response to a prompt against the target.
pub fn score(task: &dyn AnyTask, response: &str, prompt: &str, target: &str) -> Score {
    against(response, target, task.answers(), &|given| task.accepts(prompt, target, given))
}

fn against(response: &str, target: &str, answers: Answers, accepts: &dyn Fn(&str) -> bool) -> Score {
    let is_answer = answers.is_answer;
    let Some(text) = without_reasoning(response) else {
        return Score { outcome: Outcome::Truncated, extracted: String::new() };
    };
    // An answer may itself look like markup, or begin and end with spaces that count: what stands there as it is comes
    // first.
    let exact = if answers.trim { None } else { verbatim(&text) };
    let right = |line: &&str| is_answer(line) && accepts(line);
    if let Some(exact) = exact.into_iter().chain(candidate(&text)).find(right) {
        return Score { outcome: Outcome::Correct, extracted: exact.to_owned() };
    }
    let extracted = candidate(&text).map(|line| clean(line, is_answer)).unwrap_or_default();
    let outcome = if extracted.is_empty() || !is_answer(&extracted) {
        Outcome::Unparsed
    } else if accepts(&extracted) || (answers.fold_case && extracted.eq_ignore_ascii_case(target)) {
        Outcome::Correct
    } else {
        Outcome::Wrong
    };
    Score { outcome, extracted: if outcome == Outcome::Unparsed { String::new() } else { extracted } }
}

/// Drop closed `<think>` blocks; `None` when one is still open.
fn without_reasoning(response: &str) -> Option<String> {
    let mut text = response.to_owned();
    for tag in ["think", "thinking"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        // ASCII lower-casing keeps byte offsets.
        let lower = text.to_ascii_lowercase();
        let mut kept = String::new();
        let mut at = 0;
        while let Some(end) = lower[at..].find(&close) {
            match lower[at..at + end].find(&open) {
                Some(start) => kept.push_str(&text[at..at + start]),
                // Some servers strip the opening tag: all before the closing one was reasoning.
                None => kept.clear(),
            }
            kept.push(' ');
            at += end + close.len();
        }
        if lower[at..].contains(&open) {
            return None;
        }
        kept.push_str(&text[at..]);
        text = kept;
    }
    Some(text)
}

/// What follows the last `ANSWER:`.
fn last_answer(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let after = lower.match_indices("answer").filter_map(|(at, word)| {
        let before = lower[..at].chars().next_back();
        let rest = text[at + word.len()..].trim_start_matches(['*', '_', ' ']);
        (!before.is_some_and(char::is_alphanumeric)).then(|| rest.strip_prefix(':'))?
    });
    after.last()
}

/// The line on which the last answer stands, but for one space after the colon; or the response, if it is one line.
fn verbatim(text: &str) -> Option<&str> {
    match last_answer(text) {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest).lines().next(),
        None => Some(text.strip_suffix('\n').unwrap_or(text)).filter(|line| !line.contains('\n')),
    }
}

/// The last answer without markup around it, or the whole response when it is a single line.
fn candidate(text: &str) -> Option<&str> {
    match last_answer(text) {
        Some(rest) => rest.lines().map(|l| l.trim_matches(['*', '_', '`', ' ', '\t'])).find(|l| !l.is_empty()),
        None => Some(text.trim()).filter(|t| !t.is_empty() && !t.contains('\n')),
    }
}

fn clean(line: &str, is_answer: fn(&str) -> bool) -> String {
    let mut text = line.trim();
    loop {
        let before = text;
        text = text.trim_matches(|c: char| c.is_whitespace() || "*_`'\"“”‘’$".contains(c));
        text = text.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        for open in ["\\boxed{", "\\text{", "\\mathrm{", "\\mathbf{", "[", "(", "{"] {
            if let Some(inner) = text.strip_prefix(open).and_then(|t| t.strip_suffix(['}', ']', ')'])) {
                text = inner;
            }
        }
        text = text.strip_prefix("\\(").and_then(|t| t.strip_suffix("\\)")).unwrap_or(text);
        if is_answer(text) || text == before {
            break;
        }
    }
    if is_answer(text) {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let lead =
        words.iter().take_while(|w| LEAD.contains(&w.trim_end_matches(':').to_ascii_lowercase().as_str())).count();
    match words.get(lead) {
        Some(word) if lead > 0 && lead + 1 == words.len() => clean(word, is_answer),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: Answers = Answers {
        is_answer: |text| text.len() == 1 && text.chars().all(|c| c.is_ascii_alphabetic()),
        fold_case: true,
        trim: true,
    };

    fn letter(response: &str) -> Outcome {
        against(response, "B", LETTER, &|given| given == "B").outcome
    }

    #[test]
    fn right_answers_in_many_dresses() {
        for response in [
            "ANSWER: B",
            "answer: b",
            "**ANSWER:** B",
            "ANSWER: **B**",
            "ANSWER: `B`",
            "ANSWER: [B]",
            "ANSWER: \\boxed{B}",
            "ANSWER: $B$",
            "ANSWER: \"B\"",
            "ANSWER: B.",
            "ANSWER:\nB",
            "draft\nANSWER: C\nno\nANSWER: B",
            "B",
            "<think>ANSWER: C</think>ANSWER: B",
            "ANSWER: element B",
            "Final answer: B",
            "ANSWER: the answer is B",
        ] {
            assert_eq!(letter(response), Outcome::Correct, "{response}");
        }
    }

    #[test]
    fn spaces_and_markup_count_where_they_belong_to_the_answer() {
        let of = |response: &str, target: &str, any| against(response, target, any, &|given| given == target).outcome;
        let any = Answers { is_answer: |text| !text.is_empty(), trim: false, fold_case: false };
        for target in [" ", " b", "b ", "  *b*  ", "**", "`a`", "B."] {
            for response in [format!("ANSWER: {target}"), format!("so\nANSWER: {target}\n"), target.to_owned()] {
                assert_eq!(of(&response, target, any), Outcome::Correct, "{response:?}");
            }
        }
        assert_eq!(of("ANSWER: **B**", "B", any), Outcome::Correct);
        assert_eq!(of("ANSWER: b", " b", any), Outcome::Wrong);
        assert_eq!(of("ANSWER: b", "B", any), Outcome::Wrong);
        assert_eq!(of("B\nNo, wait", "B", any), Outcome::Unparsed);
    }

    #[test]
    fn wrong_missing_and_cut_answers() {
        for (response, outcome) in [
            ("ANSWER: C", Outcome::Wrong),
            ("ANSWER: B\nANSWER: C", Outcome::Wrong),
            ("<think>ANSWER: B", Outcome::Truncated),
            ("I am unable to B", Outcome::Unparsed),
            ("QUERY element B ->", Outcome::Unparsed),
            ("ANSWER: B or C", Outcome::Unparsed),
            ("ANSWER: not B", Outcome::Unparsed),
            ("ANSWER:", Outcome::Unparsed),
            ("", Outcome::Unparsed),
        ] {
            assert_eq!(letter(response), outcome, "{response}");
        }
    }
}
