"""Oracle for key-value retrieval: blocks of a key and a value; the last block is the question and its answer."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.symbols import Reader, cut_up, hold, verdict, within

Block = tuple[int, int]


def read_blocks(reader: Reader, count: int = 500) -> list[Block]:
    """Read ``<s>`` and blocks of a key and a value, up to what is no block."""
    reader.take("<s>")
    blocks: list[Block] = []
    while not blocks or reader.ahead() == "⟨key⟩":
        reader.take("⟨key⟩")
        key = reader.symbol(count)
        reader.take("⟨val⟩")
        blocks.append((key, reader.symbol(count)))
    return blocks


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    *pairs, (asked, answer) = read_blocks(reader, params["num_symbols"])
    start = reader.at - 1
    within(len(pairs), params["num_pairs"], "pairs")
    hold(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
    hold(answer in [value for key, value in pairs if key == asked], "the answer is not the value of the key")
    reader.end()
    return set(range(start, reader.at))


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def solve(text: str) -> str:
    """Answer a prompt."""
    pieces = cut_up(text)
    *full, last = [pieces[at : at + 4] for at in range(0, len(pieces), 4)] or [[]]
    blocks_fit = all(len(block) == 4 and block[0::2] == ["⟨key⟩", "⟨val⟩"] for block in full)
    if not blocks_fit or len(full) < 2 or len(last) != 3 or last[0::2] != ["⟨key⟩", "⟨val⟩"]:
        raise ValueError(f"not a kv prompt: {text!r}")
    values = [value for _, key, _, value in full if key == last[1]]
    if len(values) != 1:
        raise ValueError(f"not a kv prompt, {len(values)} pairs have the key: {text!r}")
    return values[0]


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the pairs, in no order."""
    return frozenset(read_blocks(Reader(ids, pieces))[:-1])
