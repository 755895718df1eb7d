"""Task classes in the manner of SynthLM, and functions in the manner of the Hugging Face generators around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._task import Task, generator
from ..checks import integer
from ..errors import SynthgenError, param_error
from ..vocab import BOS, EOS
from .names import SEED_NAMES, Generators, filled, hf_dataset, own_seed, said_as, seed_from, views

if TYPE_CHECKING:
    import datasets

Sample = dict[str, Any]


class SynthTask:
    """What the four task classes share. `config` takes the original's fields; keywords go before it.

    Samples are numbered from 0 per object; without a seed the object draws one. Values that the task does not accept
    are refused when the object is made.
    """

    task: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    """Fields of the original's configuration."""
    spans: ClassVar[Mapping[str, tuple[str, str, str]]]
    """Our ranges: the original's two fields, and the argument that replaces them ("" if there is none)."""
    lasting: ClassVar[tuple[str, ...]] = ()
    """Fields that hold at every difficulty level as well."""

    def __init__(self, config: Mapping[str, Any] | None = None, **fields: Any) -> None:
        filled(self.task, self.defaults, fields)
        self.config = filled(self.task, self.defaults, {} if config is None else config) | fields
        self._seed = own_seed(self.task, self.config["seed"])
        self._next = 0
        self._native({})

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Our parameters of one sample; `given` are its arguments, None where the configuration decides."""
        params = self._fixed()
        for ours, (lo, hi, argument) in self.spans.items():
            value = given.get(argument)
            params[ours] = (self.config[lo], self.config[hi]) if value is None else value
        return params

    def _fixed(self) -> dict[str, Any]:
        """Our parameters that hold at every difficulty level as well."""
        params = {SEED_NAMES.get(name, name): self.config[name] for name in self.lasting}
        for ours, (lo, hi, argument) in self.spans.items():
            if not argument:
                params[ours] = (self.config[lo], self.config[hi])
        return params

    def _names(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Our names of what the caller may have got wrong, and the caller's."""
        names = {SEED_NAMES.get(name, name): name for name in self.lasting}
        for ours, (lo, hi, argument) in self.spans.items():
            names[ours] = f"{lo}, {hi}" if given.get(argument) is None else argument
        return names

    def _native(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters of one sample, and give them."""
        params = self._params(given)
        with said_as(self._names(given)):
            generator(self.task, params, None)
        return params

    def _draw(self, n: int, params: Mapping[str, Any], difficulty: int | None = None) -> list[dict[str, Any]]:
        rows = views(self.task, n, self._seed, params, start=self._next, difficulty=difficulty)
        self._next += n
        return rows

    def _training(self, **given: Any) -> Sample:
        return _view(self._draw(1, self._native(given))[0], "text")

    def _evaluation(self, **given: Any) -> Sample:
        return _view(self._draw(1, self._native(given))[0], "input_text")

    def generate_dataset(self, n_samples: int, difficulty_level: int = 1) -> list[Sample]:
        """Samples of a difficulty level, answers in the text. An unknown level is an error, not level 1."""
        count = integer(self.task, "n_samples", n_samples, 0, 2**31)
        level = integer(self.task, "difficulty_level", difficulty_level, 1, 3)
        with said_as(self._names({})):
            return [_view(row, "text") for row in self._draw(count, self._fixed(), level)]


def _view(row: Mapping[str, Any], text: str) -> Sample:
    return {"input_text": row[text], "target": row["target"], "metadata": row["metadata"]}


class DynaTask(SynthTask):
    """State tracking."""

    task = "dyna"
    defaults: ClassVar[Mapping[str, Any]] = {
        "state_size_min": 5,
        "state_size_max": 15,
        "num_ops_min": 5,
        "num_ops_max": 30,
        "num_queries": 3,
        "use_symbolic_names": True,
        "seed": None,
    }
    spans: ClassVar[Mapping[str, tuple[str, str, str]]] = {
        "state_size": ("state_size_min", "state_size_max", "state_size"),
        "num_ops": ("num_ops_min", "num_ops_max", "num_ops"),
    }
    lasting = ("num_queries", "use_symbolic_names")

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        params = super()._params(given)
        size, asked = params["state_size"], params["num_queries"]
        fewest = size[0] if isinstance(size, tuple) else size
        # The original asks about one element twice where there are too few; here a small state is asked less.
        if isinstance(fewest, int) and isinstance(asked, int) and not isinstance(asked, bool):
            params["num_queries"] = min(asked, max(1, fewest - 1))
        return params

    def generate_sample(self, state_size: int | None = None, num_ops: int | None = None) -> Sample:
        """One sample, answers in the text: input_text, target, metadata."""
        return self._training(state_size=state_size, num_ops=num_ops)

    def generate_evaluation_sample(self, state_size: int | None = None, num_ops: int | None = None) -> Sample:
        """One sample, cut right after the first query's arrow: input_text, target, metadata."""
        return self._evaluation(state_size=state_size, num_ops=num_ops)


class InductoTask(SynthTask):
    """Rule induction from examples. No `complexity` means all rules at even odds."""

    task = "inducto"
    defaults: ClassVar[Mapping[str, Any]] = {
        "min_examples": 2,
        "max_examples": 8,
        "min_seq_len": 4,
        "max_seq_len": 12,
        "vocab_size": 10,
        "seed": None,
    }
    spans: ClassVar[Mapping[str, tuple[str, str, str]]] = {
        "num_examples": ("min_examples", "max_examples", "num_examples"),
        "sequence_length": ("min_seq_len", "max_seq_len", ""),
    }
    lasting = ("vocab_size",)

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        complexity = given.get("complexity")
        return super()._params(given) | {"complexity": None if complexity is None else [complexity]}

    def generate_sample(self, num_examples: int | None = None, complexity: int | None = None) -> Sample:
        """One sample, the answer in the text: input_text, target, metadata."""
        return self._training(num_examples=num_examples, complexity=complexity)

    def generate_evaluation_sample(self, num_examples: int | None = None, complexity: int | None = None) -> Sample:
        """One sample, cut right after the query's arrow: input_text, target, metadata."""
        return self._evaluation(num_examples=num_examples, complexity=complexity)


class FiltroTask(SynthTask):
    """Two interleaved streams of edges. Either is asked about, where the original always asks about the first.

    `adversarial` changes nothing in the original; only True, its default, is accepted here.
    """

    task = "filtro"
    defaults: ClassVar[Mapping[str, Any]] = {
        "min_nodes": 5,
        "max_nodes": 15,
        "min_hops": 1,
        "max_hops": 6,
        "pattern": "alternating",
        "adversarial": True,
        "seed": None,
    }
    spans: ClassVar[Mapping[str, tuple[str, str, str]]] = {
        "num_nodes": ("min_nodes", "max_nodes", "num_nodes"),
        "hops": ("min_hops", "max_hops", "num_hops"),
    }

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if self.config["adversarial"] is not True:
            allowed = "allowed: True; the other stream is always there, whatever this said in the original"
            raise param_error(self.task, "adversarial", self.config["adversarial"], allowed)
        pattern = given.get("pattern")
        return super()._params(given) | {"pattern": self.config["pattern"] if pattern is None else pattern}

    def generate_sample(
        self, num_nodes: int | None = None, num_hops: int | None = None, pattern: str | None = None
    ) -> Sample:
        """One sample, the answer in the text: input_text, target, metadata."""
        return self._training(num_nodes=num_nodes, num_hops=num_hops, pattern=pattern)

    def generate_evaluation_sample(
        self, num_nodes: int | None = None, num_hops: int | None = None, pattern: str | None = None
    ) -> Sample:
        """One sample, cut right after the query's arrow: input_text, target, metadata."""
        return self._evaluation(num_nodes=num_nodes, num_hops=num_hops, pattern=pattern)


class LogicTask(SynthTask):
    """Boolean circuits, and trees of XOR gates."""

    task = "logic"
    defaults: ClassVar[Mapping[str, Any]] = {
        "num_inputs_min": 3,
        "num_inputs_max": 6,
        "depth_min": 2,
        "depth_max": 6,
        "width_min": 2,
        "width_max": 4,
        "xor_probability": 0.3,
        "seed": None,
    }
    spans: ClassVar[Mapping[str, tuple[str, str, str]]] = {
        "num_inputs": ("num_inputs_min", "num_inputs_max", "num_inputs"),
        "depth": ("depth_min", "depth_max", "depth"),
        "width": ("width_min", "width_max", "width"),
    }

    def _params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return super()._params(given) | {"xor_percent": _percent(self.task, self.config["xor_probability"])}

    def generate_sample(
        self, num_inputs: int | None = None, depth: int | None = None, width: int | None = None
    ) -> Sample:
        """One sample, the answer in the text: input_text, target, metadata."""
        return self._training(num_inputs=num_inputs, depth=depth, width=width)

    def generate_evaluation_sample(
        self, num_inputs: int | None = None, depth: int | None = None, width: int | None = None
    ) -> Sample:
        """One sample, cut right after the query's arrow: input_text, target, metadata."""
        return self._evaluation(num_inputs=num_inputs, depth=depth, width=width)

    def generate_xor_parity_sample(self, num_bits: int) -> Sample:
        """The parity of so many bits as a balanced tree of XOR gates, the answer in the text."""
        with said_as({"num_inputs": "num_bits"}):
            params = {"mode": "parity", "num_inputs": integer(self.task, "num_bits", num_bits, 2, 64)}
            return _view(self._draw(1, params)[0], "text")


def _percent(task: str, probability: Any) -> int:
    allowed = "allowed: a whole number of hundredths from 0 to 1"
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise param_error(task, "xor_probability", probability, allowed)
    percent = round(100 * float(probability))
    if abs(100 * float(probability) - percent) > 1e-9:
        raise param_error(task, "xor_probability", probability, allowed)
    return percent


def _hf_rows(task: SynthTask, num_examples: int) -> list[Sample]:
    """Samples with their metadata as JSON, for columns of one type."""
    rows = [_view(row, "text") for row in task._draw(num_examples, task._native({}))]
    for row in rows:
        row["metadata"] = json.dumps(row["metadata"], sort_keys=True)
    return rows


def _said(example: Any) -> tuple[str, str] | None:
    """Text and target of an example, if that is what it is."""
    if not isinstance(example, Mapping):
        return None
    text, target = example.get("input_text"), example.get("target")
    return (text, target) if isinstance(text, str) and isinstance(target, str) else None


def generate_dyna_example(rng: Generators, config: Mapping[str, Any]) -> Sample:
    """One Dyna sample, answers in the text, from a seed that `rng` gives."""
    return DynaTask(config, seed=seed_from("dyna", rng)).generate_sample()


def validate_dyna_example(example: Mapping[str, Any]) -> bool:
    """Check a Dyna sample in either view: a prompt and its target, or a text with all its answers."""
    if (said := _said(example)) is None:
        return False
    text, target = said
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
    return hf_dataset(_hf_rows(DynaTask(config, seed=seed), num_examples))


def _is_right(task: str, example: Mapping[str, Any], answer: str) -> bool:
    """Check a sample of one query in either view; `answer` is how the text gives the target."""
    if (said := _said(example)) is None:
        return False
    text, target = said
    prompt, arrow, rest = text.rpartition(" ->")
    if rest not in ("", answer.format(target)):
        return False
    try:
        return Task(task).solve(prompt + arrow) == target
    except SynthgenError:
        return False


def generate_inducto_example(rng: Generators, config: Mapping[str, Any]) -> Sample:
    """One Inducto sample, the answer in the text, from a seed that `rng` gives."""
    return InductoTask(config, seed=seed_from("inducto", rng)).generate_sample()


def validate_inducto_example(example: Mapping[str, Any]) -> bool:
    """Check an Inducto sample in either view: the examples leave one answer, and it is this one."""
    return _is_right("inducto", example, " [{}]")


def make_inducto_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = 42) -> datasets.Dataset:
    """Inducto samples as a datasets.Dataset, metadata as JSON strings."""
    return hf_dataset(_hf_rows(InductoTask(config, seed=seed), num_examples))


