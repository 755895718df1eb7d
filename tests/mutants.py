"""Broken, and some harmlessly changed, copies of valid rows, to compare two validators on."""

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from tests.kits import KITS

STRANGE = [-1, -(2**31), 2**31 - 1, 2**62]  # ids outside of every vocabulary
Spans = Sequence[tuple[int, int]]


class Mutant(NamedTuple):
    """A changed row, how it was changed, and whether it must be invalid whatever else holds."""

    how: str
    ids: list[int]
    mask: list[int] | None
    surely_invalid: bool


def alike(pieces: Sequence[str], name: Callable[[str], str]) -> list[list[int]]:
    """Give for every id the ids whose pieces have the same name; none if the name is empty."""
    names = [name(piece) for piece in pieces]
    members: dict[str, list[int]] = {"": []}
    for i, found in enumerate(names):
        if found:
            members.setdefault(found, []).append(i)
    return [members[found] for found in names]


@cache
def families(task: str) -> list[list[int]]:
    """Give for every id the ids of its family: the same kind of piece, saying something else."""
    return alike(KITS[task].PIECES, KITS[task].family)


@cache
def twins(task: str) -> list[list[int]]:
    """Give for every id the ids that say the same, in whatever role."""
    return alike(KITS[task].PIECES, KITS[task].said)


def relative(rng: Random, task: str, token: int, near: bool) -> int:
    """Draw another id of the same family, ``near`` by or at random; the id itself if there is no other."""
    family = families(task)[token]
    if len(family) < 2:
        return token
    place = family.index(token)
    if near and len(family) > 2:
        return family[(place + rng.choice([-2, -1, 1, 2])) % len(family)]
    return family[(place + rng.randrange(1, len(family))) % len(family)]


# ---- changes to the tokens, blind to what they mean; the mask goes along ----------------------------------


def blind(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change a row in place and say how."""
    size = len(KITS[task].PIECES)
    at, other = rng.randrange(len(ids)), rng.randrange(len(ids))
    any_id = rng.choice([*STRANGE, size]) if rng.random() < 0.05 else rng.randrange(size)
    how = rng.choice(
        [
            *["replace", "alias", "delete", "insert", "exchange", "neighbours"],
            *["cut", "repeat", "pad", "append", "prepend"],
        ]
    )
    if how == "replace":
        ids[at] = any_id
    elif how == "alias":  # the same id to whoever counts from the end or keeps only the lower bits
        ids[at] += rng.choice([-size, 2**8, 2**16, 2**32, -(2**32)])
    elif how == "delete":
        del ids[at], mask[at]
    elif how == "insert":
        ids.insert(at, any_id)
        mask.insert(at, rng.randrange(2))
    elif how == "exchange":
        ids[at], ids[other] = ids[other], ids[at]
    elif how == "neighbours":
        ids[at - 1], ids[at] = ids[at], ids[at - 1]
    elif how == "cut":
        del ids[at:], mask[at:]
    elif how == "repeat":
        end = min(len(ids), at + rng.randrange(1, 12))
        ids[at:at] = ids[at:end]
        mask[at:at] = mask[at:end]
    elif how == "pad":
        count = rng.randrange(1, 5)
        ids += [0] * count
        mask += [0] * count
    elif how == "append":
        ids.append(any_id)
        mask.append(rng.randrange(2))
    else:
        ids.insert(0, any_id)
        mask.insert(0, 0)
    return how


def one_piece(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Let one piece say something else: an argument, an end of an edge, a node, hops, an answer."""
    movable = [i for i, token in enumerate(ids) if len(families(task)[token]) > 1]
    if not movable:
        return blind(rng, task, ids, mask)
    at = rng.choice(movable)
    ids[at] = relative(rng, task, ids[at], near=rng.random() < 0.7)
    return f"one piece at {at}"


def twin(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Let one piece say the same in another role, as ``A`` and `` A`` and ``0``, or ``3)`` and ``(3)``."""
    movable = [i for i, token in enumerate(ids) if len(twins(task)[token]) > 1]
    if not movable:
        return blind(rng, task, ids, mask)
    at = rng.choice(movable)
    ids[at] = rng.choice([i for i in twins(task)[ids[at]] if i != ids[at]])
    return f"twin at {at}"


def wrong_answer(rng: Random, task: str, ids: list[int], answers: Spans) -> str | None:
    """Let one token of an answer say something else, if one can: as every answer has one spelling, this is wrong."""
    inside = [i for start, end in answers for i in range(start, end)]
    movable = [i for i in inside if len(families(task)[ids[i]]) > 1]
    if not movable:
        return None
    at = rng.choice(movable)
    ids[at] = relative(rng, task, ids[at], near=rng.random() < 0.7)
    return f"wrong answer at {at}"


def wrong_mask(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change nothing but the mask."""
    at = rng.randrange(len(mask))
    how = rng.choice(["flip", "flip", "longer", "shorter", "more than one"])
    if how == "flip":
        mask[at] = 1 - mask[at]
    elif how == "longer":
        mask.append(rng.randrange(2))
    elif how == "shorter":
        mask.pop()
    else:
        mask[at] += rng.choice([2, -2, 2**8, 2**32])
    return f"mask {how} at {at}"


# ---- one of them ------------------------------------------------------------------------------------------

KINDS = ["blind", "blind", "piece", "twin", "answer", "mask", "knowing", "knowing", "knowing"]


def mutant(rng: Random, task: str, ids: Sequence[int], mask: Sequence[int], answers: Spans) -> Mutant:
    """Make one mutant of a valid, unpadded row; ``answers`` are the spans of its answers."""
    kind = rng.choice(KINDS)
    new_ids, new_mask = list(ids), list(mask)
    surely_invalid = False
    how = None
    if kind == "answer":
        how = wrong_answer(rng, task, new_ids, answers)
        surely_invalid = how is not None and not KITS[task].LENIENT_ANSWERS
    elif kind == "mask":
        how, surely_invalid = wrong_mask(rng, task, new_ids, new_mask), True
    elif kind == "piece":
        how = one_piece(rng, task, new_ids, new_mask)
    elif kind == "twin":
        how = twin(rng, task, new_ids, new_mask)
    elif kind == "knowing":
        how = KITS[task].knowing(rng, new_ids, new_mask)
    if how is None:
        how = blind(rng, task, new_ids, new_mask)
        if rng.random() < 0.2:
            how += " and " + blind(rng, task, new_ids or [1], new_mask or [0])
    given: list[int] | None = new_mask
    if kind != "mask" and rng.random() < 0.4:
        given = rng.choice([None, None, list(mask)])
    return Mutant(how, new_ids, given, surely_invalid)
