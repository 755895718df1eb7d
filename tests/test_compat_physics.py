"""The five tasks of Physics of Language Models: rows, fields and refusals are as users of the generators know them."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import compat, depo, people
from synthgen.errors import ParamError

from tests.public_cases import law

TASKS = ("depo", "brevo", "mano", "capo", "lano")
ROW = ["input_ids", "loss_mask", "labels", "n", "query_count", "K", "mini_vocab"]
NAMES = set(compat.DEPO_DEFAULTS)


def function(form: str, task: str) -> Any:
    return getattr(compat, form.format(task))


def check_answers(row: dict[str, Any]) -> list[list[int]]:
    """Check labels, and that the answer mask is what the spans say; return the answers."""
    ids, mask, spans = row["input_ids"], row["loss_mask"], row["answer_spans"]
    assert row["labels"] == [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)]
    inside = [any(start <= at < end for start, end in spans) for at in range(len(ids))]
    assert row["answer_mask"] == [int(here) for here in inside]
    assert all(mask[at] for at, here in enumerate(inside) if here)
    return [ids[start:end] for start, end in spans]


# --- Depo ---


def configs() -> Any:
    """Give configurations in the names of the original, some of them left at their defaults."""
    choices = {
        "N": st.integers(9, 40),
        "K": st.integers(1, 32),
        "M": st.integers(1, 12),
        "qa": st.booleans(),
        "separator": st.booleans(),
        "mini_vocab": st.integers(20, 100),
        "min_tlen": st.integers(1, 2),
        "max_tlen": st.integers(2, 4),
        "fixed_k": st.one_of(st.none(), st.integers(1, 8)),
        "allow_wrap": st.just(True),
        "bos_token_id": st.sampled_from([0, 9999, 1000]),
        "separator_token_id": st.sampled_from([9700, 9701]),
        "query_token_base": st.sampled_from([9000, 8000]),
        "answer_token_id": st.sampled_from([9500, 9600]),
    }
    return st.fixed_dictionaries({"N": choices.pop("N")}, optional=choices)


def read(ids: list[int], config: dict[str, Any]) -> tuple[int, list[int]]:
    """Check a row by the original's rules alone; return its number of nodes and its hops."""
    c = {**compat.DEPO_DEFAULTS, **config}
    assert ids[0] == c["bos_token_id"]
    at, words = 1, []

    def word() -> tuple[int, ...]:
        nonlocal at
        begun = at
        while ids[at] <= c["mini_vocab"]:
            assert ids[at] >= 1
            at += 1
        assert ids[at] <= 2 * c["mini_vocab"]
        at += 1
        assert c["min_tlen"] <= at - begun <= c["max_tlen"]
        return tuple(ids[begun:at])

    def token(id_: int) -> None:
        nonlocal at
        assert ids[at] == id_
        at += 1

    edges: dict[tuple[int, ...], tuple[int, ...]] = {}
    while not 1 <= ids[at] - c["query_token_base"] <= 128:
        if c["separator"]:
            token(c["separator_token_id"])
        source, target = word(), word()
        assert source not in edges
        edges[source] = target
        words.append(source)
    assert sorted(edges.values()) == sorted(words)
    node, seen = words[0], set()
    while node not in seen:
        seen.add(node)
        node = edges[node]
    assert len(seen) == len(edges)
    hops, asked = [], []
    while at < len(ids):
        hops.append(ids[at] - c["query_token_base"])
        at += 1
        asked.append(word())
        token(c["answer_token_id"])
        answer, node = word(), asked[-1]
        for _ in range(hops[-1]):
            node = edges[node]
        assert node == answer
    assert len(set(asked)) == len(asked)
    return len(edges), hops


