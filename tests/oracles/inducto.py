"""Oracle for Inducto: examples of a rule, and a sequence to apply it to.

Sequences are strings of letters, and rules are functions on them. A row is read as text and then spelled anew: its
pieces must be those that its text is spelled with. Every rule of the family is tried on every example.
"""

import random
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from string import ascii_uppercase as LETTERS
from typing import Any, NamedTuple

Rule = Callable[[str, int], str]
"""Takes a sequence and the size of the alphabet."""
Examples = Sequence[tuple[str, str]]

MIN_ALPHABET, MAX_ALPHABET = 5, 26
MIN_LENGTH, MAX_LENGTH = 4, 24
MAX_OUTPUT = 4 * MAX_LENGTH

# ---- rules ------------------------------------------------------------------------------------------------


def rotate_left(k: int) -> Rule:
    return lambda s, _: s[k % len(s) :] + s[: k % len(s)] if s else s


def rotate_right(k: int) -> Rule:
    return lambda s, _: s[-(k % len(s)) :] + s[: -(k % len(s))] if s and k % len(s) else s


def reverse_chunks(k: int) -> Rule:
    return lambda s, _: "".join(s[i : i + k][::-1] for i in range(0, len(s), k))


def every(step: int, start: int) -> Rule:
    return lambda s, _: s[start::step]


def drop_first(k: int) -> Rule:
    return lambda s, _: s[k:]


def drop_last(k: int) -> Rule:
    return lambda s, _: s[: max(len(s) - k, 0)]


def interleave_halves(s: str, _: int) -> str:
    """Take from both halves in turn; the second is the longer one, and what it has left comes last."""
    half = len(s) // 2
    first, second = s[:half], s[half:]
    return "".join(a + b for a, b in zip(first, second, strict=False)) + second[half:]


def remove_consecutive_dups(s: str, _: int) -> str:
    return re.sub(r"(.)\1+", r"\1", s)


@cache
def shift_table(k: int, alphabet: int) -> dict[int, str]:
    """Give what each letter of the alphabet becomes."""
    return {ord(LETTERS[i]): LETTERS[(i + k) % alphabet] for i in range(alphabet)}


def caesar_shift(k: int) -> Rule:
    return lambda s, alphabet: s.translate(shift_table(k, alphabet))


CLASS_1: dict[str, Rule] = {
    "REVERSE": lambda s, _: s[::-1],
    **{f"ROTATE_LEFT_{k}": rotate_left(k) for k in (1, 2, 3)},
    **{f"ROTATE_RIGHT_{k}": rotate_right(k) for k in (1, 2, 3)},
    **{f"DROP_FIRST_{k}": drop_first(k) for k in (1, 2)},
    **{f"DROP_LAST_{k}": drop_last(k) for k in (1, 2)},
    "DUPLICATE_EACH": lambda s, _: "".join(c + c for c in s),
}
CLASS_2: dict[str, Rule] = {
    **{f"EVERY_{step}_FROM_{start}": every(step, start) for step in (2, 3) for start in range(step)},
    "INTERLEAVE_HALVES": interleave_halves,
    "SWAP_PAIRS": reverse_chunks(2),
    "REMOVE_CONSECUTIVE_DUPS": remove_consecutive_dups,
    "SORT": lambda s, _: "".join(sorted(s)),
    "MIRROR": lambda s, _: s + s[::-1],
    **{f"CAESAR_SHIFT_{k}": caesar_shift(k) for k in (1, 2)},
}
SINGLE = {**CLASS_1, **CLASS_2}


def composite(first: str, then: str) -> Rule:
    """Return the rule that does one thing and then another."""
    one, other = SINGLE[first], SINGLE[then]
    return lambda s, alphabet: other(one(s, alphabet), alphabet)


CLASS_3: dict[str, Rule] = {
    "REVERSE_CHUNKS_3": reverse_chunks(3),
    "REVERSE_CHUNKS_4": reverse_chunks(4),
    **{
        f"{first}_THEN_{then}": composite(first, then)
        for first, then in [
            ("REVERSE", "ROTATE_LEFT_1"),
            ("SWAP_PAIRS", "REVERSE"),
            ("DROP_FIRST_1", "REVERSE"),
            ("CAESAR_SHIFT_1", "REVERSE"),
        ]
    },
}
FIXED = {**SINGLE, **CLASS_3}


