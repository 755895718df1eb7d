"""Oracle for selective copying: a string, markers of classes, and the items of those classes."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.symbols import Reader, hold, number, parted, verdict, within


def chosen(items: Sequence[int], markers: Sequence[int], classes: int) -> list[int]:
    """Return the items that are of a class marked: equal to a marker but for whole steps of ``classes``."""
    return [item for item in items if any((item - marker) % classes == 0 for marker in markers)]


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    classes = params["num_classes"]
    reader.take("<s>")
    items = reader.symbols(params["num_symbols"])
    within(len(items), params["num_items"], "symbols")
    reader.take("⟨key⟩")
    markers = reader.symbols()
    within(len(markers), params["num_markers"], "markers")
    hold(len(set(markers)) == len(markers), "a class is marked twice")
    for marker in markers:
        within(marker, (classes, 2 * classes - 1), f"marks none of {classes} classes")
    reader.take("⟨copy⟩")
    start = reader.at
    kept = chosen(items, markers, classes)
    hold(kept != [], "nothing is kept")
    hold(reader.symbols() == kept, "other items are kept")
    reader.end()
    return set(range(start, reader.at))


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def solve(text: str) -> str:
    """Answer a prompt. How many classes there are can be seen from a marker: the power of two just below it."""
    string, marked, rest = parted(text, "selective", "⟨key⟩", "⟨copy⟩")
    items, markers = [number(piece) for piece in string], [number(piece) for piece in marked]
    classes = {2 ** (marker.bit_length() - 1) if marker else 0 for marker in markers}
    if not items or rest or len(classes) != 1 or not classes < {2, 4, 8, 16, 32, 64, 128}:
        raise ValueError(f"not a selective prompt: {text!r}")
    (count,) = classes
    kept = [piece for piece in string if chosen([number(piece)], markers, count)]
    if not kept or len(set(markers)) < len(markers) or len(markers) >= count:
        raise ValueError(f"not a selective prompt: {text!r}")
    return "".join(kept)


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the string."""
    reader = Reader(ids, pieces)
    reader.take("<s>")
    return tuple(reader.symbols())
