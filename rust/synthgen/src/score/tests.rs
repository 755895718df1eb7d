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
    mentions: is_letter,
    leading: |_| None,
    leads: &["element", "position"],
    stops: &["\n", " |", "]"],
    fold_case: true,
    trim: true,
};

const ANY: Answers = Answers {
    is_answer: |text| !text.is_empty(),
    spelled: |text| (!text.is_empty()).then(|| text.to_owned()),
    subjects: |_| Vec::new(),
    mentions: |_| true,
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
        "ANSWER: B because it moves away",
        "ANSWER: B (a swap moved it, and x is at B)",
        "ANSWER: B (as I followed it, so it is B)",
        "ANSWER: B (as g1 = D says)",
        "**My answer:** B",
        "That was not it. Answer: B",
        "{\"why\": \"it is not C\", \"final_answer\": \"B\"}",
        "It is not C.\nANSWER: B",
        "Not C: my final answer is below.\n> **ANSWER:** B",
        "[THINK]ANSWER: C[/THINK]ANSWER: B",
        "<think a=\"1\">ANSWER: C</think>ANSWER: B",
        "B < C, so I <think they say\nANSWER: B",
        "ANSWER: B\nThis is not the answer: C",
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
    assert_eq!(any("ANSWER: So the answer is: B", "B"), Outcome::Correct);
    for response in ["=B", ":B", "->B", "→ B", "the B", "Output: B", "B (so it is)", "<B", "B because that is it"] {
        assert_eq!(any(&format!("ANSWER: {response}"), "B"), Outcome::Wrong, "{response}");
        assert_eq!(any(response, "B"), Outcome::Wrong, "{response}");
    }
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
        ("ANSWER: B (C moves away)", Outcome::Unparsed),
        ("ANSWER: B (I is there)", Outcome::Unparsed),
        ("ANSWER: B (for x = C)", Outcome::Unparsed),
        ("ANSWER: B (it may be C/D)", Outcome::Unparsed),
        ("ANSWER: B because of this, so C", Outcome::Unparsed),
        ("ANSWER: B (this is false)", Outcome::Unparsed),
        ("ANSWER: B because otherwise it fails", Outcome::Unparsed),
        ("ANSWER: <B", Outcome::Unparsed),
        ("ANSWER: <= B", Outcome::Unparsed),
        ("ANSWER: B>", Outcome::Unparsed),
        ("ANSWER: (B", Outcome::Unparsed),
        ("ANSWER: [B", Outcome::Unparsed),
        ("The wrong answer: B", Outcome::Unparsed),
        ("This isn’t the answer: B", Outcome::Unparsed),
        ("One incorrect answer: B\nSo it must be C", Outcome::Unparsed),
        ("{\"wrong_answer\": \"B\"}", Outcome::Unparsed),
        ("{\"answer\": \"B\" or \"C\"}", Outcome::Unparsed),
        ("<think a=1>ANSWER: B", Outcome::Truncated),
        ("[THINK]maybe ANSWER: B", Outcome::Truncated),
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
    for response in
        [" B", "B", " B | QUERY C", " B\nSTATE", " [B", "[B] | C", "B\n\nQ\nAnswer: C", "ANSWER: B\nC", "**ANSWER:** B"]
    {
        assert_eq!(of(response, false), Outcome::Correct, "{response}");
    }
    assert_eq!(of(" C\nANSWER: B", false), Outcome::Wrong);
    assert_eq!(of(" zy\nANSWER: B", false), Outcome::Unparsed);
    assert_eq!(of(" C ANSWER: B", false), Outcome::Unparsed);
    let exactly =
        |response| against(response, "", Served { cut: false, continuation: true }, ANY, &|given| given == "B").outcome;
    for response in ["B", "B\nand more", "B\r\n", "ANSWER: B\n"] {
        assert_eq!(exactly(response), Outcome::Correct, "{response}");
    }
    for response in ["=B", ":B", "->B", "\"B\"", "**B**", " B", "B ", "the answer is B", "ANSWER: =B"] {
        assert_eq!(exactly(response), Outcome::Wrong, "{response}");
    }
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

#[test]
fn a_word_of_agreement_alone_answers_nothing() {
    let bits = Answers { spelled: forms::bit, mentions: |text| forms::bit(text).is_some(), ..LETTER };
    let of = |response: &str| against(response, "x", Served::default(), bits, &|given| given == "0").outcome;
    for response in ["No", "No.", "**no**", "Yes."] {
        assert_eq!(of(response), Outcome::Unparsed, "{response}");
    }
    for response in ["ANSWER: no", "The answer is no.", "False.", "0", "ANSWER: 0 (false)", "ANSWER: 0 (no)"] {
        assert_eq!(of(response), Outcome::Correct, "{response}");
    }
    for response in ["ANSWER: 0 (true)", "ANSWER: 1 (false)", "ANSWER: 0 (invalid)"] {
        assert_eq!(of(response), Outcome::Unparsed, "{response}");
    }
}
