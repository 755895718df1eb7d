"""Broken, and some harmlessly changed, copies of valid rows, to compare two validators on."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from tests.oracles import depo, dyna
from tests.oracles.pieces import PIECES

STRANGE = [-1, -(2**31), 2**31 - 1, 2**62]  # ids outside of every vocabulary
IDS = {task: {piece: i for i, piece in enumerate(pieces)} for task, pieces in PIECES.items()}


class Mutant(NamedTuple):
    """A changed row, how it was changed, and whether it must be invalid whatever else holds."""

    how: str
    ids: list[int]
    mask: list[int] | None
    surely_invalid: bool


@lru_cache(maxsize=2)
def families(task: str) -> list[list[int]]:
    """Give for every id the ids of its tag: the same kind of piece, saying something else."""
    tag = [
        dyna.tag_piece(piece).tag if task == "dyna" else depo.tag_piece(piece)[0] for piece in PIECES[task]
    ]
    members: dict[str, list[int]] = {}
    for i, name in enumerate(tag):
        members.setdefault(name, []).append(i)
    return [members[name] for name in tag]


def relative(rng: Random, task: str, token: int, near: bool) -> int:
    """Draw another id of the same family, ``near`` by or at random; the id itself if there is no other."""
    family = families(task)[token]
    if len(family) == 1:
        return token
    place = family.index(token)
    if near:
        return family[(place + rng.choice([-2, -1, 1, 2])) % len(family)]
    return family[(place + rng.randrange(1, len(family))) % len(family)]


# ---- changes to the tokens, blind to what they mean; the mask goes along ----------------------------------


def blind(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change a row in place and say how."""
    size = len(PIECES[task])
    at, other = rng.randrange(len(ids)), rng.randrange(len(ids))
    any_id = rng.choice([*STRANGE, size]) if rng.random() < 0.05 else rng.randrange(size)
    how = rng.choice(
        ["replace", "delete", "insert", "exchange", "neighbours", "cut", "repeat", "pad", "append", "prepend"]
    )
    if how == "replace":
        ids[at] = any_id
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
    at = rng.choice(movable)
    ids[at] = relative(rng, task, ids[at], near=rng.random() < 0.7)
    return f"one piece at {at}"


