"""Plain-Python Inducto: a rule, sequences that follow it until the answer is unique, as ids and loss mask."""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

BOS, EOS = 1, 2
EXAMPLE, QUERY, ARROW, OPEN, CLOSE, FIRST, NEXT = 3, 13, 14, 15, 16, 17, 43
MIN_LENGTH, MAX_LENGTH = 4, 24
MIN_ALPHABET, MAX_ALPHABET = 5, 26
# Queries tried on one set of examples: the first of any length, the others as long as an example.
QUERIES = 4

Letters = list[int]
Rule = Callable[[Letters, int], Letters]
Pair = tuple[Letters, Letters]


def rotate(k: int) -> Rule:
    """Rotate to the left, to the right if k is negative."""

    def rule(s: Letters, _: int) -> Letters:
        cut = k % len(s)
        return s[cut:] + s[:cut]

    return rule


def drop_last(k: int) -> Rule:
    """Drop letters from the end."""
    return lambda s, _: s[: len(s) - k] if len(s) > k else []


def duplicate(s: Letters, _: int) -> Letters:
    """Write every letter twice."""
    return [c for c in s for _ in (0, 1)]


def interleave(s: Letters, _: int) -> Letters:
    """Take from both halves in turn."""
    half = len(s) // 2
    made = s[:]
    made[0 : 2 * half : 2] = s[:half]
    made[1 : 2 * half : 2] = s[half : 2 * half]
    return made


def chunks(k: int) -> Rule:
    """Reverse every chunk."""
    return lambda s, _: [c for i in range(0, len(s), k) for c in reversed(s[i : i + k])]


def dedup(s: Letters, _: int) -> Letters:
    """Remove consecutive repeats."""
    return [c for i, c in enumerate(s) if i == 0 or s[i - 1] != c]


def caesar(k: int) -> Rule:
    """Move on in the alphabet."""
    return lambda s, alphabet: [(c + k) % alphabet for c in s]


def every(step: int, start: int) -> Rule:
    """Take letters at a distance."""
    return lambda s, _: s[start::step]


def drop_first(k: int) -> Rule:
    """Drop letters from the start."""
    return lambda s, _: s[k:]


def reverse(s: Letters, _: int) -> Letters:
    """Reverse."""
    return s[::-1]


def same(s: Letters, _: int) -> Letters:
    """Change nothing."""
    return s


def sort(s: Letters, _: int) -> Letters:
    """Sort."""
    return sorted(s)


def mirror(s: Letters, _: int) -> Letters:
    """Append the reverse."""
    return s + s[::-1]


def then(one: Rule, other: Rule) -> Rule:
    """Do one thing after another."""
    return lambda s, alphabet: other(one(s, alphabet), alphabet)


SWAP_PAIRS = chunks(2)
SHIFT_1 = caesar(1)
CLASS_1 = [reverse, *map(rotate, (1, 2, 3, -1, -2, -3)), *map(drop_first, (1, 2)), *map(drop_last, (1, 2)), duplicate]
CLASS_2 = [
    *(every(step, start) for step in (2, 3) for start in range(step)),
    *(interleave, SWAP_PAIRS, dedup, sort, mirror, SHIFT_1, caesar(2)),
]
CLASS_3 = [
    *(chunks(3), chunks(4), then(reverse, CLASS_1[1]), then(SWAP_PAIRS, reverse)),
    *(then(drop_first(1), reverse), then(SHIFT_1, reverse)),
]
SHIFTING = {*CLASS_2[-2:], CLASS_3[-1]}
# What a step that removes repeats is given, and where that stood in the input: sequences are drawn so that it has work.
REMOVING: dict[Rule, tuple[Rule, Rule]] = {dedup: (same, same)}


def composites() -> list[Rule]:
    """All pairs of simple rules that are functions of their own: never empty, never idle, the same as none before."""
    rng = random.Random(0)
    probes = [([0] * n, MAX_ALPHABET) for n in range(MIN_LENGTH, MAX_LENGTH + 1)]
    for n in range(MIN_LENGTH, MAX_LENGTH + 1):
        for alphabet in (5, 7, 10, 26) * 2:
            s = rng.choices(range(alphabet), k=n)
            at = rng.randrange(1, n)
            probes += ((s, alphabet), (s[:at] + s[at - 1 : -1], alphabet))
    known = {tuple(tuple(rule(*probe)) for probe in probes) for rule in CLASS_1 + CLASS_2 + CLASS_3}
    found = []
    for one, other in product(CLASS_1 + CLASS_2, repeat=2):
        halves = [one(*probe) for probe in probes]
        if not all(halves) or (other is dedup and min(map(len, halves)) < 2):
            continue
        made = tuple(tuple(other(half, alphabet)) for half, (_, alphabet) in zip(halves, probes, strict=True))
        lengths = {len(s) for (s, _), end in zip(probes, made, strict=True) if s != list(end)}
        if all(made) and len(lengths) == MAX_LENGTH - MIN_LENGTH + 1 and made not in known:
            known.add(made)
            rule = then(one, other)
            found.append(rule)
            if one in SHIFTING or other in SHIFTING:
                SHIFTING.add(rule)
            if other is dedup:
                REMOVING[rule] = (one, same if one is sort else one)
            elif one is dedup:
                REMOVING[rule] = (same, same)
    return found


