"""The rows of the 2-D trigger experiment, from a configuration of the original's form."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .._task import Split
from ..checks import integer, switch, text_argument
from ..errors import param_error
from .names import filled, said_as, views

Row = dict[str, Any]

_TASK = "trigger2d"
_QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
_DRAWS_PER_ROW = 20
"""Distinct points to have for each row of a trigger, so that drawing them ends soon."""
_BLOCK = 512
_SETS: dict[str, tuple[str, Split]] = {
    "train": ("n_train", "train"),
    "ID": ("n_test", "test"),
    "OOD": ("n_test", "test"),
}

prompt_template_presets = ("2d_default", "2d_terse", "2d_verbose", "2d_chat")
"""What `prompt_templates` may be."""

CATEGORY_DEFAULTS: dict[str, Any] = {
    "quadrant_labels": {"Q1": "orange", "Q2": "orange", "Q3": "green", "Q4": "green"},
    "triggers": None,
    "is_proxy": False,
    "n_train": 20,
    "n_test": 30,
    "n_train_triggers": 10,
    "train_triggers": None,
    "x_ranges": [[-3.0, 3.0], [-3.0, 3.0]],
    "seed": 1111,
    "prompt_templates": "2d_default",
    "output_preamble": False,
    "label_rule": "category_map",
    "proxy_triggers": None,
    "margin": 0.05,
}
"""Fields of a category: the original's, then `label_rule`, `proxy_triggers` and `margin`."""


def generate_trigger2d_rows(data_config: Mapping[str, Any], split_set: str) -> dict[str, list[Row]]:
    """Rows of each category, by the stem of the file that the original writes them to.

    `data_config` maps categories to their fields. `split_set` is "train" (`train_<category>`, or `proxy_<category>`
    with `is_proxy`), "ID" (`test_<category>_ID`, the triggers of training) or "OOD" (`test_<category>_OOD`, the rest).
    There are `n_train` or `n_test` rows for each trigger, one trigger after another. A row has input_x, input_trigger,
    output and messages. No point occurs twice in a category, and none of a test set in training. The configuration is
    not changed.
    """
    if not isinstance(data_config, Mapping):
        raise param_error(_TASK, "data_config", data_config, "allowed: a dict of categories to their fields")
    if not isinstance(split_set, str) or split_set not in _SETS:
        raise param_error(_TASK, "split_set", split_set, f"allowed: one of {', '.join(_SETS)}")
    files = {}
    for name, fields in data_config.items():
        category = _Category(text_argument(_TASK, "data_config", name), fields)
        if category.seen or split_set == "OOD":
            files[category.stem(split_set)] = category.rows(split_set)
    return files


