"""What the kits of the tasks with the 507-symbol table share."""

from random import Random

import numpy as np

from tests.laws import Ints

PAD, BOS, EOS, SEP, COPY, KEY, VAL, FIRST = range(8)

# 507 pieces: seven specials, 95 characters from space to tilde, 405 symbols that print as their number.
PIECES = (
    *("<pad>", "<s>", "</s>", "⟨sep⟩", "⟨copy⟩", "⟨key⟩", "⟨val⟩"),
    *(chr(code) for code in range(32, 127)),
    *(f"⟨{i}⟩" for i in range(95, 500)),
)


def family(piece: str) -> str:
    """Name the role of a piece: a special is alone in its role, all regular symbols have one."""
    return piece if piece in PIECES[:FIRST] else "symbol"


def said(piece: str) -> str:
    """No piece says what another says."""
    return ""


def symbols(prompt: str) -> list[str]:
    """Cut a prompt into pieces."""
    found, at = [], 0
    while at < len(prompt):
        end = prompt.index("⟩", at) + 1 if prompt[at] == "⟨" else at + 1
        found.append(prompt[at:end])
        at = end
    return found


def before(prompt: str, mark: str) -> list[str]:
    """The symbols before the first of these marks."""
    found = symbols(prompt)
    return found[: found.index(mark)]


def any_symbol(rng: Random, ids: list[int]) -> int:
    """Draw a symbol: mostly one that occurs already, sometimes any."""
    regular = [i for i in ids if i >= FIRST]
    return rng.choice(regular) if regular and rng.random() < 0.7 else rng.randrange(FIRST, FIRST + 500)


def change(rng: Random, items: list[int]) -> str:
    """Change a string in place: another symbol, one more, one less, two exchanged, or all in reverse."""
    at, other = rng.randrange(len(items)), rng.randrange(len(items))
    how = rng.choice(["another", "one more", "one less", "exchange", "turn around", "special", "nothing"])
    if how == "another":
        items[at] = any_symbol(rng, items)
    elif how == "one more":
        items.insert(at, any_symbol(rng, items))
    elif how == "one less":
        del items[at]
    elif how == "exchange":
        items[at], items[other] = items[other], items[at]
    elif how == "turn around":
        items.reverse()
    elif how == "special":
        items[at] = rng.randrange(FIRST)
    return how


def masked(prompt: list[int], answer: list[int]) -> tuple[list[int], list[int]]:
    """Put a row together, with its mask: the answer and the end are predicted."""
    return [BOS, *prompt, *answer, EOS], [0] * (len(prompt) + 1) + [1] * (len(answer) + 1)


def first_four(ids: Ints) -> Ints:
    """Give the first four symbols of each row."""
    found: Ints = np.ascontiguousarray(ids[:, 1:5])
    return found
