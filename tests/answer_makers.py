"""Wrong answers of the right type, and other spellings of right ones, for every task."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

import synthgen

STRINGS = ("copying", "pattern", "reversal", "selective")
"""Answers are strings of arbitrary symbols, spaces and markup among them."""
SYMBOLS = ("kv", "recall")
"""Answers are one symbol."""
TYPED = tuple(task for task in synthgen.tasks() if task not in (*STRINGS, *SYMBOLS))
BITS = ("false", "true")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SYMBOL = re.compile(r"⟨[^⟩]*⟩|.", re.DOTALL)

T = TypeVar("T")


@dataclass
class Case:
    """An example, a wrong answer to it, and what is random about a form."""

    task: str
    example: dict[str, Any]
    targets: Sequence[str]
    rng: Random
    wrong: str = field(default="")

    @property
    def right(self) -> str:
        return str(self.example["target"])

    @property
    def prompt(self) -> str:
        return str(self.example["input_text"])

    @property
    def recased(self) -> str:
        """The answer with the case of its letters changed."""
        return self.right.swapcase()

    @property
    def shorter(self) -> str:
        """The answer without its last symbol."""
        return "".join(SYMBOL.findall(self.right)[:-1]) or "⟨100⟩⟨101⟩"

    def pick(self, items: Sequence[T]) -> T:
        return self.rng.choice(items)

    def again(self, rng: Random) -> Case:
        """The same example with another wrong answer."""
        return replace(self, wrong=wrong_answer(self.task, self.right, self.example, self.targets, rng), rng=rng)

    def applies(self, form: str) -> bool:
        """Say whether a form says of this example what it says of others."""
        if form == "case changed":
            return self.recased != self.right
        if form == "small and capital letters":
            return any(c.isalpha() for c in self.right) and self.task != "logic"
        return True


def cases(task: str, count: int, rng: Random) -> list[Case]:
    """Examples of the three levels."""
    module = synthgen.get(task)
    found = []
    for level in (1, 2, 3):
        examples = module.examples(count, seed=7, difficulty=level)
        targets = [row["target"] for row in module.examples(40, seed=8, difficulty=level)]
        found += [Case(task, example, targets, rng) for example in examples]
    return found


def changed_number(text: str, rng: Random) -> str:
    value = int(text)
    return str(
        rng.choice(
            [n for n in (value - 1, value + 1, value + 10, value * 10 + 1, value // 10) if n >= 0 and n != value]
        )
    )


def changed_list(items: list[str], rng: Random) -> list[str]:
    """Another list: two items exchanged, one changed for another, the first or last one missing."""
    items = list(items)
    how = rng.randrange(4)
    if how == 0 and len(set(items)) > 1:
        at = rng.choice([i for i in range(1, len(items)) if items[i] != items[i - 1]])
        items[at - 1], items[at] = items[at], items[at - 1]
    elif how == 1 and len(items) > 1:
        items.pop()
    elif how == 2 and len(items) > 1:
        items.pop(0)
    else:
        items.append(items[0])
    return items


def changed_symbols(text: str, rng: Random) -> str:
    symbols = SYMBOL.findall(text)
    at = rng.randrange(len(symbols))
    if rng.random() < 0.5:
        return "".join(changed_list(symbols, rng))
    symbols[at] = rng.choice([s for s in ("⟨123⟩", "a", "Z", ".", "⟨321⟩") if s != symbols[at]])
    return "".join(symbols)


def changed_word(word: str, rng: Random) -> str:
    """Another name of numbers: the last changed, or one more."""
    parts = word.split(".")
    return rng.choice([".".join([*parts[:-1], changed_number(parts[-1], rng)]), word + ".1"])


def changed_date(date: str, rng: Random) -> str:
    month, day, year = date.replace(",", "").split(" ")
    return rng.choice([f"{month} {int(day) % 28 + 1}, {year}", f"{month} {day}, {int(year) + 1}"])


CHANGED: dict[str, Callable[[str, Random], str]] = {
    **dict.fromkeys(STRINGS, changed_symbols),
    **dict.fromkeys(SYMBOLS, lambda right, rng: rng.choice(["⟨123⟩", "⟨145⟩", "a", "Z", "7", right.swapcase()])),
    **dict.fromkeys(("arithmetic", "mano"), changed_number),
    **dict.fromkeys(("inducto", "brevo", "lano"), lambda right, rng: " ".join(changed_list(right.split(" "), rng))),
    "logic": lambda right, _: str(1 - int(right)),
    "sequence": lambda right, rng: f"[{changed_number(right[1:-1], rng)}]",
    "dyna": lambda right, rng: changed_number(right, rng) if right.isdigit() else rng.choice("ABCDEFGHIJ"),
    "depo": changed_word,
}


def one_wrong(task: str, right: str, targets: Sequence[str], rng: Random) -> str:
    """Draw an answer of the same type."""
    if task in CHANGED and (task != "depo" or rng.random() < 0.6):
        return CHANGED[task](right, rng)
    if task == "capo" and right[-4:].isdigit() and rng.random() < 0.6:
        return changed_date(right, rng)
    return rng.choice(targets)


def wrong_answer(task: str, right: str, example: dict[str, Any], targets: Sequence[str], rng: Random) -> str:
    """Draw an answer of the same type that the task itself does not accept."""
    for _ in range(200):
        found = one_wrong(task, right, targets, rng)
        if found.casefold() == right.casefold() and task not in (*STRINGS, *SYMBOLS):
            continue
        if found != right and not (task in ("brevo", "lano") and accepted(task, example, found)):
            return found
    raise AssertionError(f"no wrong answer to {right!r} of {task}")


def accepted(task: str, example: dict[str, Any], answer: str) -> bool:
    """Ask the task's validator, which knows nothing of responses, whether an answer is right."""
    module = synthgen.get(task)
    return bool(module.validate({**example, "target": answer}, difficulty=example["difficulty"]).ok)