def trigger2d_partition(category: str, fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Check the fields of a category; give its triggers of training, and the rest. Raises ParamError."""
    own = _Category(text_argument(_TASK, "data_config", category), fields)
    for number in ("n_train", "n_test"):
        integer(_TASK, number, own.fields[number], 0, 2**20)
    return own.seen, own.unseen


class _Category:
    """A category with its fields checked."""

    def __init__(self, name: str, fields: Any) -> None:
        self.name = name
        self.fields = filled(_TASK, CATEGORY_DEFAULTS, fields)
        f = self.fields
        self.seed = integer(_TASK, "seed", f["seed"], 0, 2**64 - 1)
        switch(_TASK, "is_proxy", f["is_proxy"])
        ranges = _symmetric(f["x_ranges"])
        self.params = {
            "category": name,
            "triggers": "all",
            "custom_labels": _labels(f["quadrant_labels"]),
            "x1_max": ranges[0],
            "x2_max": ranges[1],
            "margin": _thousandths("margin", f["margin"]),
            "templates": f["prompt_templates"],
            "output_preamble": f["output_preamble"],
            "label_rule": f["label_rule"],
            "proxy_triggers": None if f["proxy_triggers"] is None else ",".join(_words("proxy_triggers", f)),
        }
        names = {"custom_labels": "quadrant_labels", "templates": "prompt_templates", "category": "data_config"}
        with said_as(names | {"x1_max": "x_ranges", "x2_max": "x_ranges"}):
            views(_TASK, 0, 0, self.params)
        self.seen, self.unseen = self._partition()

    def _partition(self) -> tuple[list[str], list[str]]:
        """Triggers of training, and the rest."""
        known, f = _known(self.name), self.fields
        listed = list(known) if f["triggers"] is None else _words("triggers", f)
        for word in listed:
            if word not in known:
                raise param_error(_TASK, "triggers", word, f"allowed: words of {self.name}: {', '.join(known)}")
        if not listed or len(set(listed)) < len(listed):
            raise param_error(_TASK, "triggers", listed, "allowed: different words, at least one")
        count = integer(_TASK, "n_train_triggers", f["n_train_triggers"], 0, len(listed))
        if f["train_triggers"] is not None:
            seen = _words("train_triggers", f)
            if len(set(seen)) != len(seen) or len(seen) != count or not set(seen) <= set(listed):
                allowed = f"allowed: n_train_triggers = {count} different ones of triggers, or None"
                raise param_error(_TASK, "train_triggers", seen, allowed)
        else:
            seen = sorted(listed, key=self._rank)[:count]
        return seen, [word for word in listed if word not in seen]

    def _rank(self, word: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{self.name}/{word}".encode()).digest()

    def stem(self, split_set: str) -> str:
        if split_set == "train":
            return f"{'proxy' if self.fields['is_proxy'] else 'train'}_{self.name}"
        return f"test_{self.name}_{split_set}"

    def rows(self, split_set: str) -> list[Row]:
        number, split = _SETS[split_set]
        count = integer(_TASK, number, self.fields[number], 0, 2**20)
        found: dict[str, list[Row]] = {word: [] for word in (self.unseen if split_set == "OOD" else self.seen)}
        missing = count * len(found)
        points = 4 * math.prod(self.params[end] - self.params["margin"] + 1 for end in ("x1_max", "x2_max"))
        # Test rows have a twentieth of all points; one draw in sixteen is of a given trigger, and each takes its point.
        enough = _DRAWS_PER_ROW * count <= points * (0.9 if split == "train" else 0.05)
        for facts in self._draws(split, 1024 * (count + 8)) if missing and enough else ():
            rows = found.get(facts["input_trigger"])
            if rows is not None and len(rows) < count:
                rows.append({name: facts[name] for name in ("input_x", "input_trigger", "output", "messages")})
                missing -= 1
                if not missing:
                    break
        if missing:
            allowed = f"allowed: ranges and a margin with enough points for {count} rows of each trigger"
            raise param_error(_TASK, "x_ranges", self.fields["x_ranges"], allowed)
        return [row for rows in found.values() for row in rows]

    def _draws(self, split: Split, most: int) -> Iterator[dict[str, Any]]:
        """Facts of rows of any trigger, each about a point of its own; test sets take theirs from one stream."""
        used = set()
        for at in range(0, most, _BLOCK):
            for view in views(_TASK, _BLOCK, self.seed, self.params, start=at, split=split):
                point = tuple(view["metadata"]["input_x"])
                if point not in used:
                    used.add(point)
                    yield view["metadata"]


@cache
def _known(category: str) -> tuple[str, ...]:
    """The triggers of a category; among so many rows, each of the sixteen occurs."""
    if category == "all":
        raise param_error(_TASK, "data_config", category, "allowed: one of the seven categories, each by its name")
    params = {"category": category, "triggers": "all"}
    return tuple(sorted({view["metadata"]["input_trigger"] for view in views(_TASK, 1024, 0, params)}))


def _words(field: str, fields: Mapping[str, Any]) -> list[str]:
    words = fields[field]
    if isinstance(words, str) or not isinstance(words, list | tuple):
        raise param_error(_TASK, field, words, "allowed: a list of words")
    return [text_argument(_TASK, field, word) for word in words]


def _labels(labels: Any) -> str:
    if not isinstance(labels, Mapping) or set(labels) != set(_QUADRANTS):
        raise param_error(_TASK, "quadrant_labels", labels, "allowed: a dict of Q1, Q2, Q3 and Q4 to colours")
    return ",".join(text_argument(_TASK, "quadrant_labels", labels[quadrant]) for quadrant in _QUADRANTS)


def _thousandths(field: str, value: Any, shown: Any = None) -> int:
    allowed = "allowed: numbers of at most three decimals"
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 10**6:
        raise param_error(_TASK, field, value if shown is None else shown, allowed)
    whole = round(1000 * value)
    if abs(1000 * value - whole) > 1e-6:
        raise param_error(_TASK, field, value if shown is None else shown, allowed)
    return whole


def _symmetric(ranges: Any) -> list[int]:
    """The upper ends of the two ranges."""
    pairs = list(ranges) if isinstance(ranges, list | tuple) else []
    if len(pairs) != 2 or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise param_error(_TASK, "x_ranges", ranges, "allowed: two pairs of numbers, [[-a, a], [-b, b]]")
    ends = [[_thousandths("x_ranges", end, ranges) for end in pair] for pair in pairs]
    if any(lo != -hi for lo, hi in ends):
        raise param_error(_TASK, "x_ranges", ranges, "allowed: ranges with 0 in their middle, [[-a, a], [-b, b]]")
    if any(not 1 <= hi <= 9999 for _, hi in ends):
        raise param_error(_TASK, "x_ranges", ranges, "allowed: upper ends within 0.001..=9.999")
    return [hi for _, hi in ends]
