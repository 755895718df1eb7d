"""Mixtures: several tasks in one joint vocabulary, the task of each row decided by the row's number alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._task import DType, Overflow, Policy, Split, frozen, generator, request
from .batch import Batch, Origin, Packed
from .checks import MAX_U64, integer, one_dimensional, switch, text_argument
from .errors import SolveError, SynthgenError, param_error
from .vocab import EOS, TokenizerKind, Vocab

if TYPE_CHECKING:
    from .data.sources import MixedSource


def weight_of(source: str, field: str, weight: Any) -> float:
    """Check the type of a weight; its range is checked where all weights are known."""
    if isinstance(weight, bool) or not isinstance(weight, Real):
        raise param_error(source, field, weight, "allowed: a number >= 0")
    try:
        return float(weight)
    except OverflowError as error:
        raise param_error(source, field, weight, "allowed: a number >= 0 that a float can hold") from error


class JointVocab(Vocab):
    """The joint piece table of a mixture: text is read one instance at a time, by the task piece it begins with."""

    def tokenizer(self, kind: TokenizerKind = "auto") -> Any:
        """Refuse: equal pieces of two tasks are two ids, which no tokenizer that sees only text can tell apart."""
        message = "use vocab.encode, one instance at a time, or each task's own tokenizer plus its offset in `ranges`"
        raise SynthgenError(f"mix: a joint vocabulary has no exported tokenizer; {message}", task="mix")


class Mixed:
    """Rows of several generators, one of which is chosen for each row by the row's number alone."""

    name = "mix"
    _native: _native.Mixture
    _parts: tuple[tuple[str, dict[str, Any], int | None], ...]
    _markers: tuple[int, ...] | None

    def _build(self, knots: list[tuple[int, list[float]]], rows_per_step: int, linear: bool, joint: bool) -> None:
        natives = [generator(*part) for part in self._parts]
        self._joint = joint
        self._plan = (knots, rows_per_step, linear, joint)
        self._native = _native.Mixture(natives, *self._plan)
        offsets = {name: offset for name, _, offset in self._native.ranges}
        own = {
            marker + offsets.get(name, 0)
            for (name, _, _), native in zip(self._parts, natives, strict=True)
            for marker in native.markers
        }
        spans = any(native.loss_exceeds_answers for native in natives)
        self._markers = None if spans else (EOS, *sorted(own))

    def __getstate__(self) -> dict[str, Any]:
        # The native mixture stays in its process, and with it the piece table that calls it.
        return {name: value for name, value in vars(self).items() if name not in ("_native", "vocab")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._native = _native.Mixture([generator(*part) for part in self._parts], *self._plan)

    def _origin(self, asked: dict[str, Any]) -> Origin:
        redraw = asked["overflow"] == "redraw"
        fit = asked["seq_len"] - self._joint if redraw and asked["seq_len"] else None
        return Origin(asked["seed"], asked["split"], asked["start"], fit, self._parts, self._markers, joint=self._joint)

    def batch(
        self,
        n: int,
        seed: int = 0,
        *,
        start: int = 0,
        split: Split | None = None,
        seq_len: int | None = None,
        dtype: DType = "int32",
        overflow: Overflow = "error",
        threads: int | None = None,
    ) -> Batch:
        """Rows start .. start + n as padded arrays; `Batch.parts` says which part each row is of."""
        asked = request(
            self.name,
            n,
            seed,
            start=start,
            split=split,
            seq_len=seq_len,
            dtype=dtype,
            overflow=overflow,
            threads=threads,
        )
        return Batch(self._native.batch(asked), self._origin(asked))

    def packed(
        self,
        n: int,
        seq_len: int,
        seed: int = 0,
        *,
        start: int = 0,
        split: Split | None = None,
        policy: Policy = "truncate",
        dtype: DType = "int32",
        overflow: Literal["error", "redraw"] = "error",
        threads: int | None = None,
    ) -> Packed:
        """Windows start .. start + n; the part is chosen anew for every instance."""
        asked = request(
            self.name,
            n,
            seed,
            start=start,
            split=split,
            seq_len=integer(self.name, "seq_len", seq_len, 1, 2**30),
            dtype=dtype,
            overflow=overflow,
            threads=threads,
        )
        return Packed(self._native.packed(asked, text_argument(self.name, "policy", policy)), self._origin(asked))

    def source(
        self,
        seed: int = 0,
        length: int = 2**40,
        *,
        start: int = 0,
        split: Split | None = None,
        seq_len: int | None = None,
    ) -> MixedSource:
        """Rows as a picklable random-access source (len and getitem), as Grain and torch take it."""
        from .data.sources import MixedSource

        source = MixedSource(
            self,
            integer(self.name, "seed", seed, 0, MAX_U64),
            integer(self.name, "length", length, 0, 2**62),
            integer(self.name, "start", start, 0, 2**63),
            split,
            seq_len,
        )
        source.rows(0, 0)  # refuses here what every row would refuse
        return source


class Mixture(Mixed):
    """Tasks with weights. Made by `synthgen.mix`.

    Every row is `<bos> <task piece>` and then the row of the chosen task, shifted into the task's range of joint ids;
    where the tasks share one vocabulary and `joint` is False, it is the row as it is. Row i of a mixture is row i of
    the chosen task, and `Batch.parts` indexes `names`.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        params: Mapping[str, Mapping[str, Any]],
        difficulty: int | None,
        *,
        joint: bool = True,
    ) -> None:
        if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
            raise param_error("mix", "weights", weights, "allowed: a dict of task names to weights")
        for name in weights:
            text_argument("mix", "weights", name)
        if not isinstance(params, Mapping) or not all(isinstance(own, Mapping) for own in params.values()):
            raise param_error("mix", "params", params, "allowed: a dict of task names to dicts of parameters")
        if joint and any("/" in name for name in weights):
            raise param_error("mix", "weights", list(weights), "allowed: names of tasks, where joint is True")
        for name in params:
            if name not in weights:
                raise param_error("mix", "params", name, f"allowed: tasks of the mixture, {', '.join(weights)}")
        self.names = tuple(weights)
        # One task may be there several times with other parameters, told apart by what follows a slash.
        self._parts = tuple((name.partition("/")[0], frozen(params.get(name, {})), difficulty) for name in weights)
        self._build(
            [(0, [weight_of("mix", f"weights[{name!r}]", weight) for name, weight in weights.items()])],
            1,
            linear=False,
            joint=switch("mix", "joint", joint),
        )

    @property
    def native(self) -> _native.Mixture:
        """The native mixture."""
        return self._native

    @property
    def ranges(self) -> list[tuple[str, int, int]]:
        """Task name, id of its task piece, and the number added to its own ids, by task; empty without `joint`."""
        return self._native.ranges

    def __repr__(self) -> str:
        return f"<Mixture of {', '.join(self.names)}>"

    @cached_property
    def vocab(self) -> Vocab:
        """The joint piece table, whose encoding needs the task piece first (`<dyna>STATE [...`), or the shared one."""
        if not self._joint:
            own = generator(*self._parts[0])
            return Vocab(self.names[0], own.pieces, own.encode)
        return JointVocab("mix", self._native.pieces, self._encode)

    def _encode(self, text: str) -> list[int]:
        for name, piece, offset in self._native.ranges:
            spelled = f"<{name}>"
            if text.startswith(spelled):
                try:
                    own = generator(name, {}, None).encode(text[len(spelled) :])
                except SolveError as error:
                    at = error.position + len(spelled)
                    message = f"mix: no piece of {name} fits here (at character {at})"
                    raise SolveError(message, task="mix", position=at) from error
                return [piece, *(id_ + offset for id_ in own)]
        known = ", ".join(f"<{name}>" for name in self.names)
        raise SolveError(f"mix: the text begins with no task piece; known: {known} (at character 0)", task="mix")

    def lower(self, ids: Any) -> tuple[str, list[int]]:
        """Name the task of one joint row and give the row in the task's own ids. Needs `joint`."""
        if not self._joint:
            raise param_error("mix", "joint", False, "allowed: True, as rows of one vocabulary do not name their task")
        own = one_dimensional("mix", "ids", ids).tolist()
        found = self._native.lower([integer("mix", "ids", id_, 0, 2**16 - 1) for id_ in own])
        if found is None:
            raise param_error("mix", "ids", own, "allowed: <bos>, a task piece, and pieces of that task")
        return found


def mix(
    weights: Mapping[str, float],
    *,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    difficulty: int | None = None,
    joint: bool = True,
) -> Mixture:
    """Mix tasks: `weights` maps names to shares of rows, `params` names to their parameters.

    Tasks of one vocabulary, as the copy tasks and their downstream tasks are, may be mixed with `joint=False`: rows are
    then the tasks' own, and nothing in them names the task. There one task may be a part several times, under names
    as "analogy/again".

    Raises ParamError for weights that are negative, not finite or all zero and, with `joint=False`, for tasks that have
    several vocabularies; UnknownTaskError for unknown names.
    """
    return Mixture(weights, params or {}, difficulty, joint=joint)