@law(configs(), st.integers(0, 2**32), examples=50)
def test_depo_rows(config: dict[str, Any], seed: int) -> None:
    c = {**compat.DEPO_DEFAULTS, **config}
    row = compat.generate_depo_example(Random(seed), config)
    assert row == compat.generate_depo_example(Random(seed), config)
    assert list(row) == [*ROW, "answer_mask", "answer_spans", "query_hops"]
    ids, mask = row["input_ids"], row["loss_mask"]
    assert row["labels"] == [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)]
    assert {type(value) for value in (*ids, *mask, *row["labels"])} == {int}
    n, hops = read(ids, config)
    assert (row["n"], row["query_count"], row["K"], row["mini_vocab"]) == (n, min(n, c["M"]), c["K"], c["mini_vocab"])
    assert len(hops) == row["query_count"]
    assert row["query_hops"] == hops
    check_answers(row)
    assert n == c["N"] if c["qa"] else 3 <= n <= c["N"]
    if c["fixed_k"] is not None:
        assert set(hops) == {c["fixed_k"]}
        assert n > c["fixed_k"] or c.get("allow_wrap")
    elif c["qa"]:
        assert set(hops) <= {1, 2, 4, 8, 16, 32, c["K"], *([24] if c["K"] == 32 else [])}
    assert max(hops) <= max(c["K"], c["fixed_k"] or 0)
    # Predicted: the answer marker and the word after it, up to its final token.
    inside, wanted = False, []
    for id_ in ids:
        inside = inside or id_ == c["answer_token_id"]
        wanted.append(int(inside))
        inside = inside and not c["mini_vocab"] < id_ <= 2 * c["mini_vocab"]
    assert mask == wanted
    assert compat.validate_depo_example(ids, config)
    assert compat.validate_depo_example(np.array(ids), config)


@law(configs(), st.integers(0, 2**32), st.data(), examples=50)
def test_depo_rows_that_were_tampered_with_are_rejected(config: dict[str, Any], seed: int, data: Any) -> None:
    ids = compat.generate_depo_example(Random(seed), config)["input_ids"]
    at = data.draw(st.integers(0, len(ids) - 1))
    dropped, doubled = ids[:at] + ids[at + 1 :], ids[: at + 1] + ids[at:]
    cut = ids[: data.draw(st.integers(0, len(ids) - 1))]
    for wrong in (
        dropped,
        doubled,
        cut,
        [],
        ids[::-1],
        [*ids, 10**9],
        [-1, *ids],
        [float(id_) for id_ in ids],
        [ids],
        [ids, [1]],
    ):
        assert compat.validate_depo_example(wrong, config) is False
    last = ids[-1]
    for other in {config.get("mini_vocab", 50) + 1, config.get("mini_vocab", 50) + 2} - {last}:
        assert compat.validate_depo_example([*ids[:-1], other], config) is False


def test_depo_rows_in_other_special_ids_are_rejected() -> None:
    """A row is valid in the ids of its configuration only, not in the reference's as well."""
    config = {"N": 12, "separator": True}
    ours = {"bos_token_id": 9998, "answer_token_id": 9600, "separator_token_id": 9800, "query_token_base": 8000}
    plain = compat.generate_depo_example(Random(1), config)["input_ids"]
    for name, value in ours.items():
        other = compat.generate_depo_example(Random(1), {**config, name: value})["input_ids"]
        assert compat.validate_depo_example(other, {**config, name: value})
        assert not compat.validate_depo_example(other, config)
        assert not compat.validate_depo_example(plain, {**config, name: value}), name
    assert not compat.validate_depo_example([9999, *plain[1:]], config)


def test_depo_ids_are_the_reference_ids_of_the_task() -> None:
    config = {"N": 30, "bos_token_id": 9999}
    rng = Random(4)
    row = compat.generate_depo_example(Random(4), config)
    batch = depo.batch(1, rng.getrandbits(64), n_max=30, compat_ids=True)
    assert row["input_ids"] == batch.input_ids[0, : batch.lengths[0]].tolist()
    assert row["loss_mask"] == batch.loss_mask[0, : batch.lengths[0]].tolist()


@pytest.mark.parametrize("config", [{"N": 15}, {"N": 12, "qa": True, "fixed_k": 8, "separator": True}])
def test_depo_sets_start_with_shorter_ones(config: dict[str, Any]) -> None:
    short, long = (compat.make_depo_hf_dataset(n, config, seed=7) for n in (5, 12))
    assert (len(short), len(long)) == (5, 12)
    assert short.column_names == long.column_names == [*ROW, "answer_mask", "answer_spans", "query_hops"]
    assert long.to_list()[:5] == short.to_list()
    assert len({tuple(row["input_ids"]) for row in long}) == 12
    assert all(compat.validate_depo_example(row["input_ids"], config) for row in long)
    assert compat.make_depo_hf_dataset(5, config).to_list() == compat.make_depo_hf_dataset(5, config, seed=42).to_list()
    assert compat.make_depo_hf_dataset(5, config, seed=8).to_list() != short.to_list()


