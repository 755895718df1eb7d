"""Lano as users of the Hugging Face generators know it: rows, fields and grammars."""

import json
from pathlib import Path
from random import Random

import pytest
from synthgen import compat
from synthgen.errors import ParamError

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
