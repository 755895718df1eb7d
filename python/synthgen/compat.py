"""The names and conventions of the programs that synthgen replaces, for code that already uses them.

Two families: task classes in the manner of SynthLM (`DynaTask().generate_sample(...)`), and functions in the manner of
the Hugging Face generators (`generate_depo_example`, `validate_depo_example`, `make_depo_hf_dataset`). All of it draws
from the same tasks; only names, argument names and the layout of the results differ.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._task import Task
from .checks import extra, integer, one_dimensional
from .errors import ParamError, SynthgenError, param_error
from .registry import tasks
from .vocab import BOS, EOS

if TYPE_CHECKING:
    import datasets

SEED_NAMES = {
    "N": "n_max",
    "K": "k_max",
    "M": "num_queries",
    "min_tlen": "min_word_len",
    "max_tlen": "max_word_len",
    "L": "length_max",
    "value_mod": "modulus",
    "ttype": "operators",
    "use_symbolic_names": "symbolic_names",
}
"""Names of the originals, and ours."""

DEPO_DEFAULTS: dict[str, Any] = {
    "N": 225,
    "K": 8,
    "M": 10,
    "qa": False,
    "separator": False,
    "mini_vocab": 50,
    "min_tlen": 1,
    "max_tlen": 2,
    "fixed_k": None,
    "bos_token_id": 0,
    "separator_token_id": 9700,
    "query_token_base": 9000,
    "answer_token_id": 9500,
}
"""The configuration of the original inspector."""


class DynaTask:
    """State tracking in the manner of SynthLM.

    `config` takes the original's fields: state_size_min, state_size_max, num_ops_min, num_ops_max, num_queries,
    use_symbolic_names, seed. Samples are numbered from 0 per object; without a seed the object draws one.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, **fields: Any) -> None:
        given = {**(config or {}), **fields}
        known = {
            "state_size_min": 5,
            "state_size_max": 15,
            "num_ops_min": 5,
            "num_ops_max": 30,
            "num_queries": 3,
            "use_symbolic_names": True,
            "seed": None,
        }
        for name, value in given.items():
            if name not in known:
                raise param_error("dyna", name, value, f"no such field; known: {', '.join(known)}")
        self.config = known | given
        seed = self.config["seed"]
        self._seed = (
            random.SystemRandom().getrandbits(64) if seed is None else integer("dyna", "seed", seed, 0, 2**64 - 1)
        )
        self._next = 0
        self._task = Task("dyna")

    def _params(self, state_size: int | None, num_ops: int | None) -> dict[str, Any]:
        c = self.config
        fewest = c["state_size_min"] if state_size is None else state_size
        return {
            "state_size": (c["state_size_min"], c["state_size_max"]) if state_size is None else state_size,
            "num_ops": (c["num_ops_min"], c["num_ops_max"]) if num_ops is None else num_ops,
            # The original asks about one element twice where there are too few; here a small state is asked less.
            "num_queries": max(1, min(c["num_queries"], fewest - 1)) if isinstance(fewest, int) else c["num_queries"],
            "symbolic_names": c["use_symbolic_names"],
        }

    def _draw(self, n: int, difficulty: int | None, params: dict[str, Any]) -> list[dict[str, Any]]:
        batch = self._task.batch(
            n,
            self._seed,
            start=self._next,
            split=None,
            difficulty=difficulty,
            seq_len=None,
            dtype="int32",
            overflow="error",
            threads=None,
            params=params,
        )
        self._next += n
        return [{"text": batch.text(i), **batch.example(i)} for i in range(n)]

    def generate_sample(self, state_size: int | None = None, num_ops: int | None = None) -> dict[str, Any]:
        """One sample, answers in the text: input_text, target, metadata."""
        return _training_view(self._draw(1, None, self._params(state_size, num_ops))[0])

    def generate_evaluation_sample(self, state_size: int | None = None, num_ops: int | None = None) -> dict[str, Any]:
        """One sample, cut right after the first query's arrow: input_text, target, metadata."""
        return _evaluation_view(self._draw(1, None, self._params(state_size, num_ops))[0])

    def generate_dataset(self, n_samples: int, difficulty_level: int = 1) -> list[dict[str, Any]]:
        """Samples of a difficulty level, answers in the text. An unknown level is an error, not level 1."""
        own = {"num_queries": self.config["num_queries"], "symbolic_names": self.config["use_symbolic_names"]}
        return [_training_view(row) for row in self._draw(n_samples, difficulty_level, own)]


def _training_view(row: dict[str, Any]) -> dict[str, Any]:
    return {"input_text": row["text"], "target": row["target"], "metadata": row["metadata"]}


def _evaluation_view(row: dict[str, Any]) -> dict[str, Any]:
    return {"input_text": row["input_text"], "target": row["target"], "metadata": row["metadata"]}


