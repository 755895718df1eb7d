"""Plain-Python Dyna: a shuffled list, random operations, queries on the result, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS = 1, 2
STATE, COMMA, OPS = 3, 4, 5
FIRST_QUERY = {"position": 6, "element": 7}
LATER_QUERY = {"position": 8, "element": 9}
ARROW = 10
KINDS = ["SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE"]
FIRST_OP = {kind: 11 + i for i, kind in enumerate(KINDS)}
LATER_OP = {kind: 15 + i for i, kind in enumerate(KINDS)}
# Seven families of 64 ids: "(i,"  "i)"  "(i)"  "i"  " i"  name(i)  " name(i)"
LEFT, RIGHT, AMOUNT, NUMBER, NUMBER_ANSWER, NAME, NAME_ANSWER = range(19, 19 + 7 * 64, 64)


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop; only refuse what is not generated here."""
    if params.get("effective_depth") is not None:
        raise ValueError("the plain generator has no effective_depth")
    return params


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    n = rng.randint(*params["state_size"])
    m = rng.randint(*params["num_ops"])
    kinds = ["position", "element"] if params["query_kind"] == "both" else [params["query_kind"]]
    element, element_answer = (NAME, NAME_ANSWER) if params["symbolic_names"] else (NUMBER, NUMBER_ANSWER)

    state = list(range(n))
    rng.shuffle(state)
    ids = [BOS, STATE, element + state[0]]
    for e in state[1:]:
        ids += (COMMA, element + e)
    ids.append(OPS)

    op_ids = FIRST_OP
    for _ in range(m):
        kind = rng.choice(KINDS)
        ids.append(op_ids[kind])
        op_ids = LATER_OP
        if kind == "SWAP":
            i, j = rng.sample(range(n), 2)
            state[i], state[j] = state[j], state[i]
            ids += (LEFT + i, RIGHT + j)
        elif kind == "REVERSE":
            i, j = sorted(rng.sample(range(n), 2))
            state[i : j + 1] = reversed(state[i : j + 1])
            ids += (LEFT + i, RIGHT + j)
        else:
            k = rng.randint(1, n - 1)
            cut = k if kind == "ROTATE_LEFT" else n - k
            state = state[cut:] + state[:cut]
            ids.append(AMOUNT + k)
    mask = [0] * len(ids)

    query_ids = FIRST_QUERY
    for position in rng.sample(range(n), params["num_queries"]):
        kind = rng.choice(kinds)
        if kind == "position":
            ids += (query_ids[kind], NUMBER + position, ARROW, element_answer + state[position])
        else:
            ids += (query_ids[kind], element + state[position], ARROW, NUMBER_ANSWER + position)
        mask += (0, 0, 0, 1)
        query_ids = LATER_QUERY
    ids.append(EOS)
    mask.append(1)
    return ids, mask