@cache
def probes() -> list[tuple[str, int]]:
    """Return sequences of every length on which no two different rules of the family do the same throughout."""
    rng = random.Random("probes")
    found = []
    for n in range(MIN_LENGTH, MAX_LENGTH + 1):
        found.append(("A" * n, MAX_ALPHABET))
        for alphabet in (5, 7, 10, 26) * 2:
            letters = rng.choices(LETTERS[:alphabet], k=n)
            found.append(("".join(letters), alphabet))
            at = rng.randrange(1, n)
            letters[at] = letters[at - 1]
            found.append(("".join(letters), alphabet))
    return found


@cache
def with_composites() -> dict[str, Rule]:
    """Return the fixed rules, then all pairs of single ones that are functions of their own.

    Left out are pairs that may leave nothing, that do nothing on some length, that are an earlier rule by another name,
    and those that remove repeats from what may have one letter only.
    """
    profiles = {tuple(rule(s, alphabet) for s, alphabet in probes()) for rule in FIXED.values()}
    family = dict(FIXED)
    for first, then in product(SINGLE, SINGLE):
        rule = composite(first, then)
        profile = tuple(rule(s, alphabet) for s, alphabet in probes())
        changed = {len(s) for (s, _), made in zip(probes(), profile, strict=True) if s != made}
        one_letter = any(len(SINGLE[first](s, alphabet)) < 2 for s, alphabet in probes())
        if not all(profile) or len(changed) < MAX_LENGTH - MIN_LENGTH + 1:
            continue
        if (then == "REMOVE_CONSECUTIVE_DUPS" and one_letter) or profile in profiles:
            continue
        profiles.add(profile)
        family[f"{first}_THEN_{then}"] = rule
    return family


def family_of(params: Mapping[str, Any]) -> dict[str, Rule]:
    """Return the declared family."""
    return FIXED if params["family"] == "fixed" else with_composites()


def complexity(name: str) -> int:
    """Return the class of a rule."""
    return 1 if name in CLASS_1 else 2 if name in CLASS_2 else 3


# ---- induction --------------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """A rule that fits all examples, the size of the alphabet if that matters, and its answer."""

    name: str
    alphabet: int | None
    answer: str


def fits(family: Mapping[str, Rule], examples: Examples, query: str) -> Iterator[Fit]:
    """Try every rule, and where it shifts, every alphabet that has the letters seen."""
    seen = max(query + "".join(s + made for s, made in examples))
    least = max(LETTERS.index(seen) + 1, MIN_ALPHABET)
    start, end = examples[0]
    for name, rule in family.items():
        if "CAESAR" not in name:
            if rule(start, least) == end and all(rule(s, least) == made for s, made in examples[1:]):
                yield Fit(name, None, rule(query, least))
        elif len(rule(start, least)) == len(end) or "DUPS" in name:
            for alphabet in range(least, MAX_ALPHABET + 1):
                if all(rule(s, alphabet) == made for s, made in examples):
                    yield Fit(name, alphabet, rule(query, alphabet))


def agreed(found: Sequence[Fit]) -> str:
    """Return the one answer; ValueError if there is none, or more than one."""
    answers = {fit.answer for fit in found}
    if len(answers) != 1 or "" in answers:
        raise ValueError(f"not a single answer: {sorted(answers)} by {[fit.name for fit in found]}")
    return answers.pop()


# ---- rows -------------------------------------------------------------------------------------------------

SEQUENCE = r"\[([A-Z](?: [A-Z])*)\]"
EXAMPLE = re.compile(rf"Ex(\d+): {SEQUENCE} -> {SEQUENCE}")
QUERY = re.compile(rf"Query: {SEQUENCE} ->(?: {SEQUENCE})?")


class Row(NamedTuple):
    """What a text says, in strings without spaces; no answer for a prompt."""

    examples: list[tuple[str, str]]
    query: str
    answer: str | None


