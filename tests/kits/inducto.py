"""The kit of Inducto."""

from collections import Counter
from random import Random
from string import ascii_uppercase as LETTERS
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.mutants import blind
from tests.oracles import inducto
from tests.oracles.inducto import CLASS_1, FIXED, Row, fits, read_text, with_composites
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = inducto

DEFAULTS: dict[str, Any] = {
    "num_examples": (2, 8),
    "complexity": None,
    "sequence_length": (4, 12),
    "vocab_size": 10,
    "family": "fixed",
}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"num_examples": (4, 6), "complexity": [1]},
    2: {"num_examples": (2, 4), "complexity": [1, 2]},
    3: {"num_examples": (1, 3), "complexity": [2, 3]},
}
RANGES = ("num_examples", "sequence_length")

# ---- pieces -----------------------------------------------------------------------------------------------

# 69 pieces: specials, ten openings of an example, the query, brackets, letters after a bracket and after a letter.
PIECES = (
    *("<pad>", "<bos>", "<eos>"),
    "Ex1: [",
    *(f" | Ex{i}: [" for i in range(2, 11)),
    *(" | Query: [", "] ->", " [", "]"),
    *LETTERS,
    *(f" {letter}" for letter in LETTERS),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    if piece.strip() in LETTERS:
        return "next letter" if piece.startswith(" ") else "first letter"
    return "example" if "Ex" in piece else piece


def said(piece: str) -> str:
    """Give the letter that a piece says."""
    return piece.strip() if piece.strip() in LETTERS else ""


# ---- rows to compare --------------------------------------------------------------------------------------

COMPOSITES = {"family": "with_composites"}
ONE_SHOT: dict[str, Any] = {"num_examples": 1, "sequence_length": (4, 6)}

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (4000, {}),
    (4000, {"difficulty": 1}),
    (4000, {"difficulty": 2}),
    (4000, {"difficulty": 3}),
    (1000, {"num_examples": 1, "vocab_size": 5}),
    (1000, {"num_examples": 1, "sequence_length": 4, "vocab_size": 5, "complexity": [2, 3, 3]}),
    (1000, {"vocab_size": 26, "sequence_length": (4, 24), "split": "test"}),
    (500, {"num_examples": (1, 10), "vocab_size": 17, "complexity": [2]}),
    (400, {**COMPOSITES}),
    (400, {**COMPOSITES, "num_examples": 1}),
    (400, {**COMPOSITES, "num_examples": 1, "sequence_length": 4, "vocab_size": 26}),
    (100, {**COMPOSITES, "num_examples": 10, "sequence_length": 24, "vocab_size": 26, "split": "validation"}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 50, {"difficulty": 1}),
    (100, 50, {"difficulty": 3}),
    (60, 50, {"num_examples": (1, 10), "vocab_size": 26}),
    (60, 50, {"num_examples": (1, 2), "sequence_length": (4, 5), "vocab_size": 5, "complexity": [2]}),
    (40, 50, {**COMPOSITES, "num_examples": (1, 3)}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_examples": 2},
    {"num_examples": (1, 2), "sequence_length": (4, 8)},
    {"num_examples": (1, 2), "sequence_length": (5, 9), "vocab_size": 12},
    {"num_examples": 2, "complexity": [1]},
    {"num_examples": 2, "complexity": [2]},
    {"num_examples": (2, 3), "complexity": [3, 1], "vocab_size": 8},
    {**COMPOSITES, "num_examples": (1, 2)},
    {**COMPOSITES, "num_examples": 2, "complexity": [3]},
]

# ---- splits -----------------------------------------------------------------------------------------------

# At most 12 x 625 x 624 facts, so about 4.7 million.
CROWDED: dict[str, Any] = {"num_examples": 1, "sequence_length": 4, "vocab_size": 5, "complexity": [1]}


def keys(ids: Ints) -> Ints:
    """Turn every row of one example into its facts: the answer blanked."""
    found = ids.copy()
    query = (ids == IDS[" | Query: ["]).argmax(axis=1)
    for row, start in zip(found, query.tolist(), strict=True):
        row[start + 6 :] = 0  # the query's opening, its four letters, "] ->"
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    params: dict[str, Any] = {
        "num_examples": draw(spans(1, 4, 10)),
        "complexity": draw(st.none() | st.lists(st.integers(1, 3), min_size=1, max_size=3)),
        "sequence_length": draw(st.one_of(spans(4, 6, 12), spans(4, 24, 24))),
        "vocab_size": draw(st.integers(5, 26)),
        "family": draw(st.sampled_from(["fixed", "with_composites"])),
    }
    return Case("inducto", params, draw(st.sampled_from([None, *SPLITS])))


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """Give the likeliest answer's share: one of the shortest, of ten letters, for lengths uniform over 4..12.

    Level 1: two letters are left by DROP_FIRST_2 and DROP_LAST_2 of four. Otherwise class 2 has half of the rows, and
    one letter is left by EVERY_3_FROM_1 of four, and by EVERY_3_FROM_2 of four or five.
    """
    return 2 / 12 / 9 / 100 if level == 1 else 1 / 2 * (1 + 2) / 12 / 9 / 10


def spaced(s: str) -> str:
    """Spell an answer."""
    return " ".join(s)


def most_common_letter(row: Row) -> str:
    """Repeat the letter most common in the outputs, once for every letter of the query."""
    counts = Counter(c for _, made in row.examples for c in made)
    return counts.most_common(1)[0][0] * len(row.query)


def most_common_output(row: Row) -> str:
    """Give the output that most examples share."""
    return Counter(made for _, made in row.examples).most_common(1)[0][0]


def output_of_the_nearest(row: Row) -> str:
    """Give the output of the example whose input has most letters in common with the query."""

    def shared(example: tuple[str, str]) -> int:
        return sum((Counter(example[0]) & Counter(row.query)).values())

    return max(row.examples, key=shared)[1]


def lengths_alone(row: Row) -> str:
    """Look at how long the first output is, and at nothing else: reverse, drop from the end, or double."""
    start, end = row.examples[0]
    if len(end) == 2 * len(start):
        return "".join(c + c for c in row.query)
    lost = len(start) - len(end)
    return row.query[:-lost] if 0 < lost <= 2 else row.query[::-1]


def shortcut(answer: Any) -> Shortcut:
    """Turn an answer to a row into an answer to a prompt."""
    return lambda prompt, _: spaced(answer(read_text(prompt)))


SHORTCUTS: dict[str, Shortcut] = {
    "the query itself": shortcut(lambda row: row.query),
    "the output of the last example": shortcut(lambda row: row.examples[-1][1]),
    "the most common output": shortcut(most_common_output),
    "the most common letter": shortcut(most_common_letter),
    "the output of the nearest example": shortcut(output_of_the_nearest),
    "the query reversed": shortcut(lambda row: row.query[::-1]),
    "a rule drawn at random": lambda prompt, rng: spaced(
        rng.choice(list(FIXED.values()))(read_text(prompt).query, 10),
    ),
    "lengths alone": shortcut(lengths_alone),
}
UNDEFEATED = {
    "the query reversed": "any one rule is right whenever it is drawn: of class 1 in a twelfth of the rows",
    "a rule drawn at random": "the rule drawn is the right one in a thirtieth of the rows, and some agree now and then",
    "lengths alone": "in class 1, four of twelve rules are the ones that it takes their lengths for",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change examples, query or rule, then apply the rule anew."""
    row = read_text("".join(PIECES[i] for i in ids if i > 2))
    found = next(fits(FIXED, row.examples, row.query), None)
    found = found or next(fits(with_composites(), row.examples, row.query))
    rule, alphabet = with_composites()[found.name], found.alphabet or 10
    inputs = [*(s for s, _ in row.examples), row.query]
    at, other = rng.randrange(len(inputs)), rng.randrange(len(inputs))
    how = rng.choice(
        ["order", "letter", "letters", "longer", "shorter", "less", "again", "rule", "class 1", "alphabet"]
    )
    if how == "order":
        inputs[:-1] = rng.sample(inputs[:-1], len(inputs) - 1)
    elif how == "letter":
        place = rng.randrange(len(inputs[at]))
        inputs[at] = inputs[at][:place] + rng.choice(LETTERS[:12]) + inputs[at][place + 1 :]
    elif how == "letters":
        inputs[at] = "".join(rng.sample(inputs[at], len(inputs[at])))
    elif how == "longer":
        inputs[at] = (inputs[at] + rng.choice(LETTERS[:5]))[:24]
    elif how == "shorter":
        inputs[at] = inputs[at][:-1]
    elif how == "less" and len(inputs) > 2:
        del inputs[at]
    elif how == "again":
        inputs[at] = inputs[other]
    elif how == "rule":
        rule = rng.choice(list(with_composites().values()))
    elif how == "class 1":
        rule = rng.choice(list(CLASS_1.values()))
    else:
        rule, alphabet = FIXED["CAESAR_SHIFT_1"], min(max(alphabet + rng.randrange(-2, 3), 5), 26)
    made = [rule(s, alphabet) for s in inputs]
    if not all(made) or max(map(len, made)) > 96 or max(map(max, made)) > "Z":
        return blind(rng, "inducto", ids, mask)
    *examples, (query, answer) = zip(inputs, made, strict=True)
    pieces, mask[:] = inducto.spell(Row(examples, query, answer))
    ids[:] = [IDS[piece] for piece in pieces]
    return how
