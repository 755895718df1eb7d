"""What the oracles of the few-shot tasks share: rows as text, and the hash that tells which keys are train keys."""

from collections.abc import Hashable, Sequence
from functools import cache

WORD = 2**64


class RowError(Exception):
    """The row breaks a rule; the message says which."""


def text_of(ids: Sequence[int], pieces: Sequence[str]) -> str:
    """Return prompt and answer of a row that is framed by <s> and </s> and made of single characters."""
    for position, token in enumerate(ids):
        if not 0 <= token < len(pieces):
            raise RowError(f"id {token} at {position} is outside the vocabulary")
    spelled = [pieces[token] for token in ids]
    while spelled and spelled[-1] == "<pad>":
        spelled.pop()
    if len(spelled) < 2 or spelled[0] != "<s>" or spelled[-1] != "</s>":
        raise RowError("not framed by <s> and </s>")
    inside = spelled[1:-1]
    if any(len(piece) != 1 for piece in inside):
        raise RowError("a symbol that is no character")
    return "".join(inside)


def check_mask(ids: Sequence[int], mask: Sequence[int], text: str, answer: str) -> None:
    """Raise RowError unless the mask is 1 exactly on the answer, with which the text ends, and on </s>."""
    right = [0] * (1 + len(text) - len(answer)) + [1] * (len(answer) + 1)
    right += [0] * (len(ids) - len(right))
    if list(mask) != right:
        raise RowError("the mask is not 1 exactly on the answer and </s>")


@cache
def share(salt: int, fact: int) -> float:
    """Place the key on the unit interval: test below 0.05, validation below 0.1, train above."""

    def times(a: int, b: int) -> tuple[int, int]:
        return divmod(a * b, WORD)

    high, low = times(salt ^ fact ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
    z = low ^ (high * 2**23 % WORD + high // 2**41)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = times(z ^ z // 2**shift, factor)[1]
    return (z ^ z // 2**31) / WORD


def is_train(salt: int, fact: int) -> bool:
    """Tell whether the key is a train key."""
    return share(salt, fact) >= 0.1


def judge_shown(keys: Sequence[Hashable], facts: Sequence[int], salt: int, wanted: int) -> None:
    """Raise RowError unless so many train keys are shown before the last, and none of all comes twice."""
    if len(keys) - 1 != wanted:
        raise RowError(f"{len(keys) - 1} demonstrations")
    if len(set(keys)) != len(keys):
        raise RowError("a key comes twice")
    if not all(is_train(salt, fact) for fact in facts[:-1]):
        raise RowError("a demonstration is not of the train split")
