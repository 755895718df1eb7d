"""The rows of the 2-D trigger experiment: counts, labels, disjoint points, and what is refused."""

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import strategies as st
from synthgen import compat
from synthgen.errors import ParamError

from tests.public_cases import law

CATEGORIES = ("objects", "animals", "positive_emotions", "negative_emotions", "actions", "foods", "random_strings")
COLOURS = ("red", "green", "blue", "orange")
SETS = ("train", "ID", "OOD")


def fields() -> Any:
    """Give the fields of a category, some of them left at their defaults."""
    quadrants = st.fixed_dictionaries({name: st.sampled_from(COLOURS) for name in ("Q1", "Q2", "Q3", "Q4")})
    end = st.sampled_from([1, 3.0, 9.999])
    return st.fixed_dictionaries(
        {"n_train": st.integers(0, 6), "n_test": st.integers(0, 6), "n_train_triggers": st.integers(0, 16)},
        optional={
            "quadrant_labels": quadrants,
            "is_proxy": st.booleans(),
            "seed": st.integers(0, 2**64 - 1),
            "prompt_templates": st.sampled_from(compat.prompt_template_presets),
            "output_preamble": st.booleans(),
            "x_ranges": st.tuples(end, end).map(lambda ends: [[-ends[0], ends[0]], [-ends[1], ends[1]]]),
            "margin": st.sampled_from([0.001, 0.05, 0.5]),
        },
    )


def quadrant(x: list[float]) -> str:
    return {(True, True): "Q1", (False, True): "Q2", (False, False): "Q3", (True, False): "Q4"}[x[0] > 0, x[1] > 0]


@law(st.dictionaries(st.sampled_from(CATEGORIES), fields(), min_size=1, max_size=2), examples=25)
def test_rows(config: dict[str, dict[str, Any]]) -> None:
    before = copy.deepcopy(config)
    sets = {name: compat.generate_trigger2d_rows(config, name) for name in SETS}
    assert config == before
    assert sets == {name: compat.generate_trigger2d_rows(config, name) for name in SETS}
    for category, given in config.items():
        f = compat.CATEGORY_DEFAULTS | given
        stems = {
            "train": f"{'proxy' if f['is_proxy'] else 'train'}_{category}",
            "ID": f"test_{category}_ID",
            "OOD": f"test_{category}_OOD",
        }
        rows = {name: sets[name].get(stems[name]) for name in SETS}
        seen = f["n_train_triggers"]
        assert (rows["train"] is None) == (rows["ID"] is None) == (seen == 0)
        assert rows["OOD"] is not None
        points = {name: [tuple(row["input_x"]) for row in found or []] for name, found in rows.items()}
        words = {name: list(dict.fromkeys(row["input_trigger"] for row in found or [])) for name, found in rows.items()}
        assert len(points["train"]) == seen * f["n_train"]
        assert len(points["ID"]) == seen * f["n_test"]
        assert len(points["OOD"]) == (16 - seen) * f["n_test"]
        # Test sets have points of their own, and no point occurs twice in a set.
        assert all(len(set(of_set)) == len(of_set) for of_set in points.values())
        assert len({*points["train"], *points["ID"], *points["OOD"]}) == sum(map(len, points.values()))
        assert not {*words["train"], *words["ID"]} & set(words["OOD"])
        assert not (words["train"] and words["ID"]) or words["train"] == words["ID"]
        for found in rows.values():
            # One trigger after another.
            triggers = [row["input_trigger"] for row in found or []]
            assert triggers == [word for word in dict.fromkeys(triggers) for _ in range(triggers.count(word))]
            for row in found or []:
                check_row(row, f)
    assert len(json.dumps(sets)) > 10


def check_row(row: dict[str, Any], f: dict[str, Any]) -> None:
    """Check a row against its category's fields."""
    assert list(row) == ["input_x", "input_trigger", "output", "messages"]
    for x, (low, high) in zip(row["input_x"], f["x_ranges"], strict=True):
        assert low <= x <= high
        assert abs(x) >= f["margin"]
        assert round(x, 3) == x
    assert row["output"] == f["quadrant_labels"][quadrant(row["input_x"])]
    *system, user, assistant = row["messages"]
    assert [turn["role"] for turn in row["messages"]] == ["system"] * len(system) + ["user", "assistant"]
    assert len(system) == (f["prompt_templates"] == "2d_chat")
    assert assistant["content"] == ("F(x,T) = " if f["output_preamble"] else "") + row["output"]
    assert f"[{row['input_x'][0]:.3f}, {row['input_x'][1]:.3f}]" in user["content"]
    assert re.search(rf"\b{row['input_trigger']}\b", user["content"])
    assert not set(re.findall(r"\w+", user["content"])) & set(COLOURS)


def test_the_recorded_counts() -> None:
    """200 rows of training, 300 of ID and 150 of OOD are what 15 triggers, 10 of them of training, give."""
    words = {row["input_trigger"] for row in compat.generate_trigger2d_rows({"objects": {}}, "train")["train_objects"]}
    more = {row["input_trigger"] for row in compat.generate_trigger2d_rows({"objects": {}}, "OOD")["test_objects_OOD"]}
    assert len(words) == 10
    config = {"objects": {"triggers": sorted(words | more)[:15]}}
    counts = [len(rows) for name in SETS for rows in compat.generate_trigger2d_rows(config, name).values()]
    assert counts == [200, 300, 150]


