"""The generators of the copy-task experiment: strings to copy for pre-training, few-shot prompts for what comes after.

Both phases share one vocabulary of 507 symbols: 7 specials, then 500 regular ones, of which the first 95 print as the
ASCII characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._task import Task
from ..checks import integer
from ..errors import param_error
from ..mixture import Mixture
from .names import Generators, filled, own_seed, said_as, seed_from, views

Arrays = dict[str, NDArray[np.int32]]

SPECIALS = 7
"""`<pad> <s> </s> <sep> <copy> <key> <val>`, ids 0 to 6."""


class _Numbered:
    """A configuration, a seed, and a count of the rows drawn so far."""

    name: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    dead: ClassVar[Mapping[str, str]]
    """Fields of the original that nothing reads, and why."""

    def __init__(self, config: Mapping[str, Any] | None = None, rng: Generators | None = None, **fields: Any) -> None:
        given = {} if config is None else config
        for source in (given, fields):
            for field, reason in self.dead.items():
                if isinstance(source, Mapping) and field in source:
                    raise param_error(self.name, field, source[field], f"allowed: nothing, leave it out; {reason}")
            filled(self.name, self.defaults, source)
        self.config = filled(self.name, self.defaults, given) | fields
        if rng is not None and self.config["seed"] is not None:
            raise param_error(self.name, "seed", self.config["seed"], "allowed: only one of seed and rng")
        self._seed = own_seed(self.name, self.config["seed"]) if rng is None else seed_from(self.name, rng)
        self._next = 0

    def _take(self, n: int) -> int:
        """The number of the first of n new rows."""
        first, self._next = self._next, self._next + n
        return first


def _frame(ids: NDArray[np.int32], loss: NDArray[Any], lengths: NDArray[np.int32]) -> Arrays:
    """Inputs without their last token, targets without their first, as the original trains on them."""
    inside = np.arange(1, ids.shape[1], dtype=np.int32) < lengths[:, None]
    return {
        "input_ids": ids[:, :-1],
        "target_ids": ids[:, 1:],
        "attention_mask": inside.astype(np.int32),
        "loss_mask": loss[:, 1:].astype(np.int32),
    }


class CopyTaskGenerator(_Numbered):
    """Copy tasks: strings, key-value pairs, patterns, and the three that the original only names.

    `config` takes the original's fields. `vocab_size` counts the 7 specials; `n_regular` says the same without them.
    `max_seq_len` is half a frame: strings are so long at most that the whole row, the copy and the specials fit
    twice that. A method gives a prompt and its target as ids; rows are numbered from 0 per object.
    """

    name = "copying"
    defaults: ClassVar[Mapping[str, Any]] = {
        "vocab_size": None,
        "n_regular": None,
        "min_seq_len": 8,
        "max_seq_len": 32,
        "num_key_value_pairs": 5,
        "pattern_length": 4,
        "seed": None,
    }
    dead: ClassVar[Mapping[str, str]] = {"copy_prob": "in the original nothing reads it, and every row is copied"}

    def __init__(self, config: Mapping[str, Any] | None = None, rng: Generators | None = None, **fields: Any) -> None:
        super().__init__(config, rng, **fields)
        c = self.config
        if c["vocab_size"] is not None and c["n_regular"] is not None:
            raise param_error(self.name, "n_regular", c["n_regular"], "allowed: only one of vocab_size and n_regular")
        if c["vocab_size"] is not None:
            size = integer(self.name, "vocab_size", c["vocab_size"], SPECIALS + 2, SPECIALS + 500)
            symbols = size - SPECIALS
        else:
            symbols = 500 if c["n_regular"] is None else integer(self.name, "n_regular", c["n_regular"], 2, 500)
        self.frame = 2 * integer(self.name, "max_seq_len", c["max_seq_len"], 7, 4098)
        longest = c["max_seq_len"] - 2  # 2 L + 3 tokens
        shortest = integer(self.name, "min_seq_len", c["min_seq_len"], 1, longest)
        most = min((self.frame - 6) // 4, symbols)
        pairs = integer(self.name, "num_key_value_pairs", c["num_key_value_pairs"], 2, most)
        pattern = integer(self.name, "pattern_length", c["pattern_length"], 2, min((self.frame - 2) // 3, 1024))
        string = {"num_items": (shortest, longest), "num_symbols": symbols}
        marked = {"num_items": (min(shortest, longest - 1), longest - 1), "num_symbols": symbols}  # 2 L + 6 at most
        self._params: dict[str, dict[str, Any]] = {
            "copying": string,
            "kv": {"num_pairs": (2, pairs), "num_symbols": symbols},
            "pattern": {"pattern_length": pattern, "num_symbols": symbols},
            "recall": {"num_pairs": (2, pairs), "num_queries": 1, "num_symbols": symbols},
            "reversal": string,
            "selective": marked,
        }

    @property
    def vocab(self) -> tuple[str, ...]:
        """What each id prints as."""
        return Task("copying").vocab.pieces

    def _row(self, task: str) -> tuple[list[int], list[int]]:
        with said_as({"num_symbols": "n_regular"}):
            row = views(task, 1, self._seed, self._params[task], start=self._next)[0]
        self._take(1)
        start = row["queries"][0]["answer_start"]
        return row["input_ids"][:start], row["input_ids"][start:]

    def generate_simple_copy_task(self) -> tuple[list[int], list[int]]:
        """`<s> x1 .. xL <copy>` and `x1 .. xL </s>`."""
        return self._row("copying")

    def generate_key_value_retrieval(self) -> tuple[list[int], list[int]]:
        """`<s> (<key> k <val> v)* <key> q <val>` and `v </s>`; keys are distinct."""
        return self._row("kv")

    def generate_pattern_completion(self) -> tuple[list[int], list[int]]:
        """`<s> P P` with the beginning of P, and the rest of P with `</s>`."""
        return self._row("pattern")

    def generate_associative_recall(self) -> tuple[list[int], list[int]]:
        """`<s> (k <val> v)* <key> q <val>` and `v </s>`."""
        return self._row("recall")

    def generate_list_reversal(self) -> tuple[list[int], list[int]]:
        """`<s> x1 .. xL <sep>` and `xL .. x1 </s>`."""
        return self._row("reversal")

    def generate_selective_copying(self) -> tuple[list[int], list[int]]:
        """`<s> x1 .. xL <key> m1 .. mr <copy>` and the items of the marked classes with `</s>`."""
        return self._row("selective")

    def tasks(self) -> dict[str, Callable[[], tuple[list[int], list[int]]]]:
        """The methods that draw a row, by name; a subclass may have more."""
        return {
            "simple_copy": self.generate_simple_copy_task,
            "key_value": self.generate_key_value_retrieval,
            "pattern": self.generate_pattern_completion,
            "associative_recall": self.generate_associative_recall,
            "list_reversal": self.generate_list_reversal,
            "selective_copy": self.generate_selective_copying,
        }

    @property
    def params(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of each task of the registry that these rows are drawn from."""
        return self._params

    def generate_batch(self, batch_size: int) -> Arrays:
        """Rows of the three trained-on tasks at even odds, each of `2 * max_seq_len - 1` ids.

        `target_ids` are `input_ids` moved by one; `attention_mask` is 1 on every real target and `loss_mask` on those
        that are answers or `</s>`.
        """
        count = integer(self.name, "batch_size", batch_size, 0, 2**24)
        parts = dict.fromkeys(("copying", "kv", "pattern"), 1.0)
        mixture = Mixture(parts, {name: self._params[name] for name in parts}, None, joint=False)
        rows = mixture.batch(count, self._seed, start=self._take(count), seq_len=self.frame)
        return _frame(rows.input_ids, rows.loss_mask, rows.lengths)