def wrong_answer(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Let one token of an answer say something else; every answer has just one spelling, so this is wrong."""
    at = rng.choice([i for i, token in enumerate(ids) if mask[i] and len(families(task)[token]) > 1])
    ids[at] = relative(rng, task, ids[at], near=rng.random() < 0.7)
    return f"wrong answer at {at}"


def wrong_mask(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change nothing but the mask."""
    at = rng.randrange(len(mask))
    how = rng.choice(["flip", "flip", "longer", "shorter", "two"])
    if how == "flip":
        mask[at] = 1 - mask[at]
    elif how == "longer":
        mask.append(rng.randrange(2))
    elif how == "shorter":
        mask.pop()
    else:
        mask[at] += 2
    return f"mask {how} at {at}"


# ---- changes that know the task; most leave the row valid -------------------------------------------------


def knowing_dyna(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Spell the same operations otherwise, or turn the queries around, or exchange two operations."""
    pieces, number = PIECES[task], IDS[task]
    text = [pieces[i] for i in ids]
    n = text.count(", ") + 1
    heads = [i for i, piece in enumerate(text) if "SWAP" in piece or "ROTATE" in piece or "REVERSE" in piece]
    queries = [i for i, piece in enumerate(text) if "QUERY" in piece]
    how = rng.choice(["same operation", "turn queries", "exchange operations"])
    if how == "same operation":
        at = rng.choice(heads)
        if "SWAP" in text[at]:
            left, right = text[at + 1].strip("(,"), text[at + 2].strip(")")
            text[at + 1 : at + 3] = [f"({right},", f"{left})"]
        elif "ROTATE" in text[at]:
            k = int(text[at + 1].strip("()"))
            turned = {"LEFT": "RIGHT", "RIGHT": "LEFT"}[text[at].rsplit("_", 1)[1]]
            text[at : at + 2] = [text[at].rsplit("_", 1)[0] + "_" + turned, f"({n - k})"]
        else:
            i, j = int(text[at + 1].strip("(,")), int(text[at + 2].strip(")"))
            if j - i <= 2:  # turning two or three around exchanges the outer ones
                text[at] = text[at].replace("REVERSE", "SWAP")
    elif how == "turn queries":
        asked = [[text[q].strip(" |"), *text[q + 1 : q + 4]] for q in queries]
        rng.shuffle(asked)
        spelled = []
        for i, (head, *rest) in enumerate(asked):
            spelled += [(" | " if i else " || ") + head + " ", *rest]
        text[queries[0] : -1] = spelled
    else:
        spans = [text[a:b] for a, b in zip(heads, [*heads[1:], queries[0]], strict=True)]
        a, b = rng.randrange(len(spans)), rng.randrange(len(spans))
        spans[a], spans[b] = spans[b], spans[a]
        flat = [piece for span in spans for piece in [" | " + span[0].strip(" |"), *span[1:]]]
        flat[0] = flat[0].removeprefix(" | ")
        text[heads[0] : queries[0]] = flat
    ids[:] = [number[piece] for piece in text]
    return how


def knowing_depo(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Shuffle edges or queries, go around the cycle once more or less, split it, or rename a word."""
    row = depo.read_row(ids, PIECES[task])
    edges = depo.edges_of(row)
    queries = list(row.queries)
    how = rng.choice(["shuffle edges", "shuffle queries", "around", "exchange targets", "rename"])
    if how == "shuffle edges":
        rng.shuffle(edges)
    elif how == "shuffle queries":
        rng.shuffle(queries)
    elif how == "around":
        at = rng.randrange(len(queries))
        hops = queries[at].hops + rng.choice([-1, 1]) * len(edges)
        if 1 <= hops <= 128:
            queries[at] = queries[at]._replace(hops=hops)
    elif how == "exchange targets":
        a, b = rng.sample(range(len(edges)), 2)
        edges[a], edges[b] = (edges[a][0], edges[b][1]), (edges[b][0], edges[a][1])
    else:
        old = rng.choice(edges)[0]
        new = (*old[:-1], rng.randrange(1, 52))
        edges = [(new if a == old else a, new if b == old else b) for a, b in edges]
        queries = [
            depo.Query(k, new if node == old else node, new if answer == old else answer)
            for k, node, answer in queries
        ]
    spelled, learned = [1], [0]
    for edge in edges:
        if row.separators:
            spelled.append(IDS[task]["; "])
            learned.append(0)
        for word in edge:
            spelled += spell(word)
            learned += [0] * len(word)
    for query in queries:
        spelled += [IDS[task][f"| QUERY hops={query.hops} "], *spell(query.node)]
        learned += [0] * (1 + len(query.node))
        spelled += [IDS[task]["->"], *spell(query.answer)]
        learned += [1] * (1 + len(query.answer))
    ids[:], mask[:] = spelled, learned
    return how


def spell(word: depo.Word) -> list[int]:
    """Turn a word into ids."""
    return [IDS["depo"][f"{v}."] for v in word[:-1]] + [IDS["depo"][f"{word[-1]} "]]


Change = Callable[[Random, str, list[int], list[int]], str]


def mutant(rng: Random, task: str, ids: Sequence[int], mask: Sequence[int]) -> Mutant:
    """Make one mutant of a valid, unpadded row."""
    knowing: Change = knowing_dyna if task == "dyna" else knowing_depo
    change = rng.choice([blind, blind, one_piece, one_piece, wrong_answer, wrong_mask, knowing])
    new_ids, new_mask = list(ids), list(mask)
    how = change(rng, task, new_ids, new_mask)
    if change is blind and rng.random() < 0.2:
        how += " and " + blind(rng, task, new_ids or [1], new_mask or [0])
    given: list[int] | None = new_mask
    if change is not wrong_mask and rng.random() < 0.4:
        given = rng.choice([None, None, list(mask)])
    return Mutant(how, new_ids, given, change in (wrong_answer, wrong_mask))
