//! Taking off what people and models dress answers in: markup, quotes, brackets, announcements, remarks.

use super::Answers;
use super::find::Found;
use super::lead::{Subjects, is_hedged};

/// Layers taken off at most. Each costs time linear in the text, so a hostile text costs no more than this many readings.
const LAYERS: usize = 40;
const LAYERS_OF_STRINGS: usize = 8;
/// No remark is longer.
const REMARK: usize = 600;
/// No answer within a remark has more words.
const WORDS_OF_ANSWER: usize = 6;
/// Between a thing and its value.
const JOINED: [&str; 4] = ["->", "→", "=", ":"];
/// Before a number that counts something else.
const COUNTED: [&str; 4] = ["mod", "modulo", "step", "steps"];
/// Marks around words of a remark.
const AROUND: &str = "\"'`*_.,;:!()[]{}<>“”‘’«»$~=→";
/// Marks that open what may be closed before the marker's colon.
const EMPHASIS: [&str; 6] = ["```", "**", "__", "`", "*", "_"];

/// What may stand around an answer, longer marks first.
const PAIRS: [(&str, &str); 36] = [
    ("```", "```"),
    ("**", "**"),
    ("__", "__"),
    ("$$", "$$"),
    ("`", "`"),
    ("*", "*"),
    ("_", "_"),
    ("\"", "\""),
    ("'", "'"),
    ("“", "”"),
    ("‘", "’"),
    ("«", "»"),
    ("\\boxed{", "}"),
    ("\\fbox{", "}"),
    ("\\text{", "}"),
    ("\\textbf{", "}"),
    ("\\textit{", "}"),
    ("\\texttt{", "}"),
    ("\\mathrm{", "}"),
    ("\\mathbf{", "}"),
    ("\\mathit{", "}"),
    ("\\mathsf{", "}"),
    ("\\mathtt{", "}"),
    ("\\operatorname{", "}"),
    ("<answer>", "</answer>"),
    ("<strong>", "</strong>"),
    ("<b>", "</b>"),
    ("<em>", "</em>"),
    ("<code>", "</code>"),
    // Beyond these nothing surrounds an answer whose symbols may be brackets.
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("$", "$"),
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("<", ">"),
];
const PAIRS_OF_STRINGS: usize = 29;

/// What servers may leave at the end of a response.
const END_MARKS: [&str; 5] = ["</s>", "<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<eos>"];

pub(super) struct Undressed {
    /// The answer in the task's own spelling.
    pub answer: String,
    /// Something stood behind the answer that ends it.
    pub closed: bool,
    /// It was called the answer, or stood in a box.
    pub announced: bool,
    /// It was said with "yes" or "no".
    pub yes_or_no: bool,
}

/// Take off layer after layer until an answer is left.
pub(super) fn undressed(text: &str, answers: Answers, subjects: &Subjects, own_line: bool) -> Option<Undressed> {
    if !answers.trim
        && let Some(answer) = (answers.spelled)(text)
    {
        return Some(Undressed { answer, closed: false, announced: false, yes_or_no: false });
    }
    let text = if own_line { without_bullet(text.trim()) } else { text };
    peeled(text, answers, subjects, !answers.are_strings())
}

fn peeled(text: &str, answers: Answers, subjects: &Subjects, mut remark_allowed: bool) -> Option<Undressed> {
    let mut rest = text;
    let mut remark = None;
    let (mut closed, mut announced) = (false, false);
    let mut first_word = true;
    for _ in 0..LAYERS {
        rest = rest.trim();
        if let Some(answer) = (answers.spelled)(rest) {
            if remark.is_some_and(|remark| contradicts(remark, &answer, answers, subjects)) {
                return None;
            }
            let yes_or_no = ["yes", "no"].iter().any(|word| word.eq_ignore_ascii_case(rest)) && answer.len() == 1;
            return Some(Undressed { answer, closed, announced, yes_or_no });
        }
        if let Some((inner, opener)) = paired(rest, PAIRS.len()) {
            announced |= is_box(opener);
            (rest, closed) = (inner, true);
        } else if let Some(before) = dangling(rest) {
            (rest, closed) = (before, true);
        } else if let Some(before) = rest.strip_suffix(['.', ',', ';', ':', '!', '。']) {
            rest = before;
        } else if let Some(inner) = opened(rest) {
            rest = inner;
        } else if remark_allowed && let Some((before, said)) = with_remark(rest) {
            remark_allowed = false;
            remark = Some(said);
            (rest, closed) = (before, true);
        } else if let Some((after, word)) = subjects.before(rest, first_word, answers) {
            announced |= word == "answer";
            first_word = false;
            rest = after;
        } else {
            return None;
        }
    }
    None
}

