"""Forms of responses to try scorers on: dresses of a right answer, and of wrong ones. Written to docs/scoring.md.

`python -m tests.answer_forms` tells which rows went wrong; with `--write` it writes the table.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import synthgen

from tests.answer_makers import BITS, STRINGS, SYMBOLS, TYPED, Case, cases, spellings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scoring.md"
REGION = re.compile(r"(<!-- forms -->\n).*?(<!-- /forms -->)", re.DOTALL)

Make = Callable[[Case], str]


class Form(NamedTuple):
    """A form of response. `tasks` are those it applies to; `why` says what is different in the others."""

    name: str
    make: Make
    tasks: tuple[str, ...] = tuple(synthgen.tasks())
    why: str = ""


def dress(pattern: str) -> Make:
    """Put the right answer (R) and a wrong one (W) into a pattern."""
    parts = re.split(r"(\{R\}|\{W\})", pattern)
    return lambda case: "".join({"{R}": case.right, "{W}": case.wrong}.get(part, part) for part in parts)


def in_json(**members: str | list[str]) -> Make:
    """A JSON object whose strings are patterns."""

    def make(case: Case) -> str:
        filled = {
            name: dress(value)(case) if isinstance(value, str) else [dress(item)(case) for item in value]
            for name, value in members.items()
        }
        return json.dumps(filled, ensure_ascii=False)

    return make


TASKS = tuple(synthgen.tasks())
SINGLE = tuple(task for task in TASKS if task not in STRINGS)
AS_ONE = "what stands behind a string of symbols is part of it"
BRACKETS = "brackets are symbols"

RIGHT: tuple[Form, ...] = (
    Form("ANSWER: R", dress("ANSWER: {R}")),
    Form("answer: R", dress("answer: {R}")),
    Form("Final answer: R", dress("Let me see.\n\nFinal answer: {R}\n")),
    Form("the last of two ANSWER lines", dress("ANSWER: {W}\nNo, that was wrong.\nANSWER: {R}")),
    Form("draft in <think>", dress("<think>ANSWER: {W}</think>\nANSWER: {R}")),
    Form("reasoning closed but not opened", dress("It may be {W}.\n</think>\n\nANSWER: {R}")),
    Form("**ANSWER:** R", dress("**ANSWER:** {R}")),
    Form("**ANSWER: R**", dress("**ANSWER: {R}**")),
    Form("**ANSWER**: **R**", dress("**ANSWER**: **{R}**")),
    Form("*R*", dress("ANSWER: *{R}*")),
    Form("`R`", dress("ANSWER: `{R}`")),
    Form("**`R`**", dress("ANSWER: **`{R}`**")),
    Form('"R"', dress('ANSWER: "{R}"')),
    Form("“R”", dress("ANSWER: “{R}”")),
    Form("'R'", dress("ANSWER: '{R}'")),
    Form("\\boxed{R}", dress("ANSWER: \\boxed{{R}}")),
    Form("\\boxed{\\text{R}}", dress("ANSWER: \\boxed{\\text{{R}}}")),
    Form("<answer>R</answer>", dress("ANSWER: <answer>{R}</answer>")),
    Form("on the next line", dress("ANSWER:\n{R}\n")),
    Form("in a code block", dress("ANSWER:\n```\n{R}\n```\n")),
    Form("heading", dress("## Answer:\n\n{R}")),
    Form("followed by lines", dress("ANSWER: {R}\nI went through it step by step, and {W} is out.")),
    Form("carriage returns", dress("So:\r\nANSWER: {R}\r\n")),
    Form("R alone", dress("{R}")),
    Form("`R` alone", dress("`{R}`")),
    Form("The answer is `R`.", dress("The answer is `{R}`.")),
    Form(
        "lines, then: Therefore, the answer is **R**", dress("First {W}.\nThen more.\nTherefore, the answer is **{R}**")
    ),
    Form("JSON", in_json(reasoning="short", answer="{R}")),
    Form("$R$", dress("ANSWER: $ {R} $"), SINGLE, BRACKETS),
    Form("\\(R\\)", dress("ANSWER: \\({R}\\)"), SINGLE, BRACKETS),
    Form("[R]", dress("ANSWER: [{R}]"), SINGLE, BRACKETS),
    Form("(R)", dress("ANSWER: ({R})"), SINGLE, BRACKETS),
    Form("$$ on lines of their own", dress("ANSWER:\n$$\n\\boxed{{R}}\n$$"), SINGLE, BRACKETS),
    Form("R.", dress("ANSWER: {R}."), SINGLE, AS_ONE),
    Form("**R**.", dress("ANSWER: **{R}**.")),
    Form("spaces around", dress("ANSWER:   {R}  "), SINGLE, AS_ONE),
    Form("R (a remark)", dress("ANSWER: {R} (by following the steps)"), SINGLE, AS_ONE),
    Form("R because", dress("ANSWER: {R} because that follows."), SINGLE, AS_ONE),
    Form("R, since", dress("ANSWER: {R}, since that follows."), SINGLE, AS_ONE),
    Form("Output: R", dress("ANSWER: Output: {R}")),
    Form("the answer is R", dress("ANSWER: the answer is {R}")),
    Form("= R", dress("ANSWER: = {R}")),
    Form("one sentence", dress("The final result is {R}."), SINGLE, AS_ONE),
    Form("lines, then: So the final answer is R.", dress("First.\nThen.\nSo the final answer is {R}."), SINGLE, AS_ONE),
    Form("lines, then a box", dress("First.\nThen.\n$\\boxed{{R}}$"), SINGLE, BRACKETS),
    Form("lines, then \\[ a box \\]", dress("First.\nThen:\n\\[\n\\boxed{{R}}\n\\]\n"), SINGLE, BRACKETS),
    Form("a dict", lambda case: str({"final_answer": case.right}), SINGLE, BRACKETS),
    Form("quotation", dress("> ANSWER: {R}")),
    Form("ANSWER : R", dress("ANSWER : {R}")),
    Form("bullet", dress("- ANSWER: {R}")),
    Form("end mark of a chat", dress("ANSWER: {R}<|im_end|>"), TYPED, AS_ONE),
    Form(
        "the task's other spellings",
        lambda case: "ANSWER: " + case.pick(spellings(case)),
        tuple(task for task in TASKS if task not in (*STRINGS, *SYMBOLS, "depo", "mano")),
        "has one spelling",
    ),
    Form("small and capital letters", lambda case: "ANSWER: " + case.right.swapcase(), TYPED, "case matters"),
)


WRONG: tuple[Form, ...] = (
    Form("ANSWER: W", dress("ANSWER: {W}")),
    Form("**ANSWER:** `W`", dress("**ANSWER:** `{W}`")),
    Form("\\boxed{W}", dress("ANSWER: \\boxed{{W}}")),
    Form("W alone", dress("{W}")),
    Form("the last of two ANSWER lines", dress("ANSWER: {R}\nANSWER: {W}")),
    Form("draft right, final wrong", dress("I think {R}.\nANSWER: {R}\nWait, no.\n**ANSWER:** {W}\n")),
    Form("R only in <think>", dress("<think>\nANSWER: {R}\n</think>\n")),
    Form("R in <think>, W after it", dress("<think>ANSWER: {R}</think>ANSWER: {W}")),
    Form("open <think>", dress("<think>So it must be {R}.\nANSWER: {R}")),
    Form("open <thinking>", dress("<thinking>\nANSWER: {R}\n")),
    Form("empty", lambda _: ""),
    Form("ANSWER: and nothing", dress("So it is {R}.\nANSWER:")),
    Form("a template", dress("{R}\nANSWER: <value>")),
    Form("the prompt", lambda case: case.prompt),
    Form("the prompt, then ANSWER: and nothing", lambda case: case.prompt + "\nANSWER: "),
    Form("the prompt in <think>", lambda case: "<think>" + case.prompt),
    Form("refusal", lambda _: "I am unable to answer this question."),
    Form("refusal in an ANSWER line", lambda _: "ANSWER: I cannot tell."),
    Form("unknown", lambda _: "ANSWER: unknown"),
    Form("R or W", dress("ANSWER: {R} or {W}")),
    Form("W or R", dress("ANSWER: {W} or {R}")),
    Form("R / W", dress("ANSWER: {R} / {W}")),
    Form("either R or W", dress("ANSWER: either {R} or {W}")),
    Form("not R", dress("ANSWER: not {R}")),
    Form("is not R", dress("The answer is not {R}")),
    Form("R, no wait, W", dress("ANSWER: {R}, no wait, {W}")),
    Form("R. No, W.", dress("ANSWER: {R}. No, {W}.")),
    Form("R (or W)", dress("ANSWER: {R} (or {W})")),
    Form("R (W)", dress("ANSWER: {R} ({W})")),
    Form("W (R)", dress("ANSWER: {W} ({R})")),
    Form("W (not R)", dress("ANSWER: {W} (not {R})")),
    Form("W because not R", dress("ANSWER: {W} because it is not {R}")),
    Form("R?", dress("ANSWER: {R}?")),
    Form("R (wrong)", dress("ANSWER: {R} (that is wrong)")),
    Form("struck out", dress("ANSWER: ~~{R}~~ {W}")),
    Form("maybe R", dress("ANSWER: maybe {R}")),
    Form("lines without an answer", dress("It could be {R}.\nOr {W}.\nI do not know.")),
    Form("lines, R on the last", dress("Let us see.\nFirst this, then that.\n{R}")),
    Form("lines, then a sentence on R", dress("Let us see.\nMany people say {R}.")),
    Form("two boxes", dress("\\boxed{{R}}\nor\n\\boxed{{W}}")),
    Form("boxes on one line", dress("\\boxed{{R}} or \\boxed{{W}}")),
    Form("two lines below ANSWER", dress("ANSWER:\n{R}\n{W}")),
    Form("JSON of W", in_json(answer="{W}")),
    Form("JSON of a list of both", in_json(answer=["{R}", "{W}"])),
    Form("JSON of another key", in_json(guess="{R}")),
    Form("W, R explained below", dress("ANSWER: {W}\nIt is not {R}.")),
    Form("therefore W", dress("First {R}.\nThen more.\nTherefore the answer is {W}")),
    Form("R and W", dress("ANSWER: {R} and {W}")),
    Form("R W", dress("ANSWER: {R} {W}")),
    Form("R = W", dress("ANSWER: {R} = {W}")),
    Form("is R wrong", dress("ANSWER: {R} is incorrect")),
    Form("if R", dress("ANSWER: {R} if I am not mistaken, else {W}")),
    Form("unequal to R", dress("ANSWER: != {R}")),
    Form("ANSWER R, then ANSWER nothing known", dress("ANSWER: {R}\nANSWER: I do not know.")),
    Form(
        "final_answer W in JSON after answer R",
        in_json(answer="{R}", final_answer="{W}"),
    ),
    Form(
        "R doubled", dress("ANSWER: {R} {R}"), tuple(t for t in TASKS if t != "lano"), "may be a string of the grammar"
    ),
    Form("R and a letter", dress("ANSWER: {R}q")),
    Form("a letter and R", dress("ANSWER: q{R}")),
    Form("-R", dress("ANSWER: -{R}")),
    Form("case changed", lambda case: "ANSWER: " + case.recased, (*STRINGS, *SYMBOLS), "case does not matter"),
    Form("spaces in front", dress("ANSWER:   {R}"), STRINGS, "spaces are no part of the answer"),
    Form("one symbol missing", lambda case: "ANSWER: " + case.shorter, STRINGS, "has no symbols in a row"),
    Form(
        "contradicting itself",
        lambda case: f"ANSWER: {case.right} ({BITS[1 - int(case.right)]})",
        ("logic",),
        "no second spelling",
    ),
)


class Row(NamedTuple):
    """A form tried on an example."""

    task: str
    form: Form
    right: bool
    case: Case
    response: str
    outcome: str

    @property
    def bad(self) -> bool:
        return self.right != (self.outcome == "correct")


def rows(count: int = 4) -> Iterator[Row]:
    """Every form on examples of every task and level; each with another wrong answer."""
    for task in TASKS:
        rng = Random(f"forms of {task}")
        score = synthgen.get(task).score
        # A string of a grammar, or an order of a graph, takes long to judge.
        for case in cases(task, {"lano": 1, "brevo": 2}.get(task, count), rng):
            for right, forms in ((True, RIGHT), (False, WRONG)):
                for form in forms:
                    if task in form.tasks and case.applies(form.name):
                        fresh = case.again(rng)
                        response = form.make(fresh)
                        yield Row(task, form, right, fresh, response, score(response, fresh.example).outcome)


def table(found: list[Row]) -> str:
    """Rows tried and gone wrong, for each task."""
    lines = ["| task | right forms | rows | false negatives | wrong forms | rows | false positives |"]
    lines += ["|---|" + "---:|" * 6]
    tried = Counter((row.task, row.right) for row in found)
    bad = Counter((row.task, row.right) for row in found if row.bad)
    for task in TASKS:
        cells = []
        for right, forms in ((True, RIGHT), (False, WRONG)):
            applying = sum(task in form.tasks for form in forms)
            cells += [str(applying), str(tried[task, right]), str(bad[task, right])]
        lines.append(f"| {task} | " + " | ".join(cells) + " |")
    total = [
        cell
        for right, forms in ((True, RIGHT), (False, WRONG))
        for cell in (len(forms), sum(tried[task, right] for task in TASKS), sum(bad[task, right] for task in TASKS))
    ]
    lines.append("| **all** | " + " | ".join(map(str, total)) + " |")
    lines += ["", "Forms that do not apply to every task:", ""]
    for title, forms in (("right", RIGHT), ("wrong", WRONG)):
        for form in forms:
            out = [task for task in TASKS if task not in form.tasks]
            if out:
                kept = ", ".join(form.tasks) if len(form.tasks) < len(out) else "all but " + ", ".join(out)
                lines.append(f"- {title}, `` {form.name} ``: {kept}. Elsewhere: {form.why}.")
    return "\n".join(lines) + "\n"


def page(found: list[Row]) -> str:
    """The page with its table up to date."""
    return REGION.sub(lambda match: match[1] + table(found) + match[2], PAGE.read_text())


def main() -> int:
    """Print what went wrong; write the page when asked to."""
    found = list(rows())
    for row in [row for row in found if row.bad][:60]:
        kind = "right" if row.right else "wrong"
        print(f"{row.task}: {kind} {row.form.name!r} is {row.outcome}: {row.response!r} for {row.case.right!r}")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(found))
    print(f"{len(found)} rows, {sum(row.bad for row in found)} gone wrong")
    return int(any(row.bad for row in found))


if __name__ == "__main__":
    sys.exit(main())