@pytest.mark.parametrize("name", ["Q", "n", "maxtlen", "L", "value_mod", "bos", "foo_token_id", "key_token_base"])
def test_depo_keys_that_are_not_known_are_refused(name: str) -> None:
    config = {"N": 12, name: 3}
    ids = compat.generate_depo_example(Random(1), {"N": 12})["input_ids"]
    calls: list[Callable[[], Any]] = [
        lambda: compat.generate_depo_example(Random(1), config),
        lambda: compat.validate_depo_example(ids, config),
        lambda: compat.make_depo_hf_dataset(2, config),
    ]
    for call in calls:
        with pytest.raises(ParamError, match="no such field") as caught:
            call()
        assert (caught.value.task, caught.value.field) == ("depo", name)


@pytest.mark.parametrize(
    "config",
    [
        {"N": 2},
        {"N": "9"},
        {"K": 0},
        {"min_tlen": 3},
        {"mini_vocab": 4},
        # Ids of special tokens that are none, or that words, hops or other special tokens have.
        {"bos_token_id": "x"},
        {"bos_token_id": -1},
        {"query_token_base": None},
        {"answer_token_id": 5},
        {"answer_token_id": 0},
        {"separator_token_id": 9500},
        {"bos_token_id": 9001},
        {"N": 8, "fixed_k": 8},
    ],
)
def test_depo_values_that_cannot_be_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ParamError) as caught:
        compat.generate_depo_example(Random(1), config)
    assert caught.value.task == "depo"
    assert caught.value.field in NAMES
    assert caught.value.value
    assert caught.value.allowed
    with pytest.raises(ParamError):
        compat.validate_depo_example([0, 1], config)


# --- Brevo ---


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


# --- Mano ---


def expressions() -> Any:
    """Give configurations of Mano, some fields left at their defaults."""
    choices = {
        "ttype": st.sampled_from(["a", "s", "m", "am", "ma", "asm", "msa", "asmd"]),
        "knowledge_augment": st.booleans(),
        "bos_token_id": st.sampled_from([0, 9999, 8000]),
        "qa": st.booleans(),
    }
    mod = st.sampled_from([23, 31, 97])
    return st.fixed_dictionaries({"L": st.integers(1, 12)}, optional=choices | {"value_mod": mod})


def value(symbols: list[int], mod: int) -> int:
    """Evaluate a prefix expression, used up from its front."""
    head = symbols.pop(0)
    if head >= 5000:
        assert head < 5000 + mod
        return head - 5000
    a = value(symbols, mod)
    b = value(symbols, mod)
    return [a + b, a - b, a * b, a * pow(b, -1, mod) if b else 0][(head - 1) % 4] % mod


@law(expressions(), st.integers(0, 2**32), st.data(), examples=60)
def test_mano_rows(config: dict[str, Any], seed: int, data: Any) -> None:
    c = compat.DEFAULTS["mano"] | config
    row = compat.generate_mano_example(Random(seed), config)
    assert row == compat.generate_mano_example(Random(seed), config)
    assert list(row) == ["input_ids", "loss_mask", "labels", "length", "qid", "answer_mask", "answer_spans"]
    ids, length = row["input_ids"], row["length"]
    assert row["loss_mask"] == [1] * len(ids)
    assert len(ids) == 2 * length + 5
    assert row["qid"] == length
    assert length == c["L"] if c.get("qa") else 1 <= length <= c["L"]
    assert ids[0] == c["bos_token_id"]
    synonyms = {0, 1} if c["knowledge_augment"] else {0}
    assert ids[1] - 10 * length in synonyms
    assert ids[-2] - 10 * length - 4 in synonyms
    operations = {"asmd"[(id_ - 1) % 4] for id_ in ids[2:-2] if id_ < 5000}
    assert operations <= set(c["ttype"])
    symbols = ids[2:-2]
    assert check_answers(row) == [[5000 + value(symbols, c["value_mod"])]]
    assert symbols == []
    assert compat.validate_mano_example(ids, config)
    for other in (c["bos_token_id"] + 1, ids[1], -2):
        assert not compat.validate_mano_example([other, *ids[1:]], config)
    # The original writes its start as one of two synonyms.
    assert compat.validate_mano_example([ids[0] - 1, *ids[1:]], config) is (c["knowledge_augment"] and ids[0] > 0)
    at = data.draw(st.integers(0, len(ids) - 1))
    last = 5000 + (ids[-1] - 4999) % c["value_mod"]
    for wrong in (
        ids[:at] + ids[at + 1 :],
        ids[:at],
        [*ids[:-1], last],
        [*ids, 2],
        [float(id_) for id_ in ids],
        None,
        [ids],
    ):
        assert compat.validate_mano_example(wrong, config) is False
    for bad in (5000 + c["value_mod"], 9, 0 if c["bos_token_id"] else 99999):
        where = data.draw(st.integers(1, len(ids) - 1))
        if ids[where] != bad:
            assert compat.validate_mano_example([*ids[:where], bad, *ids[where + 1 :]], config) is False