/// Does a remark name another answer, or take back the one it stands behind?
fn contradicts(remark: &str, answer: &str, answers: Answers, subjects: &Subjects) -> bool {
    let bare = |text: &str| text.trim_matches(|c| answers.trim && AROUND.contains(c)).to_owned();
    let known = |said: &str| answers.same(&bare(said), &bare(answer)) || subjects.names(said);
    if let Some(Undressed { answer: said, .. }) = peeled(remark, answers, subjects, false) {
        return !known(&said);
    }
    // Words of the answer itself are no other answers.
    let rest = if answer.contains(' ') { remark.replace(answer, " , ") } else { remark.to_owned() };
    // What has no words is no remark.
    let has_words = remark.contains(|c: char| c.is_ascii_alphabetic()) && (answers.trim || !remark.contains('⟨'));
    if rest.len() > REMARK || is_hedged(&rest) || !has_words {
        return true;
    }
    let mut parts = rest.split([',', ';', ':', '–', '—']).filter_map(|part| peeled(part, answers, subjects, false));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let another = |word: &str| {
        let said = (answers.spelled)(word).filter(|_| (answers.mentions)(word));
        // Of numbers also those that are too long to be answers.
        let said = said.or_else(|| (!word.is_empty() && is_digits(word) && is_digits(answer)).then(|| word.to_owned()));
        said.map(|said| !known(&said))
    };
    parts.any(|said| (answers.mentions)(&said.answer) && !known(&said.answer))
        || mentions_another(&rest, answers, &known, &another)
}

/// Do words of a remark, one or several in a row, read as another answer?
fn mentions_another(
    remark: &str,
    answers: Answers,
    known: &dyn Fn(&str) -> bool,
    another: &dyn Fn(&str) -> Option<bool>,
) -> bool {
    let words: Vec<&str> = remark.split_whitespace().flat_map(|word| word.split('/')).collect();
    let reads = |text: &str| another(text.trim_matches(|c| AROUND.contains(c))).or_else(|| another(text));
    let mut at = 0;
    'words: while let Some(&word) = words.get(at) {
        let next = words.get(at + 1).copied().unwrap_or_default();
        // What is said of something else is no answer.
        let of = at.checked_sub(1).map(|before| words[before]).unwrap_or_default();
        let valued = at >= 2 && JOINED.contains(&of) && !known(words[at - 2]);
        if valued || COUNTED.iter().any(|counted| counted.eq_ignore_ascii_case(of)) || is_english(word, next, answers) {
            at += 1;
            continue;
        }
        for count in (1..=WORDS_OF_ANSWER.min(words.len() - at)).rev() {
            match reads(&words[at..at + count].join(" ")) {
                Some(true) => return true,
                Some(false) => {
                    at += count;
                    continue 'words;
                }
                None => {}
            }
        }
        let value = JOINED.iter().find_map(|joint| word.rsplit_once(joint));
        if value.is_some_and(|(of, value)| (of.is_empty() || known(of)) && reads(value) == Some(true)) {
            return true;
        }
        at += 1;
    }
    false
}

/// Is this the article or the pronoun, where a letter may be an answer?
fn is_english(word: &str, next: &str, answers: Answers) -> bool {
    let verb = || next.ends_with("ed") || ["am", "did", "found", "got", "have", "took", "went"].contains(&next);
    answers.fold_case && (word == "a" || (word == "I" && verb()))
}

/// The text within a pair of marks.
fn paired(text: &str, pairs: usize) -> Option<(&str, &'static str)> {
    PAIRS[..pairs].iter().find_map(|&(open, close)| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        // Symbols of strings may be brackets.
        let whole = pairs < PAIRS.len() || is_balanced(inner, open, close);
        (!inner.is_empty() && whole).then_some((inner, open))
    })
}

