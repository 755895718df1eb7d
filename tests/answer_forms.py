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
    continuation: bool = False


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
CAPO = ("capo",)
EXACT = (*STRINGS, *SYMBOLS)
# Whatever the answer is, these remarks take it back or name another.
REMARKS = (
    *("(also {W})", "({W} is equally valid)", "(if one-based, {W})", "({W} works too)", "(then {W})"),
    *("(changed to {W})", "(now {W})", "(discarded; {W} is right)", "because otherwise {W}"),
    *("because of x, so {W}", "({W} is the result)", "(it may be {W})", "(false alarm)", "(invalid)", "(oops, {W})"),
    *(
        "(nope)",
        "(maybe {W})",
        "(instead of {W})",
        "since {W} is the result",
        "(that gives ={W})",
        "(same as {W})",
        "because x moved, then {W}",
    ),
)
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
    Form("R (because)", dress("ANSWER: {R} (because the swap moved it)"), SINGLE, AS_ONE),
    Form("R (as I)", dress("ANSWER: {R} (as I followed it step after step)"), TYPED, AS_ONE),
    Form("R (a longer remark)", dress("ANSWER: {R} (it follows from the rules, in order)"), SINGLE, AS_ONE),
    Form("R (R)", dress("ANSWER: {R} (that is, {R})"), TYPED, AS_ONE),
    Form("R because", dress("ANSWER: {R} because that follows."), SINGLE, AS_ONE),
    Form("R, since", dress("ANSWER: {R}, since that follows."), SINGLE, AS_ONE),
    Form("Output: R", dress("ANSWER: Output: {R}"), SINGLE, "words are symbols"),
    Form("the answer is R", dress("ANSWER: the answer is {R}")),
    Form("= R", dress("ANSWER: = {R}"), SINGLE, "signs are symbols"),
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
    Form("denied before", dress("{W} is not the answer.\nANSWER: {R}")),
    Form("denied, then on the line", dress("It is not {W}. The final answer: {R}\n")),
    Form("JSON with a denial", in_json(reasoning="It is not {W}.", answer="{R}")),
    Form("<think a=1>", dress('<think a="1">ANSWER: {W}</think>ANSWER: {R}')),
    Form("[THINK]", dress("[THINK]ANSWER: {W}[/THINK]ANSWER: {R}")),
    Form("continued: R", dress("{R}"), continuation=True),
    Form("continued: R and lines", dress("{R}\n\nQ: and so on\nAnswer: {W}"), continuation=True),
    Form("continued: R and carriage returns", dress("{R}\r\n{W}"), continuation=True),
    Form("continued: ANSWER: R", dress("ANSWER: {R}\n"), continuation=True),
    Form("continued: space R", dress(" {R}\n"), TYPED, "a space is a symbol", continuation=True),
    Form("continued: R.", dress(" {R}. And so on."), CAPO, "rows hold no sentences", continuation=True),
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
    *(Form(f"R {remark}".replace("{W}", "W"), dress("ANSWER: {R} " + remark)) for remark in REMARKS),
    *(
        Form(f"{name} X", dress("ANSWER: " + name + "{R}"), STRINGS, "signs and words may stand before an answer")
        for name in ("=", ":", "->", "→ ", "the ", "Output: ", "so ")
    ),
    *(Form(f"{sign} R", dress("ANSWER: " + sign + "{R}")) for sign in ("<", "< ", "<= ", ">= ", "≠ ", "~ ", "(", "[")),
    Form("R >", dress("ANSWER: {R} >")),
    Form("The wrong answer", dress("The wrong answer: {R}")),
    Form("not the answer", dress("This is not the answer: {R}")),
    Form("isn't the answer", dress("It isn't the answer: {R}")),
    Form("incorrect, then W", dress("One incorrect answer: {R}\nSo it must be {W}")),
    Form("a possible answer", dress("A possible answer: {R}\nBut who knows.")),
    Form("first guess", dress("My first guess of an answer: {R}\n")),
    Form("JSON of a wrong answer", in_json(wrong_answer="{R}")),
    Form(
        "JSON of R or W",
        lambda case: f'{{"answer": {json.dumps(case.right)} or {json.dumps(case.wrong)}}}',
    ),
    Form("open <think a=1>", dress("<think a=1>ANSWER: {R}")),
    Form("open [THINK]", dress("[THINK]maybe ANSWER: {R}")),
    Form("continued: W, then ANSWER: R", dress("{W}\n\nQ: and so on\nAnswer: {R}"), continuation=True),
    Form("continued: W ANSWER: R", dress("{W} ANSWER: {R}"), continuation=True),
    Form("continued: line break", dress("\n{R}"), continuation=True),
    Form("continued: R or W", dress("{R} or {W}"), continuation=True),
    Form("continued: R W", dress("{R} {W}"), continuation=True),
    Form("continued: R.5", dress("{R}.5"), continuation=True),
    Form("continued: R am unable", dress("{R} am unable to say"), continuation=True),
    *(
        Form(f"continued: R {remark}".replace("{W}", "W"), dress("{R} " + remark), continuation=True)
        for remark in REMARKS[:4]
    ),
    *(
        Form(f"continued: {name}", dress(name.replace("X", "{R}")), EXACT, "may be dressed", continuation=True)
        for name in ("=X", ":X", "->X", '"X"', "**X**", "`X`", "the X", "the answer is X", " X", "ANSWER: =X")
    ),
    Form("No.", lambda case: ("No.", "Yes.")[int(case.right)], ("logic",), "is no bit"),
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
                        found = score(response, fresh.example, continuation=form.continuation)
                        yield Row(task, form, right, fresh, response, found.outcome)


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
