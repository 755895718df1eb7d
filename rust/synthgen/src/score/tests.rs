//! What counts as an answer, on answers small enough to check by eye.

use std::cell::Cell;

use super::*;

fn is_letter(text: &str) -> bool {
    text.len() == 1 && text.chars().all(|c| c.is_ascii_alphabetic())
}

const LETTER: Answers = Answers {
    is_answer: is_letter,
    spelled: |text| is_letter(text).then(|| text.to_owned()),
    subjects: |prompt| vec![prompt.to_owned()],
    leading: |_| None,
    leads: &["element", "position"],
    stops: &["\n", " |"],
    fold_case: true,
    trim: true,
};

const ANY: Answers = Answers {
    is_answer: |text| !text.is_empty(),
    spelled: |text| (!text.is_empty()).then(|| text.to_owned()),
    subjects: |_| Vec::new(),
    leading: |_| None,
    leads: &[],
    stops: &["\n"],
    fold_case: false,
    trim: false,
};

fn letter(response: &str) -> Outcome {
    served(response, Served::default())
}

fn served(response: &str, served: Served) -> Outcome {
    against(response, "x", served, LETTER, &|given| given.eq_ignore_ascii_case("B")).outcome
}

fn any(response: &str, target: &str) -> Outcome {
    against(response, "", Served::default(), ANY, &|given| given == target).outcome
}

#[test]
fn right_answers_in_many_dresses() {
    for response in [
        "ANSWER: B",
        "answer: b",
        "**ANSWER:** B",
        "**ANSWER: B**",
        "ANSWER: **B**",
        "ANSWER: `B`",
        "ANSWER: [B]",
        "ANSWER: \\boxed{B}",
        "ANSWER: $\\boxed{\\text{B}}$.",
        "ANSWER: $B$",
        "ANSWER: \"B\"",
        "ANSWER: B.",
        "ANSWER:\nB",
        "ANSWER:\n\n```text\nB\n```\nas said",
        "draft\nANSWER: C\nno\nANSWER: B",
        "B",
        "<think>ANSWER: C</think>ANSWER: B",
        "ANSWER: element B",
        "Final answer: B",
        "ANSWER: the answer is B",
        "ANSWER: x = B",
        "ANSWER: B (x)",
        "ANSWER: B (at the end)",
        "ANSWER: B because C moves away",
        "The final element is B.",
        "First C.\nSo the answer is **B**.",
        "First C.\n\\[\n\\boxed{B}\n\\]",
        "{\"why\": \"C\", \"answer\": \"B\", \"sure\": true}",
        "ANSWER: B<|im_end|>",
    ] {
        assert_eq!(letter(response), Outcome::Correct, "{response}");
    }
}

#[test]
fn spaces_and_markup_count_where_they_belong_to_the_answer() {
    for target in [" ", " b", "b ", "  *b*  ", "**", "`a`", "B."] {
        for response in [format!("ANSWER: {target}"), format!("so\nANSWER: {target}\n"), target.to_owned()] {
            assert_eq!(any(&response, target), Outcome::Correct, "{response:?}");
        }
    }
    assert_eq!(any("ANSWER: **B**", "B"), Outcome::Correct);
    assert_eq!(any("**ANSWER: B**", "B"), Outcome::Correct);
    assert_eq!(any("The answer is `B`.", "B"), Outcome::Correct);
    assert_eq!(any("ANSWER: b", " b"), Outcome::Wrong);
    assert_eq!(any("ANSWER: b", "B"), Outcome::Wrong);
    assert_eq!(any("ANSWER:  B", "B"), Outcome::Wrong);
    assert_eq!(any("ANSWER: B.", "B"), Outcome::Wrong);
    assert_eq!(any("B\nNo, wait", "B"), Outcome::Unparsed);
    assert_eq!(any("No, wait\nB", "B"), Outcome::Unparsed);
}

