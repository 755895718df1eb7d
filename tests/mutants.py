"""Broken, and some harmlessly changed, copies of valid rows, to compare two validators on."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from tests.oracles import depo, dyna
from tests.oracles.pieces import PIECES, element_name

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
    tag = [dyna.tag_piece(piece).tag if task == "dyna" else depo.tag_piece(piece)[0] for piece in PIECES[task]]
    members: dict[str, list[int]] = {}
    for i, name in enumerate(tag):
        members.setdefault(name, []).append(i)
    return [members[name] for name in tag]


@lru_cache(maxsize=2)
def twins(task: str) -> list[list[int]]:
    """Give for every id the ids that say the same, in whatever role."""
    said = []
    for piece in PIECES[task]:
        if task == "dyna":
            tagged = dyna.tag_piece(piece)
            said.append(str(tagged.value) if tagged.value >= 0 else tagged.word)
        else:
            said.append(str(depo.tag_piece(piece)[1]))
    return [[i for i, other in enumerate(said) if other == mine != "-1"] for mine in said]


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
    at = rng.choice(movable)
    ids[at] = relative(rng, task, ids[at], near=rng.random() < 0.7)
    return f"one piece at {at}"


def twin(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Let one piece say the same in another role, as ``A`` and `` A`` and ``0``, or ``3)`` and ``(3)``."""
    at = rng.choice([i for i, token in enumerate(ids) if len(twins(task)[token]) > 1])
    ids[at] = rng.choice([i for i in twins(task)[ids[at]] if i != ids[at]])
    return f"twin at {at}"


