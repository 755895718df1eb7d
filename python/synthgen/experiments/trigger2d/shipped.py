"""Experiments that come with the package: folders of plain JSON, and those of the second stage, made by their names."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...data.files import json_bytes, write_atomic
from ...errors import param_error
from .settings import CONFIG_FILE, DATA_FILE

OUTPUT = Path("outputs/trigger2d")
PROXIES = {
    "actions": "actions",
    "animals": "animals",
    "foods": "foods",
    "negative": "negative_emotions",
    "objects": "objects",
    "random": "random_strings",
}
"""Ends of names, and the category of which some triggers keep the old map in training."""
PRESETS = {"smoke": "smoke", "readme": "2d_1proxy_ntr1_actions"}
_FOLDERS = {
    "stage1": "stage1",
    "2d_data_colors": "stage1",
    "half_plane": "half_plane",
    "four_colours": "four_colours",
    "2d_0proxy": "stage2",
    "smoke": "smoke",
    "smoke_stage1": "smoke_stage1",
}
_PROXY = re.compile(r"2d_1proxy_ntr([125])_(\w+)")


def names() -> list[str]:
    """Names of all shipped experiments."""
    return [*_FOLDERS, *(f"2d_1proxy_ntr{count}_{end}" for count in (1, 2, 5) for end in PROXIES)]


def settings(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two files of a shipped experiment. Raises ParamError."""
    if name not in names():
        raise param_error(
            None, "experiment", name, f"allowed: a folder with config.json, or one of {', '.join(names())}"
        )
    found = _PROXY.fullmatch(name)
    folder = files("synthgen.conf") / "trigger2d" / ("stage2" if found else _FOLDERS[name])
    config, data = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (CONFIG_FILE, DATA_FILE))
    if found:
        data[PROXIES[found[2]]] |= {"is_proxy": True, "n_train_triggers": int(found[1])}
    return {**config, "experiment_name": name}, data


def copy(name: str, folder: Path) -> None:
    """Write a shipped experiment to a folder, unless one is there, or none has this name."""
    if (folder / CONFIG_FILE).exists() or name not in names():
        return
    for file, value in zip((CONFIG_FILE, DATA_FILE), settings(name), strict=True):
        write_atomic(folder / file, json_bytes(value))


def located(given: str, output: str | Path | None = None) -> Path:
    """The folder of an experiment: a path, or the copy of a shipped one in `output`. Raises ParamError."""
    path = Path(given)
    if path.is_dir():
        return path
    settings(given)
    folder = OUTPUT / given if output is None else Path(output)
    copy(given, folder)
    return folder