# --- Capo ---


PERSON = ["first_name", "middle_name", "last_name", "birthcity", "university", "field", "company1name", "company1city"]
BORN = ["birthmonth", "birthday", "birthyear"]
TOLD = ["text", "person_id", "exposure_idx", *PERSON, *BORN]
TOKENS = ["input_ids", "loss_mask", "labels", "answer_mask", "answer_spans"]


def worlds() -> Any:
    """Give configurations of Capo, some fields left at their defaults."""
    choices = {
        "exposures": st.integers(1, 100),
        "reverse_md": st.booleans(),
        "order": st.integers(0, 1),
        "tokenize": st.booleans(),
        "people_seed": st.integers(0, 3),
    }
    return st.fixed_dictionaries({"num_people": st.integers(1, 1000)}, optional=choices)


def values_of(row: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """The values of a person, in the order of the sentences."""
    c = compat.DEFAULTS["capo"] | config
    born = "{1} of {0}, {2}" if c["reverse_md"] else "{0} {1}, {2}"
    employer = ["company1name", "company1city"] if c["order"] else ["company1city", "company1name"]
    facts = [row[name] for name in ("birthcity", "university", "field", *employer)]
    return [born.format(*(row[name] for name in BORN)), *facts]


@law(worlds(), st.integers(0, 2**32), st.data(), examples=50)
def test_capo_rows(config: dict[str, Any], seed: int, data: Any) -> None:
    c = compat.DEFAULTS["capo"] | config
    row = compat.generate_capo_example(Random(seed), config)
    assert row == compat.generate_capo_example(Random(seed), config)
    assert list(row) == TOLD + TOKENS * c["tokenize"]
    assert 0 <= row["person_id"] < c["num_people"]
    assert 0 <= row["exposure_idx"] < c["exposures"]
    text = row["text"]
    name = " ".join(row[part] for part in PERSON[:3])
    assert text.startswith(f" {name}")
    assert text.count(name) == 1
    assert text.endswith(".")
    known = people.table(1, c.get("people_seed", 0), row["person_id"])
    assert all(known[fact] == [row[fact]] for fact in (*PERSON, *BORN))
    at = 0
    for told in values_of(row, config):
        at = text.index(told, at) + len(told)
    if c["tokenize"]:
        assert bytes(row["input_ids"]).decode() == text
        assert row["loss_mask"] == [1] * len(text)
        assert [bytes(ids).decode() for ids in check_answers(row)] == values_of(row, config)
    assert compat.validate_capo_example(row, config)
    assert compat.validate_capo_example(row) is (c.get("people_seed", 0) == 0)
    # Each field is checked, and the text is.
    field = data.draw(st.sampled_from(list(row)))
    other = {str: "X", int: -1, list: []}[type(row[field])]
    assert compat.validate_capo_example(row | {field: other}, config) is False
    short = {name: row[name] for name in TOLD if name != field}
    assert compat.validate_capo_example(short, config) is (field not in TOLD)
    if known["birthcity"] != known["company1city"]:
        swapped = row | {"birthcity": row["company1city"], "company1city": row["birthcity"]}
        assert compat.validate_capo_example(swapped, config) is False
    day = row | {"text": text.replace(str(row["birthyear"]), str((row["birthyear"] - 1900 + 1) % 200 + 1900))}
    assert compat.validate_capo_example(day, config) is False
    for wrong in (
        None,
        1,
        "text",
        [row],
        {},
        row | {"person_id": True},
        row | {"text": None},
        row | {"text": text + " "},
    ):
        assert compat.validate_capo_example(wrong, config) is False
    flipped = config | {"reverse_md": not c["reverse_md"]}
    assert compat.validate_capo_example(row, flipped) is False


def test_capo_people_persist() -> None:
    """Whoever makes a set, and however often a person comes up, the facts are the same and the words are not."""
    config = {"num_people": 20, "exposures": 5}
    rows = compat.make_capo_hf_dataset(100, config).to_list()
    others = compat.make_capo_hf_dataset(40, config, seed=7).to_list()
    facts: dict[int, list[Any]] = {}
    for row in [*rows, *others]:
        person = [row[name] for name in (*PERSON, *BORN)]
        assert facts.setdefault(row["person_id"], person) == person
    assert sorted((row["person_id"], row["exposure_idx"]) for row in rows) == [
        (p, e) for p in range(20) for e in range(5)
    ]
    assert len({row["text"] for row in rows}) == 100
    texts = {(row["person_id"], row["exposure_idx"]): row["text"] for row in rows}
    for seed in range(30):
        row = compat.generate_capo_example(Random(seed), config)
        assert texts[row["person_id"], row["exposure_idx"]] == row["text"]
    with pytest.raises(ParamError, match="num_people \\* exposures") as caught:
        compat.make_capo_hf_dataset(101, config)
    assert (caught.value.task, caught.value.field) == ("capo", "num_examples")


# --- Lano ---


SMALL: list[list[list[list[int]]]] = [[[[0, 1], [1, 0, 1]]], [[[0, 1], [1, 2, 0]], [[2, 2], [1, 1, 0]]], [[], [], []]]
"""Rules of a grammar of depth 2: of the root, of two symbols, and of three terminals, which have none."""


def grammar_file(folder: Path) -> Path:
    """Write the small grammar in the reference's form."""
    first, sizes = (9, 7, 1), [len(level) for level in SMALL]
    levels = [
        [
            {"depth": depth, "id": first[depth] + i, "name": f"n{depth}_{i}", "children": children}
            for i, children in enumerate(level)
        ]
        for depth, level in enumerate(SMALL)
    ]
    text = {
        **{"depth": 2, "num_sym": 3, "vocab_size": 3, "eos_token": 4, "mask_token": 5, "sep_token": 6},
        "sizes": sizes,
        "idx": [[first[depth] + i for i in range(size)] for depth, size in enumerate(sizes)],
        "all": levels,
        "count": 9,
    }
    path = folder / "grammar.json"
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize("name", ["cfg3b", "cfg3f", "cfg3k"])
def test_lano_rows(name: str) -> None:
    config = {"config_name": name}
    for seed in range(10):
        row = compat.generate_lano_example(Random(seed), config)
        assert row == compat.generate_lano_example(Random(seed), config)
        assert list(row) == ["input_ids", "loss_mask", "labels", "config_name"]
        ids = row["input_ids"]
        assert set(ids) <= {1, 2, 3}
        assert row["loss_mask"] == [1] * len(ids)
        assert row["labels"] == ids
        assert row["config_name"] == name
        assert compat.validate_lano_example(ids, config)
        for wrong in ([], ids[:1], [*ids, 4], [4, *ids], [0, *ids], [ids], None, ids[:20]):
            assert compat.validate_lano_example(wrong, config) is False
        assert not compat.validate_lano_example(ids, {"config_name": "cfg3j"})


def test_lano_takes_grammars_of_the_reference_form(tmp_path: Path) -> None:
    path = grammar_file(tmp_path)
    symbols = [[(1, 2), (2, 3, 1)], [(3, 3), (2, 2, 1)]]
    strings = {a + b for a in symbols[0] for b in symbols[1]} | {
        a + b + c for a in symbols[1] for b in symbols[0] for c in symbols[1]
    }
    for config in ({"config_path": path}, {"config_path": str(path), "config_name": "mine"}):
        rows = [compat.generate_lano_example(Random(seed), config) for seed in range(200)]
        assert {tuple(row["input_ids"]) for row in rows} == strings
        assert {row["config_name"] for row in rows} == {config.get("config_name", "cfg3f")}
        assert all(compat.validate_lano_example(list(string), config) for string in strings)
        assert not compat.validate_lano_example([1, 2, 1, 2], config)
    (tmp_path / "broken.json").write_text("{}")
    for wrong in (tmp_path / "none.json", tmp_path / "broken.json", tmp_path, 3):
        with pytest.raises(ParamError) as caught:
            compat.generate_lano_example(Random(1), {"config_path": wrong})
        assert (caught.value.task, caught.value.field) == ("lano", "config_path")


# --- All of them ---


SETS: list[tuple[str, dict[str, Any]]] = [
    ("depo", {"N": 15}),
    ("brevo", {"N": 12}),
    ("brevo", {"N": 12, "multi": True, "qa": True}),
    ("mano", {}),
    ("capo", {"num_people": 9}),
    ("capo", {"tokenize": False}),
    ("lano", {"config_name": "cfg3b"}),
]


@pytest.mark.parametrize(("task", "config"), SETS)
def test_sets_start_with_shorter_ones(task: str, config: dict[str, Any]) -> None:
    make, validate = function("make_{}_hf_dataset", task), function("validate_{}_example", task)
    short, long = make(5, config, seed=7), make(12, config, seed=7)
    assert (len(short), len(long)) == (5, 12)
    assert short.column_names == long.column_names
    rows = long.to_list()
    assert rows[:5] == short.to_list()
    assert len({str(row) for row in rows}) == 12
    assert all(validate(row if task == "capo" else row["input_ids"], config) for row in rows)
    assert make(5, config).to_list() == make(5, config, seed=42).to_list() != short.to_list()


@pytest.mark.parametrize("task", TASKS)
def test_one_row_is_the_first_of_a_set(task: str) -> None:
    """All but Capo, whose rows are of one set."""
    generate, make = function("generate_{}_example", task), function("make_{}_hf_dataset", task)
    row = generate(Random(3), {})
    assert row != generate(Random(4), {})
    if task != "capo":
        assert make(1, {}, seed=Random(3).getrandbits(64)).to_list() == [row]
    assert generate(np.random.default_rng(3), {}) == generate(np.random.default_rng(3), {})
    with pytest.raises(ParamError) as caught:
        generate(3, {})
    assert (caught.value.task, caught.value.field) == (task, "rng")


@pytest.mark.parametrize("task", ["brevo", "mano", "lano"])
def test_ids_are_the_reference_ids_of_the_task(task: str) -> None:
    rows = function("make_{}_hf_dataset", task)(20, {}, seed=5).to_list()
    module: Any = synthgen.get(task)
    batch = module.batch(20, 5, compat_ids=True)
    cut = slice(1, -1) if task == "lano" else slice(None)
    for i, row in enumerate(rows):
        assert row["input_ids"] == batch.input_ids[i, : batch.lengths[i]][cut].tolist()
        assert compat.our_params(task, {}) == {}
        if task == "brevo":
            assert row["loss_mask"] == batch.loss_mask[i, : batch.lengths[i]].tolist()
        if task != "lano":
            assert row["answer_mask"] == batch.answer_mask[i, : batch.lengths[i]].tolist()


def test_capo_texts_are_those_of_the_task() -> None:
    rows = compat.make_capo_hf_dataset(20, {"num_people": 50, "order": 1}, seed=5).to_list()
    task: Any = synthgen.get("capo")
    batch = task.batch(20, 5, num_people=50, permute="none", city_first=False)
    assert [row["text"] for row in rows] == [batch.text(i) for i in range(20)]


@pytest.mark.parametrize(
    ("task", "config", "other"),
    [
        (
            "brevo",
            {"N": 12},
            {"bos_token_id": 9990, "eos_token_id": 9995, "query_token_id": 800, "answer_token_id": 9996},
        ),
        (
            "brevo",
            {"multi": True},
            {"bos_token_id": 0, "eos_token_id": 9, "query_token_id": 10, "answer_token_id": 9996},
        ),
        ("mano", {"L": 3}, {"bos_token_id": 0}),
    ],
)
def test_rows_in_other_special_ids_are_rejected(task: str, config: dict[str, Any], other: dict[str, int]) -> None:
    """A row is valid in the ids of its configuration only, not in the reference's as well."""
    generate, validate = function("generate_{}_example", task), function("validate_{}_example", task)
    plain = generate(Random(1), config)
    for name, wanted in other.items():
        mine = config | {name: wanted}
        row = generate(Random(1), mine)
        assert row["input_ids"] != plain["input_ids"]
        assert row["loss_mask"] == plain["loss_mask"]
        assert wanted in row["input_ids"]
        assert validate(row["input_ids"], mine)
        assert not validate(row["input_ids"], config)
        assert not validate(plain["input_ids"], mine)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["foo", "bos", "copy_prob", "maxtlen"])
