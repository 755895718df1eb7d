"""Brevo as users of the Hugging Face generators know it: rows and fields."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st
from synthgen import compat

from tests.compat_rows import check_answers
from tests.public_cases import law


def graphs() -> Any:
    """Give configurations of Brevo, some fields left at their defaults."""
    choices = {
        "multi": st.booleans(),
        "qa": st.booleans(),
        "max_in": st.integers(1, 4),
        "bos_token_id": st.sampled_from([0, 9999, 1000]),
        "eos_token_id": st.sampled_from([9998, 9995]),
        "query_token_id": st.sampled_from([9997, 500]),
        "answer_token_id": st.sampled_from([9998, 9996]),
    }
    return st.fixed_dictionaries({"N": st.integers(9, 40)}, optional=choices)


def names_of(ids: list[int], multi: bool) -> list[tuple[int, ...]]:
    """Split ids into names of vertices."""
    names, begun = [], []
    for id_ in ids:
        begun.append(id_)
        if not multi or id_ > 4:
            names.append(tuple(begun))
            begun = []
    assert not begun
    return names


def ids_of(names: list[tuple[int, ...]]) -> list[int]:
    return [id_ for name in names for id_ in name]


def parts(ids: list[int], config: dict[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Edges, the queried vertex and the vertices listed of a row."""
    c = compat.DEFAULTS["brevo"] | config
    assert (ids[0], ids[-1]) == (c["bos_token_id"], c["eos_token_id"])
    query, answer = ids.index(c["query_token_id"]), ids.index(c["answer_token_id"], 1)
    edges = names_of(ids[1:query], c["multi"])
    return (
        list(zip(edges[::2], edges[1::2], strict=True)),
        names_of(ids[query + 1 : answer], c["multi"]),
        names_of(ids[answer + 1 : -1], c["multi"]),
    )


def ancestors(edges: list[Any], vertex: Any) -> set[Any]:
    found = {vertex}
    while more := {first for first, then in edges if then in found} - found:
        found |= more
    return found


@law(graphs(), st.integers(0, 2**32), examples=50)
def test_brevo_rows(config: dict[str, Any], seed: int) -> None:
    c = compat.DEFAULTS["brevo"] | config
    row = compat.generate_brevo_example(Random(seed), config)
    assert row == compat.generate_brevo_example(Random(seed), config)
    assert list(row) == [
        *("input_ids", "token_type", "loss_mask", "labels", "n", "depth", "multi", "answer_mask", "answer_spans")
    ]
    ids = row["input_ids"]
    edges, asked, listed = parts(ids, config)
    [queried] = asked
    assert row["multi"] is c["multi"]
    vertices = {vertex for edge in edges for vertex in edge}
    assert len(vertices) <= row["n"] <= c["N"]
    if c["qa"]:
        assert row["n"] == c["N"]
    lengths = {2, 3, 4} if c["multi"] else {1}
    assert all(len(vertex) in lengths and max(vertex) <= (8 if c["multi"] else c["N"]) for vertex in vertices)
    for end in (0, 1):
        assert max(Counter(edge[end] for edge in edges).values()) <= c["max_in"]
    # The queried vertex and all it depends on, each once, what it depends on before it.
    assert sorted(listed) == sorted(ancestors(edges, queried))
    for at, vertex in enumerate(listed):
        assert {first for first, then in edges if then == vertex} <= set(listed[:at])
    assert check_answers(row) == [ids_of(listed)]
    start = row["answer_spans"][0][0]
    assert row["loss_mask"] == [int(at >= start - 1) for at in range(len(ids))]
    # The shortest way to a vertex that depends on nothing.
    depth, reached = 0, {queried}
    while all(any(then == vertex for _, then in edges) for vertex in reached):
        reached = {first for first, then in edges if then in reached}
        depth += 1
    assert row["depth"] == depth
    kinds = [-1, -2 - depth] + [0] * (len(ids) - 2)
    kinds[start : start + len(listed[0])] = [min(depth, 9) + 1] * len(listed[0])
    assert row["token_type"] == kinds
    for strict in (True, False):
        assert compat.validate_brevo_example(ids, config, strict=strict)
        assert compat.validate_brevo_example(np.array(ids), config, strict)


@law(graphs(), st.integers(0, 2**32), st.data(), examples=50)
def test_brevo_rows_that_were_tampered_with_are_rejected(config: dict[str, Any], seed: int, data: Any) -> None:
    ids = compat.generate_brevo_example(Random(seed), config)["input_ids"]
    edges, _, listed = parts(ids, config)
    start = len(ids) - 1 - len(ids_of(listed))

    def answered(names: list[Any]) -> list[int]:
        return [*ids[:start], *ids_of(names), ids[-1]]

    other = next(iter({edge[0] for edge in edges} - set(listed)), None)
    wrong = [
        answered(listed[1:]),
        answered(listed[:-1]),
        answered([]),
        answered(listed[::-1]),
        ids[:-1],
        ids[1:],
        ids[: start - 1] + ids[start:],
        [],
        [-1, *ids[1:]],
        *([answered([other, *listed])] if other else []),
    ]
    for mutant in wrong:
        assert compat.validate_brevo_example(mutant, config) is False
        assert compat.validate_brevo_example(mutant, config, strict=False) is False
    for mutant in ([ids], [float(id_) for id_ in ids], None, "row", [2**70]):
        assert compat.validate_brevo_example(mutant, config) is False
        assert compat.validate_brevo_example(mutant, config, strict=False) is False
    # What the original lets pass.
    twice = data.draw(st.integers(0, len(listed) - 1))
    lax = [answered(listed[: twice + 1] + listed[twice:]), answered([*listed, listed[0]])]
    if config.get("multi"):
        lax += [[*ids[:-1], 1, ids[-1]], [*ids, ids[-1]]]
    for mutant in lax:
        assert compat.validate_brevo_example(mutant, config) is False
        assert compat.validate_brevo_example(mutant, config, strict=False) is True