#[test]
fn wrong_missing_and_cut_answers() {
    for (response, outcome) in [
        ("ANSWER: C", Outcome::Wrong),
        ("ANSWER: B\nANSWER: C", Outcome::Wrong),
        ("<think>ANSWER: B", Outcome::Truncated),
        ("<think>ANSWER: B</think>", Outcome::Unparsed),
        ("I am unable to B", Outcome::Unparsed),
        ("QUERY element B ->", Outcome::Unparsed),
        ("ANSWER: B or C", Outcome::Unparsed),
        ("ANSWER: B/C", Outcome::Unparsed),
        ("ANSWER: not B", Outcome::Unparsed),
        ("ANSWER: B?", Outcome::Unparsed),
        ("ANSWER: B (or C)", Outcome::Unparsed),
        ("ANSWER: B (C)", Outcome::Unparsed),
        ("ANSWER: ~~B~~", Outcome::Unparsed),
        ("ANSWER: y = B", Outcome::Unparsed),
        ("Is it B", Outcome::Unparsed),
        ("ANSWER:\nB\nC", Outcome::Unparsed),
        ("\\boxed{B}\n\\boxed{B}", Outcome::Unparsed),
        ("So the answer is B\nor not", Outcome::Unparsed),
        ("{\"answer\": [\"B\", \"C\"]}", Outcome::Unparsed),
        ("ANSWER:", Outcome::Unparsed),
        ("", Outcome::Unparsed),
    ] {
        assert_eq!(letter(response), outcome, "{response}");
    }
}

#[test]
fn a_cut_response_has_no_answer_at_its_end() {
    let cut = |response| served(response, Served { cut: true, continuation: false });
    for response in
        ["ANSWER: B", "ANSWER: C", "ANSWER: B.", "ANSWER:", "I think", "", "ANSWER:\n```\nB", "B", "ANSWER: \\boxed{B"]
    {
        assert_eq!(cut(response), Outcome::Truncated, "{response}");
    }
    for response in
        ["ANSWER: B\n", "ANSWER: \\boxed{B}", "ANSWER: **B**", "ANSWER: B (at", "ANSWER: B because", "ANSWER: B\nFor"]
    {
        let outcome = if response.ends_with("at") || response.ends_with("because") {
            Outcome::Truncated
        } else {
            Outcome::Correct
        };
        assert_eq!(cut(response), outcome, "{response}");
    }
    assert_eq!(cut("ANSWER: C\n"), Outcome::Wrong);
}

#[test]
fn a_continuation_begins_with_its_answer() {
    let of = |response, cut| served(response, Served { cut, continuation: true });
    for response in [" B", "B", " B | QUERY C", " B\nSTATE", " [B"] {
        assert_eq!(of(response, false), Outcome::Correct, "{response}");
    }
    assert_eq!(of(" C\nANSWER: B", false), Outcome::Correct);
    assert_eq!(of("\nB", false), Outcome::Unparsed);
    assert_eq!(of(" C | B", false), Outcome::Wrong);
    assert_eq!((of(" B", true), of(" B |", true)), (Outcome::Truncated, Outcome::Correct));
}

thread_local! {
    static READ: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn hostile_responses_are_read_a_bounded_number_of_times() {
    let counting = Answers {
        spelled: |text| {
            READ.with(|read| read.set(read.get() + text.len() + 1));
            None
        },
        ..LETTER
    };
    for unit in [
        "[",
        "]",
        "*",
        "**",
        "\"",
        "the ",
        "x=",
        "=",
        "\\boxed{",
        "}",
        "(",
        ")",
        " (a)",
        "answer",
        "answer:",
        "ANSWER: B\n",
        "<think>",
        "</think>",
        "<think></think>",
        "\n",
        "`",
        "```\n",
        " because ",
        "é",
        "⟨",
        ".",
        "- ",
        "#",
        " ",
        "{\"answer\": [",
        "B ",
        "1 ",
    ] {
        for (before, behind) in [("", ""), ("ANSWER: ", ""), ("ANSWER:\n", "B"), ("{\"answer\": ", "}")] {
            let response = format!("{before}{}{behind}", unit.repeat((1 << 17) / unit.len()));
            READ.with(|read| read.set(0));
            for served in [Served::default(), Served { cut: true, continuation: true }] {
                assert_ne!(against(&response, "x", served, counting, &|_| true).outcome, Outcome::Correct);
            }
            let read = READ.with(Cell::get);
            assert!(read <= 200 * response.len(), "{unit:?}: {read}");
        }
    }
}