def test_keys_that_are_not_known_are_refused(task: str, name: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: function("generate_{}_example", task)(Random(1), {name: 3}),
        lambda: function("validate_{}_example", task)([1] if task != "capo" else {}, {name: 3}),
        lambda: function("make_{}_hf_dataset", task)(2, {name: 3}),
    ]
    for call in calls:
        with pytest.raises(ParamError, match="no such field") as caught:
            call()
        assert (caught.value.task, caught.value.field, caught.value.value) == (task, name, "3")
    for config in (None, 3, "N"):
        if config is not None or task != "capo":
            with pytest.raises(ParamError):
                function("validate_{}_example", task)([1], config)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("brevo", {"N": 2}),
    ("brevo", {"max_in": 0}),
    ("brevo", {"multi": 1}),
    ("brevo", {"bos_token_id": 70}),
    ("brevo", {"query_token_id": 9998}),
    ("brevo", {"answer_token_id": 9999}),
    ("brevo", {"eos_token_id": "x"}),
    ("brevo", {"answer_token_id": [1]}),
    ("brevo", {"query_token_id": 0}),
    ("mano", {"L": 0}),
    ("mano", {"L": "10"}),
    ("mano", {"ttype": "abc"}),
    ("mano", {"ttype": ""}),
    ("mano", {"ttype": ["a"]}),
    ("mano", {"value_mod": 1}),
    ("mano", {"value_mod": 24, "ttype": "asmd"}),
    ("mano", {"bos_token_id": 5003}),
    ("mano", {"bos_token_id": 14}),
    ("mano", {"knowledge_augment": "yes"}),
    ("capo", {"num_people": 0}),
    ("capo", {"exposures": 0}),
    ("capo", {"order": 2}),
    ("capo", {"reverse_md": 1}),
    ("capo", {"tokenize": "yes"}),
    ("lano", {"config_name": "cfg3e1"}),
    ("lano", {"config_name": 3}),
]


