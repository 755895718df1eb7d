"""Trees of settings: groups and values from `synthgen/conf`, composed by Hydra, wrong ones refused by their key."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .checks import extra
from .compat.names import SEED_NAMES
from .errors import ParamError, param_error
from .registry import tasks

MIX, FILE = "mix", "file"
"""Names of the datasets that are no task: a mixture of tasks, and rows of files."""


@dataclass
class DatasetConfig:
    """Rows of a task, of a mixture of tasks, or of files."""

    name: str = MIX
    config: dict[str, Any] = field(default_factory=dict)  # parameters; of a mixture, those of each task by its name
    weights: dict[str, float] = field(default_factory=dict)  # of a mixture: tasks and their shares of rows
    joint: bool = True  # of a mixture: rows begin with a piece that names the task; false: tasks of one vocabulary
    difficulty: int | None = None  # preset 1, 2 or 3, under the parameters
    path: str | None = None  # of file: a JSON Lines file of prompts and targets, or a folder of some
    tokenizer: str = "bytes"  # of file: bytes, a task whose pieces spell the texts, or the path of a tokenizer
    split: str = "train"
    seed: int | None = None  # None: train.seed
    layout: str = "padded"  # padded: a row each; packed: windows full of rows
    seq_len: int | None = None  # None: as long as the longest row can be
    overflow: str = "error"  # rows longer than seq_len: error, redraw, or truncate
    policy: str = "truncate"  # the row that crosses a window's end: truncate or pad
    isolated: bool = True  # packed rows do not see each other
    loss: str = "answer"  # answer: what the task predicts; all: every token but the first
    answers: str = "given"  # random: every token of an answer is drawn from other rows' answers, as a control


def params_of(config: DatasetConfig) -> Mapping[str, Any]:
    """The parameters of a dataset, by our names."""
    return {SEED_NAMES.get(name, name): value for name, value in config.config.items()}


@dataclass(frozen=True)
class Tree:
    """The settings of a verb: `conf/<name>.yaml` under a schema, which has the types and defaults.

    `open_groups` are groups that are mappings, with their keys and defaults; `aliases` are other names of keys, and
    `mappings` are beginnings of keys that are added to a mapping whose keys are not known beforehand.
    """

    name: str
    schema: type
    open_groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    mappings: tuple[str, ...] = ("model.lora.", "eval.config.", "eval.paths.")

    def compose(self, overrides: Iterable[str] = (), preset: str | None = None) -> Any:
        """Make the settings of overrides, as `["task=depo", "model=gla", "optimizer.lr=3e-4"]`, over a preset.

        Raises ParamError that names the key; ModuleNotFoundError without Hydra.
        """
        hydra, omegaconf = extra("hydra", "data"), extra("omegaconf", "data")
        self._register()
        words = [] if preset is None else [f"preset/{self.name}={preset}"]
        words += [self._ours(word) for word in overrides]
        try:
            with hydra.initialize_config_module("synthgen.conf", version_base="1.3"):
                return omegaconf.OmegaConf.to_object(hydra.compose(self.name, overrides=words))
        except (hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException) as error:
            raise self._plain(error, words) from None

    def keys(self) -> list[str]:
        """All keys."""
        return [
            *_fields(self.schema),
            *(f"{group}.{name}" for group, names in self.open_groups.items() for name in names),
        ]

    def _register(self) -> None:
        """Give Hydra what stands in Python: types and defaults, and a dataset for each task."""
        store = extra("hydra.core.config_store", "data").ConfigStore.instance()
        store.store(name=f"{self.name}_schema", node=self.schema)
        for group, node in self.open_groups.items():
            store.store(group=group, name="base", node=dict(node))
        for name in (*tasks(), MIX, FILE):
            store.store(group="dataset", name=name, node={"name": name})

    def _ours(self, word: Any) -> str:
        """Translate an override: other names of keys, and parameters of a task, which Hydra must be told to add."""
        if not isinstance(word, str) or "=" not in word or word.startswith("~"):
            raise param_error(None, "overrides", word, "allowed: key=value, as train.max_steps=100")
        key, equals, value = word.lstrip("+").partition("=")
        key = self.aliases.get(key, key)
        head, _, rest = key.partition(".")
        section, _, name = rest.partition(".")
        if key.startswith(self.mappings):
            key = f"++{head}.{section}" + (
                f".{SEED_NAMES.get(name, name) if section == 'config' else name}" if name else ""
            )
        elif head == "dataset" and rest:
            known = {one.name for one in dataclasses.fields(DatasetConfig)}
            if section in ("config", "weights"):
                key = f"++dataset.{section}" + (f".{SEED_NAMES.get(name, name)}" if name else "")
            elif section not in known:
                key = f"++dataset.config.{SEED_NAMES.get(rest, rest)}"
        return f"{key}{equals}{value}"

    def _plain(self, error: Exception, words: Iterable[str]) -> ParamError:
        """Say what Hydra says in one line that names the key and the way out."""
        cause = error.__cause__ or error
        named = next((word.partition("=")[0] for word in words if word in str(error)), "")
        key = getattr(cause, "full_key", None) or named
        first = str(cause).partition("\n")[0]
        if isinstance(error, extra("hydra.errors", "data").OverrideParseException):
            key = error.override.partition("=")[0]
            first = f"{error.override} is no value as Hydra writes them ({first})"
        if "not in" in first:
            near = difflib.get_close_matches(key, self.keys(), 1, 0.5)
            groups = ", ".join(one.name for one in dataclasses.fields(self.schema))
            hint = f"did you mean {near[0]}?" if near else f"known: {groups}"
            return ParamError(f"{key}: no such key; {hint}", field=key, allowed=hint)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if "Could not find" in lines[0]:
            group, _, name = lines[0].rpartition(" ")[2].strip("'").rpartition("/")
            group = group.partition("/")[0]
            options = [line for line in lines[2:] if ":" not in line and "=" not in line and line != "base"]
            near = difflib.get_close_matches(name, options, 1, 0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            return ParamError(f"{group} = {name}: no such choice; {hint}known: {', '.join(options)}", field=group)
        return ParamError(f"{key}: {first}" if key else first, field=key)


def _fields(kind: Any, before: str = "") -> list[str]:
    found = []
    for one in dataclasses.fields(kind):
        default = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
        if dataclasses.is_dataclass(default):
            found += _fields(type(default), f"{before}{one.name}.")
        else:
            found.append(f"{before}{one.name}")
    return found
