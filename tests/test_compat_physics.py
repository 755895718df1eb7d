"""The five tasks of Physics of Language Models: sets, ids and refusals are as users of the generators know them."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen import compat
from synthgen.errors import ParamError

TASKS = ("depo", "brevo", "mano", "capo", "lano")


def function(form: str, task: str) -> Any:
    return getattr(compat, form.format(task))


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