class _Downstream(_Numbered):
    """Few-shot prompts as frames of `max_context_length - 1` ids; a longer row is drawn again."""

    name = "downstream"
    defaults: ClassVar[Mapping[str, Any]] = {"max_context_length": 128, "num_examples": 3, "seed": None}
    dead: ClassVar[Mapping[str, str]] = {"vocab_size": "both phases share one vocabulary of 507 symbols"}

    def __init__(self, config: Mapping[str, Any] | None = None, rng: Generators | None = None, **fields: Any) -> None:
        super().__init__(config, rng, **fields)
        self._width = integer(self.name, "max_context_length", self.config["max_context_length"], 8, 2**16)
        self._examples = integer(self.name, "num_examples", self.config["num_examples"], 0, 31)

    def _batch(self, task: str, batch_size: int, params: Mapping[str, Any]) -> Arrays:
        count = integer(self.name, "batch_size", batch_size, 0, 2**24)
        rows = Task(task).batch(
            count,
            self._seed,
            start=self._take(count),
            split=None,
            difficulty=None,
            seq_len=self._width,
            dtype="int32",
            overflow="redraw",
            threads=None,
            params=params,
        )
        return _frame(rows.input_ids, rows.loss_mask, rows.lengths)


class InContextLearningEvaluator(_Downstream):
    """Sums, progressions and analogies, a few shown and one asked."""

    def generate_arithmetic_task(self, batch_size: int) -> Arrays:
        """`a+b=c, ..., a+b=` and the sum; the sum asked for is not among those shown."""
        return self._batch("arithmetic", batch_size, {"num_examples": self._examples})

    def generate_pattern_completion_task(self, batch_size: int) -> Arrays:
        """`[s,s+d,s+2d]->[s+3d], ..., [..]->` and the next term."""
        return self._batch("sequence", batch_size, {"num_examples": self._examples})

    def generate_analogy_task(self, batch_size: int) -> Arrays:
        """`animal:young, ..., animal:` and its young."""
        return self._batch("analogy", batch_size, {"num_examples": self._examples})


class RetrievalQAEvaluator(_Downstream):
    """Facts, one of which is asked about."""

    def generate_fact_retrieval_task(self, batch_size: int) -> Arrays:
        """`N lives in C. ... Where does N live? ` and the city."""
        return self._batch("facts", batch_size, {"num_facts": self._examples + 1})


class DownstreamTaskGenerator(InContextLearningEvaluator, RetrievalQAEvaluator):
    """All four downstream tasks."""

    def suite(self) -> dict[str, Callable[[int], Arrays]]:
        """The tasks by the names that results go by."""
        return {
            "arithmetic": self.generate_arithmetic_task,
            "pattern_completion": self.generate_pattern_completion_task,
            "analogy": self.generate_analogy_task,
            "fact_retrieval": self.generate_fact_retrieval_task,
        }


def create_evaluation_suite(
    config: Mapping[str, Any] | None = None, rng: Generators | None = None, **fields: Any
) -> dict[str, Callable[[int], Arrays]]:
    """The downstream tasks by name: each takes a batch size."""
    return DownstreamTaskGenerator(config, rng, **fields).suite()