def listed(case: Case) -> list[str]:
    items = case.right.split(" ")
    return [
        "[" + case.right + "]",
        ", ".join(items),
        "[" + ", ".join(items) + "]",
        "[" + ",".join(f"'{item}'" for item in items) + "]",
        " -> ".join(items),
        "(" + ", ".join(items) + ")",
        "`" + ",".join(items) + "`",
    ]


def logical(case: Case) -> list[str]:
    gate = case.prompt.split("QUERY ")[1].removesuffix(" ->")
    word = BITS[int(case.right)]
    forms = [word, word.upper(), f"{case.right} ({word})", f"{word} ({case.right})", f"{gate}={case.right}"]
    return [
        *forms,
        f"{gate} = {case.right}",
        f"{gate} -> {case.right}",
        ("No", "Yes")[int(case.right)],
        f"gate {gate} is {word}",
    ]


def dynamic(case: Case) -> list[str]:
    kind, asked = case.prompt.split("QUERY ")[1].removesuffix(" ->").split(" ")
    if kind == "element":
        return [f"position {case.right}", f"element {asked} is at position {case.right}", f"{asked} = {case.right}"]
    return [
        f"element {case.right}",
        f"the element at position {asked} is {case.right}",
        f"{case.right} (position {asked})",
    ]


def dated(case: Case) -> list[str]:
    if not case.right[-4:].isdigit():
        return [f"It is {case.right}", f"{case.prompt.strip()} {case.right}"]
    month, day, year = case.right.replace(",", "").split(" ")
    iso = f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}"
    return [
        f"{day} {month} {year}",
        iso,
        f"{month[:3]} {day}, {year}",
        f"{day} of {month}, {year}",
        f"{month} {day} {year}",
    ]


def summed(case: Case) -> list[str]:
    a, b = case.prompt.split(", ")[-1].removesuffix("=").split("+")
    return [f"{a}+{b}={case.right}", f"{a} + {b} = {case.right}", f"{b}+{a}={case.right}", f"the sum is {case.right}"]


def continued(case: Case) -> list[str]:
    shown = case.prompt.split(", ")[-1]
    number = case.right[1:-1]
    return [number, shown + case.right, f"{shown} {number}", f"the next number is {number}", f"( {number} )"]


def paired(case: Case) -> list[str]:
    word = case.prompt.split(", ")[-1].removesuffix(":")
    return [f"{word}:{case.right}", f"{word} -> {case.right}", f"a {case.right}", f"the word {case.right}"]


def housed(case: Case) -> list[str]:
    name = case.prompt.split("Where does ")[1].removesuffix(" live? ")
    return [f"{name} lives in {case.right}.", f"in {case.right}", f"the city is {case.right}", f"{name}: {case.right}"]


SPELLINGS: dict[str, Callable[[Case], list[str]]] = {
    "inducto": lambda case: [*listed(case), case.right.replace(" ", "")],
    "brevo": listed,
    "lano": listed,
    "logic": logical,
    "dyna": dynamic,
    "capo": dated,
    "arithmetic": summed,
    "sequence": continued,
    "analogy": paired,
    "facts": housed,
    "filtro": lambda case: [
        f"{case.prompt.split('QUERY ')[1][0]}:{case.right}",
        f"node {case.right}",
        f"{case.right} ({case.prompt.split('QUERY ')[1][0]})",
    ],
    "trigger2d": lambda case: [f"F(x,T) = {case.right}", f"the colour is {case.right}", f"F = {case.right}"],
}


def spellings(case: Case) -> list[str]:
    """Other spellings of the right answer that the task knows."""
    return SPELLINGS[case.task](case)
