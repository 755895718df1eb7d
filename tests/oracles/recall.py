"""Oracle for associative recall: pairs of a key and a value, then queries with fillers before them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.oracles.symbols import SPECIALS, Reader, cut_up, hold, verdict, within


@dataclass
class Row:
    """A row that follows the grammar; nothing is said yet about its truth."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    fillers: list[list[int]] = field(default_factory=list)
    queries: list[tuple[int, int]] = field(default_factory=list)
    learned: set[int] = field(default_factory=set)


def read_row(reader: Reader, count: int = 500) -> Row:
    """Read a row; raise RowError where the grammar is broken."""
    row = Row()
    reader.take("<s>")
    while reader.ahead(1) == "⟨val⟩" and reader.ahead() != "⟨key⟩":
        key = reader.symbol(count)
        reader.take("⟨val⟩")
        row.pairs.append((key, reader.symbol(count)))
    while not row.queries or reader.ahead() != "</s>":
        row.fillers.append(reader.symbols(count))
        reader.take("⟨key⟩")
        key = reader.symbol(count)
        reader.take("⟨val⟩")
        row.learned.add(reader.at)
        row.queries.append((key, reader.symbol(count)))
    row.learned.add(reader.at)
    reader.end()
    return row


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    row = read_row(reader, params["num_symbols"])
    within(len(row.pairs), params["num_pairs"], "pairs")
    keys = {key for key, _ in row.pairs}
    hold(len(keys) == len(row.pairs), "a key occurs twice")
    for fillers in row.fillers:
        within(len(fillers), params["gap"], "fillers")
        hold(not keys & set(fillers), "a filler is a key")
    hold(len(row.queries) == params["num_queries"], f"{len(row.queries)} queries")
    hold(len({key for key, _ in row.queries}) == len(row.queries), "a key is asked about twice")
    for query in row.queries:
        hold(query in row.pairs, f"{query} is no pair")
    return row.learned


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def solve(text: str) -> str:
    """Answer the first query of a prompt."""
    pieces = cut_up(text)
    values: dict[str, str] = {}
    while len(pieces) > 2 and pieces[0] not in SPECIALS and pieces[1] == "⟨val⟩" and pieces[2] not in SPECIALS:
        key, _, value, *pieces = pieces
        if key in values:
            raise ValueError(f"not a recall prompt, a key occurs twice: {text!r}")
        values[key] = value
    *fillers, opening, asked, closing = pieces if len(pieces) >= 3 else ["", "", ""]
    if len(values) < 2 or (opening, closing) != ("⟨key⟩", "⟨val⟩") or asked not in values:
        raise ValueError(f"not a recall prompt: {text!r}")
    if any(filler in SPECIALS or filler in values for filler in fillers):
        raise ValueError(f"not a recall prompt, a filler is a key: {text!r}")
    return values[asked]


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the pairs, in no order."""
    return frozenset(read_row(Reader(ids, pieces)).pairs)