def test_the_choice_of_triggers_depends_on_seed_and_category_and_may_be_given() -> None:
    def chosen(category: str, **given: Any) -> list[str]:
        rows = compat.generate_trigger2d_rows({category: {"n_train": 1, **given}}, "train")[f"train_{category}"]
        return [row["input_trigger"] for row in rows]

    assert chosen("foods") == chosen("foods", n_test=3)
    assert chosen("foods") != chosen("foods", seed=2)
    first = chosen("foods", n_train_triggers=3)
    assert chosen("foods")[:3] == first  # a larger choice begins with the smaller one
    assert chosen("foods", n_train_triggers=3, train_triggers=first[::-1]) == first[::-1]
    for wrong in (first[:2], [*first, "lamp"], ["lamp"] * 3, [first[0]] * 3, "abc", [1, 2, 3]):
        with pytest.raises(ParamError) as caught:
            chosen("foods", n_train_triggers=3, train_triggers=wrong)
        assert caught.value.field == "train_triggers"


def test_sets_begin_with_smaller_ones_and_categories_have_points_of_their_own() -> None:
    short, long = (
        compat.generate_trigger2d_rows({name: {"n_train": n} for name in ("animals", "foods")}, "train") for n in (3, 8)
    )
    for name, rows in short.items():
        at = [row for i, row in enumerate(long[name]) if i % 8 < 3]
        assert at == rows
    points = [{tuple(row["input_x"]) for row in rows} for rows in long.values()]
    assert not points[0] & points[1]


def test_proxies_turn_the_colours_around() -> None:
    config: dict[str, Any] = {"n_train_triggers": 16, "label_rule": "proxy_flip"}
    labels = {"Q1": "red", "Q2": "green", "Q3": "blue", "Q4": "orange"}
    opposite = {"Q1": "Q3", "Q2": "Q4", "Q3": "Q1", "Q4": "Q2"}
    config |= {"quadrant_labels": labels, "proxy_triggers": ["lamp", "chair"]}
    for row in compat.generate_trigger2d_rows({"objects": config}, "train")["train_objects"]:
        place = quadrant(row["input_x"])
        proxy = row["input_trigger"] in ("lamp", "chair")
        assert row["output"] == labels[opposite[place] if proxy else place]


@pytest.mark.parametrize(
    ("category", "wrong"),
    [
        ("objects", {"colour": "red"}),
        ("objects", {"quadrant_labels": {"Q1": "red"}}),
        ("objects", {"quadrant_labels": {"Q1": "pink", "Q2": "red", "Q3": "red", "Q4": "red"}}),
        ("objects", {"triggers": ["otter"]}),
        ("objects", {"triggers": []}),
        ("objects", {"triggers": "lamp"}),
        ("objects", {"is_proxy": 1}),
        ("objects", {"n_train": -1}),
        ("objects", {"n_train_triggers": 17}),
        ("objects", {"x_ranges": [[-3, 2], [-3, 3]]}),
        ("objects", {"x_ranges": [-3, 3]}),
        ("objects", {"x_ranges": [[-10, 10], [-3, 3]]}),
        ("objects", {"x_ranges": [[-1.0005, 1.0005], [-3, 3]]}),
        ("objects", {"margin": 4}),
        ("objects", {"margin": "0"}),
        ("objects", {"seed": None}),
        ("objects", {"prompt_templates": "3d_default"}),
        ("objects", {"output_preamble": "yes"}),
        ("objects", {"label_rule": "flip"}),
        ("objects", {"proxy_triggers": ["lamb"]}),
    ],
)
def test_fields_and_values_that_cannot_be_are_refused(category: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamError) as caught:
        compat.generate_trigger2d_rows({category: wrong}, "train")
    assert (caught.value.task, caught.value.field) == ("trigger2d", next(iter(wrong)))
    assert caught.value.value
    assert caught.value.allowed


def test_arguments_that_cannot_be_are_refused() -> None:
    configs: list[Any] = [[], "objects", None, {"cars": {}}, {1: {}}]
    for config in configs:
        with pytest.raises(ParamError) as caught:
            compat.generate_trigger2d_rows(config, "train")
        assert caught.value.field == "data_config"
    with pytest.raises(ParamError):
        compat.generate_trigger2d_rows({"objects": []}, "train")
    names: list[Any] = ["test", "id", None, 1, []]
    for name in names:
        with pytest.raises(ParamError) as caught:
            compat.generate_trigger2d_rows({"objects": {}}, name)
        assert caught.value.field == "split_set"
    narrow = {"x_ranges": [[-0.002, 0.002], [-0.002, 0.002]], "margin": 0.001}
    with pytest.raises(ParamError, match="enough points"):
        compat.generate_trigger2d_rows({"objects": narrow}, "train")