def read_text(text: str) -> Row:
    """Take a row or a prompt apart; ValueError if it is neither."""
    *shown, last = text.split(" | ")
    asked = QUERY.fullmatch(last)
    examples = [EXAMPLE.fullmatch(part) for part in shown]
    if asked is None or not 1 <= len(shown) <= 10:
        raise ValueError(f"not a query after some examples: {text!r}")
    found = []
    for number, example in enumerate(examples, start=1):
        if example is None or example[1] != str(number):
            raise ValueError(f"not example {number}: {text!r}")
        found.append((example[2].replace(" ", ""), example[3].replace(" ", "")))
    row = Row(found, asked[1].replace(" ", ""), asked[2] and asked[2].replace(" ", ""))
    if max(map(len, [row.query, *(s for s, _ in found)])) > MAX_LENGTH:
        raise ValueError(f"not a sequence of at most {MAX_LENGTH}: {text!r}")
    if max(len(made) for _, made in found) > MAX_OUTPUT:
        raise ValueError(f"not an output of at most {MAX_OUTPUT}: {text!r}")
    return row


def spell_sequence(s: str) -> list[str]:
    """Spell letters as pieces."""
    return [s[0], *(f" {c}" for c in s[1:])]


def spell(row: Row) -> tuple[list[str], list[int]]:
    """Return the pieces of an answered row, and its mask."""
    assert row.answer is not None
    pieces = ["<bos>"]
    for number, (s, made) in enumerate(row.examples, start=1):
        opening = f"Ex{number}: [" if number == 1 else f" | Ex{number}: ["
        pieces += [opening, *spell_sequence(s), "] ->", " [", *spell_sequence(made), "]"]
    pieces += [" | Query: [", *spell_sequence(row.query), "] ->"]
    answer = [" [", *spell_sequence(row.answer), "]", "<eos>"]
    return pieces + answer, [0] * len(pieces) + [1] * len(answer)


def judge_sequences(row: Row, params: Mapping[str, Any]) -> str | None:
    """Return None if the sequences are within the params, all different, and changed, else why not."""
    shown = [s for s, _ in row.examples]
    low, high = params["num_examples"]
    if not low <= len(shown) <= high:
        return f"{len(shown)} examples"
    low, high = params["sequence_length"]
    for s in [*shown, row.query]:
        if not low <= len(s) <= high or max(s) > LETTERS[params["vocab_size"] - 1]:
            return f"a sequence of {len(s)}, with letter {max(s)}"
    if len({*shown, row.query}) <= len(shown):
        return "a sequence is given twice"
    if row.query == row.answer or any(s == made for s, made in row.examples):
        return "nothing changes"
    return None


def judge_answer(row: Row, params: Mapping[str, Any]) -> str | None:
    """Return None if the answer is right, the only one, and by a rule within the params, else why not."""
    found = list(fits(family_of(params), row.examples, row.query))
    try:
        answer = agreed(found)
    except ValueError as problem:
        return str(problem)
    classes = params["complexity"] or (1, 2, 3)
    if not any(fit.alphabet in (None, params["vocab_size"]) and complexity(fit.name) in classes for fit in found):
        return f"no rule of classes {classes} fits"
    return None if row.answer == answer else f"the answer is {answer}, not {row.answer}"


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    if any(not 0 <= token < len(pieces) for token in ids):
        return "an id outside the vocabulary"
    spelled = [pieces[token] for token in ids]
    while spelled and spelled[-1] == "<pad>":
        spelled.pop()
    try:
        row = read_text("".join(piece for piece in spelled if piece not in ("<pad>", "<bos>", "<eos>")))
    except ValueError as problem:
        return str(problem)
    if row.answer is None:
        return "no answer"
    right, learned = spell(row)
    if spelled != right:
        return "the text is not spelled with its pieces"
    if mask is not None and list(mask) != learned + [0] * (len(ids) - len(learned)):
        return "the mask is not 1 exactly on the answer, its brackets and <eos>"
    return judge_sequences(row, params) or judge_answer(row, params)


def solve(text: str) -> str:
    """Answer the query in which the text ends: by the fixed rules or, where none of them fits, by all."""
    examples, query, answer = read_text(text)
    if answer is not None:
        raise ValueError(f"not a prompt: {text!r}")
    found = list(fits(FIXED, examples, query)) or list(fits(with_composites(), examples, query))
    return " ".join(agreed(found))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: its examples in any order, and the query's input."""
    examples, query, _ = read_text("".join(pieces[token] for token in ids if token > 2))
    return tuple(sorted(examples)), query
