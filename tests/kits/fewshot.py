"""What the kits of the few-shot tasks share: the table of 507 symbols and rows made from text."""

from collections.abc import Sequence

# Specials, then 500 regular symbols: the characters from space to tilde, then numbered ones.
PIECES = (
    *("<pad>", "<s>", "</s>", "⟨sep⟩", "⟨copy⟩", "⟨key⟩", "⟨val⟩"),
    *(chr(i) for i in range(32, 127)),
    *(f"⟨{i}⟩" for i in range(95, 500)),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Digits stand in for digits, small letters for small letters, capitals for capitals."""
    if len(piece) != 1:
        return ""
    for name, holds in (("digit", str.isdigit), ("small", str.islower), ("capital", str.isupper)):
        if holds(piece):
            return name
    return ""


def said(piece: str) -> str:
    """No symbol says the same as another."""
    return piece[:0]


def text_of(ids: Sequence[int]) -> str:
    """The characters of a row."""
    return "".join(PIECES[token] for token in ids if token > 6)


def spell(prompt: str, answer: str, ids: list[int], mask: list[int]) -> None:
    """Write prompt and answer over a row."""
    ids[:] = [1, *(IDS[c] for c in prompt + answer), 2]
    mask[:] = [0] * (len(prompt) + 1) + [1] * (len(answer) + 1)