def wrong_answer(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Let one token of an answer say something else; every answer has just one spelling, so this is wrong."""
    at = rng.choice([i for i, token in enumerate(ids) if mask[i] and len(families(task)[token]) > 1])
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


# ---- changes that know the task: the answers stay right, so that one rule alone is broken, or none ---------


def knowing_dyna(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change list, operations or queries, then answer the queries anew."""
    row = dyna.read_row(ids, PIECES[task])
    state = [element.value for element in row.elements]
    operations = list(row.operations)
    asked = [(query.kind, query.asked) for query in row.queries]
    what = rng.randrange(9)
    if what < 5:
        how = change_operations(rng, operations, len(state))
    elif what < 7:
        how = change_queries(rng, asked, len(state))
    else:
        how = change_list(rng, state, asked)
    final = final_list(state, operations)
    if not operations or final is None:
        return blind(rng, task, ids, mask)
    answered = []
    for kind, subject in asked:
        if kind == "position":
            answered.append((kind, subject, final[subject] if subject < len(final) else 0))
        else:
            answered.append((kind, subject, final.index(subject) if subject in final else 0))
    ids[:], mask[:] = spell_dyna(state, operations, answered, row.elements[0].tag)
    return how


def change_operations(rng: Random, operations: list[dyna.Operation], n: int) -> str:
    """Spell an operation otherwise, add one, an idle one even, take one away, or exchange two."""
    at, other = rng.randrange(len(operations)), rng.randrange(len(operations))
    how = rng.choice(["same", "same", "idle", "one more", "one less", "exchange"])
    if how == "same":
        operations[at] = same_operation(operations[at], n)
    elif how == "idle":
        low, high = sorted((rng.randrange(n), rng.randrange(n)))
        idle = [
            ("ROTATE_LEFT", (0,)),
            ("ROTATE_RIGHT", (min(n, 63),)),
            ("SWAP", (low, low)),
            ("REVERSE", (high, low)),
        ]
        operations.insert(at, rng.choice(idle))
    elif how == "one more":
        operations.insert(at, operations[other])
    elif how == "one less":
        del operations[at]
    else:
        operations[at], operations[other] = operations[other], operations[at]
    return how


def change_list(rng: Random, state: list[int], asked: list[tuple[str, int]]) -> str:
    """Add an element, take one away, or give one the next name or the one after."""
    n = len(state)
    how = rng.choice(["grow", "shrink", "rename"])
    if how == "grow":
        state.append(min(n, 63))
    elif how == "shrink":
        state.remove(n - 1)
    else:
        old, new = rng.randrange(n), min(n + rng.randrange(2), 63)
        state[state.index(old)] = new
        asked[:] = [(kind, new if kind == "element" and what == old else what) for kind, what in asked]
    return how


def same_operation(operation: dyna.Operation, n: int) -> dyna.Operation:
    """Spell an operation otherwise where that can be done."""
    name, arguments = operation
    if name == "SWAP":
        return name, (arguments[1], arguments[0])
    if name == "REVERSE":  # turning two or three around exchanges the outer ones
        return ("SWAP" if arguments[1] - arguments[0] <= 2 else name), arguments
    return ("ROTATE_RIGHT" if name == "ROTATE_LEFT" else "ROTATE_LEFT"), (n - arguments[0],)


def change_queries(rng: Random, asked: list[tuple[str, int]], n: int) -> str:
    """Change what is asked."""
    at = rng.randrange(len(asked))
    how = rng.choice(["turn", "drop", "repeat", "other", "kind"])
    if how == "turn":
        rng.shuffle(asked)
    elif how == "drop" and len(asked) > 1:
        del asked[at]
    elif how == "repeat":
        asked[at] = rng.choice(asked)
    elif how == "other":
        asked[at] = (asked[at][0], rng.randrange(min(n + 1, 64)))
    else:
        asked.append((rng.choice(["position", "element"]), rng.randrange(n)))
    return f"queries: {how}"


def final_list(state: list[int], operations: Sequence[dyna.Operation]) -> list[int] | None:
    """Apply the operations, idle ones too; None if one reaches beyond the list."""
    n = len(state)
    for name, arguments in operations:
        if max(arguments) > n - (not name.startswith("ROTATE")):
            return None
        if dyna.is_legal((name, arguments), n):
            state = dyna.apply(state, (name, arguments))
    return state


def spell_dyna(
    state: Sequence[int],
    operations: Sequence[dyna.Operation],
    questions: Sequence[tuple[str, int, int]],
    family: str,
) -> tuple[list[int], list[int]]:
    """Turn a list, operations, and queries with their answers into ids and mask."""

    def element(i: int) -> str:
        return element_name(i) if family == "name" else str(i)

    text = ["<bos>", "STATE ["]
    for i, e in enumerate(state):
        text += [", ", element(e)] if i else [element(e)]
    text.append("] || OPS ")
    for i, (name, arguments) in enumerate(operations):
        text.append(" | " + name if i else name)
        text += [f"({k})" for k in arguments] if len(arguments) == 1 else [f"({arguments[0]},", f"{arguments[1]})"]
    mask = [0] * len(text)
    for i, (kind, what, answer) in enumerate(questions):
        text += [
            (" | " if i else " || ") + f"QUERY {kind} ",
            str(what) if kind == "position" else element(what),
        ]
        text += [" ->", " " + (element(answer) if kind == "position" else str(answer))]
        mask += [0, 0, 0, 1]
    return [IDS["dyna"][piece] for piece in [*text, "<eos>"]], [*mask, 1]


def knowing_depo(rng: Random, task: str, ids: list[int], mask: list[int]) -> str:
    """Change edges, words or queries, then answer the queries anew."""
    row = depo.read_row(ids, PIECES[task])
    edges = depo.edges_of(row)
    asked = [(query.hops, query.node) for query in row.queries]
    at, query = rng.randrange(len(edges)), rng.randrange(len(asked))
    how = rng.choice(
        [
            "edges",
            "queries",
            "around",
            "hops",
            "cut",
            "rename",
            "grow",
            "shrink",
            "ask more",
            "ask less",
            "again",
            "; ",
        ]
    )
    if how == "edges":
        rng.shuffle(edges)
    elif how == "queries":
        rng.shuffle(asked)
    elif how == "around":
        asked[query] = (asked[query][0] + rng.choice([-1, 1]) * len(edges), asked[query][1])
    elif how == "hops":
        asked[query] = (rng.choice([0, 1, 2, 3, 5, 8, 12, 128]), asked[query][1])
    elif how == "cut":
        other = (at + rng.randrange(1, len(edges))) % len(edges)
        edges[at], edges[other] = (edges[at][0], edges[other][1]), (edges[other][0], edges[at][1])
    elif how == "rename":
        old, new = edges[at][0], any_word(rng, len(edges[at][0]))
        edges = [(new if a == old else a, new if b == old else b) for a, b in edges]
        asked = [(k, new if node == old else node) for k, node in asked]
    elif how == "grow":
        source, target = edges[at]
        between = any_word(rng, len(source))
        edges[at : at + 1] = [(source, between), (between, target)]
        asked.append((asked[query][0], between))
    elif how == "shrink":
        gone, target = edges.pop(at)
        edges = [(a, target if b == gone else b) for a, b in edges]
        asked = [(k, node) for k, node in asked if node != gone]
    elif how == "ask more":
        asked.append((asked[query][0], edges[at][0]))
    elif how == "ask less":
        del asked[query]
    else:
        asked[query] = (rng.choice(asked)[0], rng.choice(asked)[1])
    successor = dict(edges)
    questions = [
        depo.Query(hops, node, depo.walk(successor, node, hops))
        for hops, node in asked
        if 1 <= hops <= 128 and node in successor
    ]
    separated = [bool(row.separators) ^ (rng.random() < 0.02) for _ in edges]
    ids[:], mask[:] = spell_depo(edges, separated, questions)
    return how


def any_word(rng: Random, length: int) -> depo.Word:
    """Draw a word, mostly of this length and mostly of common tokens."""
    length = rng.choice([length, length, length, 1, 2, 8])
    most = rng.choice([3, 20, 50, 128])
    return tuple(rng.randrange(1, most + 1) for _ in range(length))


def spell_depo(
    edges: Sequence[tuple[depo.Word, depo.Word]], separated: Sequence[bool], questions: Sequence[depo.Query]
) -> tuple[list[int], list[int]]:
    """Turn edges, with or without separators, and answered queries into ids and mask."""

    def word(tokens: depo.Word) -> list[str]:
        return [f"{v}." for v in tokens[:-1]] + [f"{tokens[-1]} "]

    text = ["<bos>"]
    for (source, target), apart in zip(edges, separated, strict=True):
        text += ["; "] * apart + word(source) + word(target)
    mask = [0] * len(text)
    for query in questions:
        asked, answer = [f"| QUERY hops={query.hops} ", *word(query.node)], ["->", *word(query.answer)]
        text += asked + answer
        mask += [0] * len(asked) + [1] * len(answer)
    return [IDS["depo"][piece] for piece in text], mask


Change = Callable[[Random, str, list[int], list[int]], str]


def mutant(rng: Random, task: str, ids: Sequence[int], mask: Sequence[int]) -> Mutant:
    """Make one mutant of a valid, unpadded row."""
    knowing: Change = knowing_dyna if task == "dyna" else knowing_depo
    change = rng.choice([blind, blind, one_piece, twin, wrong_answer, wrong_mask, knowing, knowing, knowing])
    new_ids, new_mask = list(ids), list(mask)
    how = change(rng, task, new_ids, new_mask)
    if change is blind and rng.random() < 0.2:
        how += " and " + blind(rng, task, new_ids or [1], new_mask or [0])
    given: list[int] | None = new_mask
    if change is not wrong_mask and rng.random() < 0.4:
        given = rng.choice([None, None, list(mask)])
    return Mutant(how, new_ids, given, change in (wrong_answer, wrong_mask))
