"""The rows of a seed: files of training and of held-out rows, the mix that is trained on, and samples."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...compat.trigger2d import generate_trigger2d_rows
from ...data.files import json_bytes, write_atomic
from ...errors import param_error
from .settings import DATA_FILE, RESOLVED, Settings, naming

Row = dict[str, Any]
FOLDER, MANIFEST = "generated_data", "manifest.json"


@dataclass(frozen=True)
class Base:
    """What the model that training begins from has learnt: its name, and its categories with their triggers."""

    name: str
    data: Mapping[str, Mapping[str, Any]]

    def triggers(self, category: str) -> list[str]:
        """All triggers that it was trained on, in any stage."""
        fields = self.data.get(category, {})
        trained = fields.get("train_triggers") if fields.get("n_train") else None
        return [*(trained or ()), *fields.get("base_triggers", ())]


@dataclass(frozen=True)
class Data:
    """All rows, by the stems of their files, each with its category."""

    train: dict[str, list[Row]]
    test: dict[str, list[Row]]
    categories: dict[str, dict[str, Any]]  # the resolved data config
    manifest: dict[str, Any]

    def mix(self, most: int | None, seed: int) -> list[Row]:
        """All rows of training, or a sample that has as many of each category and trigger as can be."""
        rows = [row for found in self.train.values() for row in found]
        return rows if most is None else stratified(rows, most, seed)


def make(settings: Settings, base: Base | None = None) -> Data:
    """Draw the rows of a seed. Raises ParamError that names file and category.

    Sets of a category: ID, new points with triggers of training; BASE, with triggers that only the base model was
    trained on; OOD, with triggers that no stage was trained on. No point of them occurs in training, in any stage.
    """
    train: dict[str, list[Row]] = {}
    test: dict[str, list[Row]] = {}
    categories, told = {}, {}
    for name, own in settings.data.items():
        with naming(settings.folder / DATA_FILE, name):
            seen = own["train_triggers"]
            known = [] if base is None else [word for word in base.triggers(name) if word not in seen]
            everything = _listed(name, own)
            unseen = [word for word in everything if word not in seen and word not in known]
            made = {**_rows(name, own, "train"), **_rows(name, own, "ID")}
            for suffix, words in (("BASE", known), ("OOD", unseen)):
                fields = {**own, "triggers": [*seen, *words]}
                made |= {f"test_{name}_{suffix}": next(iter(_rows(name, fields, "OOD").values()))} if words else {}
        for stem, rows in made.items():
            (test if stem.startswith("test_") else train)[stem] = [{**row, "category": name} for row in rows]
        categories[name] = {**own, "base_triggers": known}
        told[name] = {"seen": seen, "base": known, "unseen": unseen, "proxies": _proxies(own, made)}
    manifest = {
        "seed": settings.seed,
        "base": None if base is None else base.name,
        "files": {f"{stem}.jsonl": len(rows) for stem, rows in {**train, **test}.items()},
        "totals": {"train": _total(train), "test": _total(test)},
        "triggers": told,
    }
    return Data(train, test, categories, manifest)


def write(settings: Settings, data: Data) -> Path:
    """Write the rows of a seed, and beside their folder what the settings came to; give the folder."""
    folder = settings.root / FOLDER
    for stem, rows in {**data.train, **data.test}.items():
        write_rows(folder / f"{stem}.jsonl", [{key: row[key] for key in row if key != "category"} for row in rows])
    # A trainer that reads the folder must not find files of other settings.
    for kind in ("train", "proxy", "test"):
        for stale in set(folder.glob(f"{kind}_*.jsonl")) - {folder / name for name in data.manifest["files"]}:
            stale.unlink()
    write_atomic(folder / MANIFEST, json_bytes(data.manifest))
    for name, value in zip(RESOLVED, (settings.resolved(), data.categories), strict=True):
        write_atomic(settings.root / name, json_bytes(value))
    return folder


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write JSON Lines."""
    write_atomic(path, b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))


def stratified(rows: list[Row], count: int, seed: int) -> list[Row]:
    """Up to `count` rows, as many of each category and trigger as can be, in the order in which they stood."""
    if count < 1:
        raise param_error(None, "count", count, "allowed: an integer >= 1")
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        groups[row["category"], row["input_trigger"]].append(at)
    order = []
    for group, places in groups.items():
        ranked = sorted(places, key=lambda at: _hash(seed, *group, at))
        order += [(rank, _hash(seed, *group), at) for rank, at in enumerate(ranked)]
    return [rows[at] for at in sorted(at for _, _, at in sorted(order)[:count])]


def _hash(*parts: Any) -> bytes:
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def _rows(name: str, fields: Mapping[str, Any], split_set: str) -> dict[str, list[Row]]:
    own = {key: value for key, value in fields.items() if key != "base_triggers"}
    found = generate_trigger2d_rows({name: own}, split_set)
    return {stem: rows for stem, rows in found.items() if rows}


def _listed(name: str, fields: Mapping[str, Any]) -> list[str]:
    """The category's triggers, in an order that depends on nothing that stages differ in."""
    if fields["triggers"] is not None:
        return list(fields["triggers"])
    rows = generate_trigger2d_rows({name: {"n_train_triggers": 0, "n_test": 1}}, "OOD")[f"test_{name}_OOD"]
    return [row["input_trigger"] for row in rows]


def _proxies(fields: Mapping[str, Any], made: Mapping[str, list[Row]]) -> list[str]:
    """Triggers whose rows have the colours of the opposite quadrant, where the labels tell them apart."""
    if fields["label_rule"] != "proxy_flip":
        return []
    words = [row["input_trigger"] for rows in made.values() for row in rows]
    turned = {row["input_trigger"] for rows in made.values() for row in rows if row["output"] != colour(fields, row)}
    return [word for word in dict.fromkeys(words) if word in turned]


def colour(fields: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The colour that a category's map gives a row's point."""
    x, y = row["input_x"]
    found: str = fields["quadrant_labels"]["Q" + str((1 if x > 0 else 2) if y > 0 else (4 if x > 0 else 3))]
    return found


def _total(files: Mapping[str, list[Row]]) -> int:
    return sum(map(len, files.values()))