@pytest.mark.parametrize(("task", "config"), WRONG)
def test_values_that_cannot_be_are_refused(task: str, config: dict[str, Any]) -> None:
    field = next(iter(config))
    row: Any = {} if task == "capo" else [1]
    calls: list[Callable[[], Any]] = [
        lambda: function("generate_{}_example", task)(Random(1), config),
        lambda: function("validate_{}_example", task)(row, config),
        lambda: function("make_{}_hf_dataset", task)(2, config),
    ]
    for call in calls:
        with pytest.raises(ParamError) as caught:
            call()
        assert (caught.value.task, caught.value.field) == (task, field)
        assert "allowed" in caught.value.allowed
        assert caught.value.value


def test_a_parameter_has_one_name_at_a_time() -> None:
    assert compat.generate_depo_example(Random(1), {"n_max": 12}) == compat.generate_depo_example(Random(1), {"N": 12})
    with pytest.raises(ParamError, match="only one of N and n_max"):
        compat.generate_depo_example(Random(1), {"N": 12, "n_max": 12})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n", [-1, "2", 1.5, None, True])
def test_counts_and_seeds_that_cannot_be_are_refused(task: str, n: Any) -> None:
    with pytest.raises(ParamError) as caught:
        function("make_{}_hf_dataset", task)(n, {})
    assert (caught.value.task, caught.value.field) == (task, "num_examples")
    if n is not None:
        with pytest.raises(ParamError) as caught:
            function("make_{}_hf_dataset", task)(1, {}, seed=n)
        assert (caught.value.task, caught.value.field) == (task, "seed")