def generate_filtro_example(rng: Generators, config: Mapping[str, Any]) -> Sample:
    """One Filtro sample, the answer in the text, from a seed that `rng` gives."""
    return FiltroTask(config, seed=seed_from("filtro", rng)).generate_sample()


def validate_filtro_example(example: Mapping[str, Any]) -> bool:
    """Check a Filtro sample in either view."""
    return _is_right("filtro", example, " {}")


def make_filtro_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = 42) -> datasets.Dataset:
    """Filtro samples as a datasets.Dataset, metadata as JSON strings."""
    return hf_dataset(_hf_rows(FiltroTask(config, seed=seed), num_examples))


def generate_logic_example(rng: Generators, config: Mapping[str, Any]) -> Sample:
    """One Logic sample, the answer in the text, from a seed that `rng` gives."""
    return LogicTask(config, seed=seed_from("logic", rng)).generate_sample()


def validate_logic_example(example: Mapping[str, Any]) -> bool:
    """Check a Logic sample in either view, a circuit or a tree of XOR gates."""
    return _is_right("logic", example, " {}")


def make_logic_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = 42) -> datasets.Dataset:
    """Logic samples as a datasets.Dataset, metadata as JSON strings."""
    return hf_dataset(_hf_rows(LogicTask(config, seed=seed), num_examples))