def our_params(task: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a configuration with the originals' names; names that are ours already pass."""
    known = {param.name for param in tasks()[task].params}
    params = {}
    for name, value in config.items():
        ours = SEED_NAMES.get(name, name)
        if ours not in known and not (task == "depo" and name in DEPO_DEFAULTS):
            names = dict.fromkeys([*(DEPO_DEFAULTS if task == "depo" else ()), *sorted(known)])
            raise param_error(task, name, value, f"no such field; known: {', '.join(names)}")
        if ours in known:
            params[ours] = value
    return params


def _special_ids(config: Mapping[str, Any], words: int) -> dict[int, int]:
    """Reference ids and the ids that the configuration wants for them; word tokens have 1..=words."""
    wanted = DEPO_DEFAULTS | dict(config)
    fields = {"bos_token_id": [9999], "answer_token_id": [9500], "separator_token_id": [9700]}
    fields["query_token_base"] = [9000 + k for k in range(1, 129)]
    ids: dict[int, int] = {}
    for field, references in fields.items():
        first = integer("depo", field, wanted[field], 0, 2**31 - 129)
        for reference in references:
            ids[reference] = first + (reference - 9000 if field == "query_token_base" else 0)
        taken = {ids[reference] for reference in references}
        others = {own for reference, own in ids.items() if reference not in references}
        clash = taken & (others | set(range(1, words + 1)))
        if clash or (0 in taken and field != "bos_token_id"):
            allowed = f"allowed: an id above {words}, the last of the words, that nothing else has"
            raise param_error("depo", field, wanted[field], allowed)
    return ids


def _translate(ids: Any, table: Mapping[int, int]) -> list[int]:
    return [table.get(int(id_), int(id_)) for id_ in ids]


def _depo_rows(n: int, seed: int, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    params = our_params("depo", DEPO_DEFAULTS | dict(config))
    if params.get("fixed_k") is not None:
        params.setdefault("allow_wrap", True)  # as in the original, where a hop may exceed the cycle
    batch = Task("depo").batch(
        n,
        seed,
        start=0,
        split=None,
        difficulty=None,
        seq_len=None,
        dtype="int32",
        overflow="error",
        threads=None,
        params=params,
        compat_ids=True,
    )
    table = _special_ids(config, 2 * params["mini_vocab"])
    rows = []
    for i in range(n):
        end = int(batch.lengths[i])
        ids = _translate(batch.input_ids[i, :end], table)
        mask = [int(m) for m in batch.loss_mask[i, :end]]
        facts = batch.metadata(i)
        rows.append(
            {
                "input_ids": ids,
                "loss_mask": mask,
                "labels": [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)],
                "n": facts["n"],
                "query_count": facts["query_count"],
                "K": params["k_max"],
                "mini_vocab": facts["mini_vocab"],
            }
        )
    return rows


def generate_depo_example(rng: random.Random, config: Mapping[str, Any]) -> dict[str, Any]:
    """One Depo row in reference ids: input_ids, loss_mask, labels, n, query_count, K, mini_vocab."""
    return _depo_rows(1, rng.getrandbits(64), config)[0]


def validate_depo_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check a row of reference ids strictly."""
    params = our_params("depo", DEPO_DEFAULTS | dict(config))
    if params.get("fixed_k") is not None:
        params.setdefault("allow_wrap", True)
    Task("depo").validate([], None, difficulty=None, params=params)  # refuses what the parameters cannot be
    special = _special_ids(config, 2 * params["mini_vocab"])
    # A reference id that the configuration replaces stands for nothing.
    back = dict.fromkeys(special, -1) | {wanted: reference for reference, wanted in special.items()}
    try:
        ids = one_dimensional("depo", "input_ids", input_ids)
    except ParamError:
        return False
    verdict = Task("depo").validate(_translate(ids, back), None, difficulty=None, params=params, compat_ids=True)
    return bool(verdict.ok)


def make_depo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = 42) -> datasets.Dataset:
    """Depo rows as a datasets.Dataset."""
    datasets = extra("datasets", "data")

    return datasets.Dataset.from_list(_depo_rows(num_examples, seed, config))


def generate_dyna_example(rng: random.Random, config: Mapping[str, Any]) -> dict[str, Any]:
    """One Dyna sample, answers in the text, from a seed that `rng` gives."""
    return DynaTask({**config, "seed": rng.getrandbits(64)}).generate_sample()


def validate_dyna_example(example: Mapping[str, Any]) -> bool:
    """Check a Dyna sample in either view: a prompt and its target, or a text with all its answers."""
    text, target = example.get("input_text"), example.get("target")
    if not isinstance(text, str) or not isinstance(target, str):
        return False
    task = Task("dyna")
    prompt, arrow, rest = text.partition(" ->")
    try:
        if task.solve(prompt + arrow) != target:
            return False
        if not rest:
            return True
        state, _, ops = prompt.partition("] || OPS ")
        params = {
            "state_size": state.count(",") + 1,
            "num_ops": ops.partition(" || ")[0].count(" | ") + 1,
            "num_queries": text.count("QUERY"),
            "symbolic_names": not state.removeprefix("STATE [")[:1].isdigit(),
        }
        ids = [BOS, *task.vocab.encode(text), EOS]
        return bool(task.validate(ids, None, difficulty=None, params=params).ok)
    except SynthgenError:
        return False


def make_dyna_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = 42) -> datasets.Dataset:
    """Dyna samples as a datasets.Dataset, metadata as JSON strings."""
    import json

    datasets = extra("datasets", "data")

    task = DynaTask({**config, "seed": seed})
    rows = [task.generate_sample() for _ in range(num_examples)]
    for row in rows:
        row["metadata"] = json.dumps(row["metadata"], sort_keys=True)
    return datasets.Dataset.from_list(rows)