/// Do brackets around a text belong to each other, and not to parts of it?
fn is_balanced(inner: &str, open: &str, close: &str) -> bool {
    let (Some(opening), Some(closing)) = (open.chars().next_back(), close.chars().next_back()) else {
        return true;
    };
    if open == close || !")]}".contains(closing) {
        return true;
    }
    let mut depth = 0;
    inner.chars().all(|c| {
        depth += i64::from(c == opening) - i64::from(c == closing);
        depth >= 0
    })
}

/// The text before a closing mark at its end that nothing opened: what was opened before the marker ends here.
fn dangling(text: &str) -> Option<&str> {
    if let Some(before) = END_MARKS.iter().find_map(|mark| text.strip_suffix(mark)) {
        return Some(before);
    }
    // Greater than it is no mark.
    PAIRS.iter().filter(|(open, _)| *open != "<").find_map(|&(open, close)| {
        let before = text.strip_suffix(close)?;
        let unopened = if open == close {
            !before.trim_end_matches(close).contains(open)
        } else {
            let brace = if close == "}" { "{" } else { open };
            before.matches(brace).count() <= before.matches(close).count()
        };
        unopened.then_some(before)
    })
}

/// The text behind an opening mark at its beginning that nothing closes.
fn opened(text: &str) -> Option<&str> {
    EMPHASIS.iter().find_map(|&mark| {
        let inner = text.strip_prefix(mark)?;
        (!inner.contains(mark)).then_some(inner)
    })
}

/// A line without the bullet, quotation mark or hashes that begin it.
fn without_bullet(line: &str) -> &str {
    let rest = line.trim_start_matches('#');
    let rest = if rest.len() < line.len() { rest.strip_prefix(' ') } else { None };
    let rest = rest.or_else(|| ["- ", "* ", "• ", "> "].iter().find_map(|mark| line.strip_prefix(mark)));
    // Before a digit it may be a sign.
    rest.filter(|rest| !(line.starts_with('-') && rest.starts_with(|c: char| c.is_ascii_digit()))).unwrap_or(line)
}

/// An answer and a remark on it: in parentheses, or a reason.
fn with_remark(text: &str) -> Option<(&str, &str)> {
    let parts = parenthesis(text).or_else(|| reason(text));
    parts.filter(|(before, _)| !before.trim().is_empty())
}

fn parenthesis(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix(')')?;
    let mut depth = 1;
    for (at, c) in inside.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..at], &inside[at + 1..]));
        }
    }
    None
}

fn reason(text: &str) -> Option<(&str, &str)> {
    let lower = text.to_ascii_lowercase();
    [" because ", " since "].iter().find_map(|word| {
        let at = lower.find(word)?;
        Some((&text[..at], &text[at + word.len()..]))
    })
}

/// A reading of a text as it stands, or within markup.
pub(super) struct Plain<'a> {
    pub text: &'a str,
    /// Something stood behind it that ends it.
    pub closed: bool,
    /// It was called the answer, or stood in a box.
    pub announced: bool,
}

/// What the text at a place may say where spaces and markup can belong to the answer.
pub(super) fn readings<'a>(place: &'a Found<'_>, subjects: &Subjects, answers: Answers) -> Vec<Plain<'a>> {
    let text = place.text();
    let mut found = vec![Plain { text, closed: false, announced: false }];
    let closer = match place.opener {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        other => other,
    };
    if !closer.is_empty()
        && let Some(text) = text.strip_suffix(closer)
    {
        found.push(Plain { text, closed: true, announced: false });
    }
    let (mut rest, mut closed, mut announced) = (text, false, false);
    for layer in 0..LAYERS_OF_STRINGS {
        let trimmed = rest.trim();
        let whole = paired(trimmed, PAIRS_OF_STRINGS);
        let whole = whole.or_else(|| paired(trimmed.strip_suffix('.')?, PAIRS_OF_STRINGS));
        if let Some((inner, opener)) = whole {
            announced |= is_box(opener);
            (rest, closed) = (inner, true);
        } else if let Some((after, word)) = subjects.before(rest.trim_start(), layer == 0, answers) {
            announced |= word == "answer";
            rest = after;
        } else {
            break;
        }
        found.push(Plain { text: rest, closed, announced });
    }
    found
}

fn is_box(opener: &str) -> bool {
    opener == "\\boxed{" || opener == "<answer>"
}