COMPOSITES: list[Rule] = []


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Look up the rules of each class, those that shift apart from the others."""
    if params["family"] == "with_composites" and not COMPOSITES:
        COMPOSITES.extend(composites())
    classes = [CLASS_1, CLASS_2, CLASS_3 + (COMPOSITES if params["family"] == "with_composites" else [])]
    family = [rule for rules in classes for rule in rules]
    wanted = [classes[i - 1] for i in params["complexity"]] if params["complexity"] else [family]
    moving = [rule for rule in family if rule not in SHIFTING]
    shifting = [rule for rule in family if rule in SHIFTING]
    return {**params, "classes": wanted, "moving": moving, "shifting": shifting}


def draw(rng: random.Random, rule: Rule, low: int, high: int, alphabet: int, pairs: Sequence[Pair]) -> Pair:
    """One more pair that follows the rule, shows a change, and is like no other."""
    while True:
        s = rng.choices(range(alphabet), k=rng.randint(low, high))
        if rule in REMOVING:
            before, moved = REMOVING[rule]
            given = before(s, alphabet)
            if all(a != b for a, b in pairwise(given)):
                places = moved(list(range(len(s))), alphabet)
                at = rng.randrange(1, len(places))
                s[places[at]] = s[places[at - 1]]
        made = rule(s, alphabet)
        if made != s and all(s != other for other, _ in pairs):
            return s, made


Fitting = tuple[list[Rule], dict[Rule, range | list[int]]]


def fitting(params: Mapping[str, Any], pairs: Sequence[Pair]) -> Fitting:
    """The rules that fit the examples; those that shift, with the alphabets for which they do."""
    (s, made), rest = pairs[0], pairs[1:]
    least = max(MIN_ALPHABET, 1 + max(max(*one, *other) for one, other in pairs))
    moving = [
        rule
        for rule in params["moving"]
        if rule(s, least) == made and all(rule(one, least) == other for one, other in rest)
    ]
    shifting: dict[Rule, range | list[int]] = {}
    for rule in params["shifting"]:
        if len(rule(s, least)) == len(made):
            alphabets = [
                alphabet
                for alphabet in range(least, MAX_ALPHABET + 1)
                if rule(s, alphabet) == made and all(rule(one, alphabet) == other for one, other in rest)
            ]
            if alphabets:
                shifting[rule] = alphabets
    return moving, shifting


def agree(found: Fitting, s: Letters, answer: Letters) -> bool:
    """Do all that fit, in every alphabet that has the letters, answer alike?"""
    moving, shifting = found
    high = max(s)
    return all(rule(s, MAX_ALPHABET) == answer for rule in moving) and all(
        rule(s, alphabet) == answer for rule, alphabets in shifting.items() for alphabet in alphabets if alphabet > high
    )


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    (low, high), alphabet = params["sequence_length"], params["vocab_size"]
    count = rng.randint(*params["num_examples"])
    rule = rng.choice(rng.choice(params["classes"]))
    while True:
        pairs: list[Pair] = []
        for _ in range(count):
            pairs.append(draw(rng, rule, low, high, alphabet, pairs))
        found = fitting(params, pairs)
        query = draw(rng, rule, low, high, alphabet, pairs)
        tries = 1
        while not (unique := agree(found, *query)) and tries < QUERIES:
            n = len(rng.choice(pairs)[0])
            query = draw(rng, rule, n, n, alphabet, pairs)
            tries += 1
        if unique:
            break

    ids = [BOS]
    for number, (s, made) in enumerate(pairs):
        ids += (EXAMPLE + number, FIRST + s[0])
        ids += [NEXT + c for c in s[1:]]
        ids += (ARROW, OPEN, FIRST + made[0])
        ids += [NEXT + c for c in made[1:]]
        ids.append(CLOSE)
    s, made = query
    ids += (QUERY, FIRST + s[0])
    ids += [NEXT + c for c in s[1:]]
    ids.append(ARROW)
    answer = [OPEN, FIRST + made[0], *(NEXT + c for c in made[1:]), CLOSE, EOS]
    return ids + answer, [0] * len(ids) + [1] * len(answer)
