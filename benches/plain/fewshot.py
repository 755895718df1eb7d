"""What the plain few-shot generators share: characters as ids, and the hash that tells which keys are train keys."""

from functools import cache

BOS, EOS = 1, 2
ID = {chr(32 + i): 7 + i for i in range(95)}
MASK = 2**64 - 1


def content(salt: int, fact: int) -> int:
    """The library's content hash of one fact."""
    wide = (salt ^ fact ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
    low, high = wide & MASK, wide >> 64
    z = low ^ ((high << 23 | high >> 41) & MASK)
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


@cache
def is_train(salt: int, fact: int) -> bool:
    """Does the key belong to the upper 90 % of the hashes?"""
    return content(salt, fact) >= MASK // 10


def words(text: str) -> list[str]:
    """A list of words, written as one text."""
    return text.split()


def row(prompt: str, answer: str) -> tuple[list[int], list[int]]:
    """Ids and loss mask of a prompt and its answer."""
    ids = [BOS, *[ID[c] for c in prompt], *[ID[c] for c in answer], EOS]
    predicted = len(answer) + 1
    return ids, [0] * (len(ids) - predicted) + [1] * predicted
