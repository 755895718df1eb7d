"""Write a dataset: shards by one engine or several processes, resumable at any moment; the manifest comes last."""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..checks import extra, integer
from ..errors import DatasetError, param_error, show
from ..registry import get
from .engines import ENGINES, MAX_WORKERS, Engine
from .files import entry, json_bytes, sync, sync_all, write_atomic
from .formats import kinds
from .plan import Plan, Shard
from .shards import WORK, entry_path, facts_path, tools
from .summary import Summary, summarise
from .tokenizer import Foreign

MANIFEST = "manifest.json"
VOCABULARY = "vocab.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
PLAN = "plan.json"
SUMMARIES = ("README.md", "metadata.json", "statistics.png")
"""Written for people and for the Hub; they follow from the rest."""


def read_manifest(root: Path) -> dict[str, Any]:
    """Read the manifest of a dataset directory. Raises DatasetError for anything else."""
    try:
        manifest = json.loads((root / MANIFEST).read_text())
    except FileNotFoundError:
        if (root / WORK).is_dir():
            message = (
                f"the dataset in {root} is not complete; run the command that made it again, it goes on where it was"
            )
            raise DatasetError(message) from None
        raise DatasetError(f"{root} is no dataset of synthgen: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != 2 or "shards" not in manifest:
        raise DatasetError(f"{root / MANIFEST} is not a manifest of format 2")
    return manifest


def _recorded(root: Path) -> dict[str, Any] | None:
    """The plan of the dataset in a directory, complete or not; None where there is none."""
    if (root / MANIFEST).exists():
        found = read_manifest(root).get("plan")
    else:
        try:
            found = json.loads((root / WORK / PLAN).read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DatasetError(f"{root / WORK / PLAN} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _clash(root: Path, recorded: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a plan that is not the one of the directory."""
    for name in sorted(recorded.keys() | wanted.keys(), key=lambda name: (name == "cells", name)):
        here, there = wanted.get(name), recorded.get(name)
        if here != there:
            values = "" if name == "cells" else f" = {show(here)}, there it is {show(there)}"
            raise DatasetError(
                f"{root} holds a dataset of other settings: {name}{values}; "
                "use the same settings to go on, another directory, or --overwrite (overwrite=True)"
            )


def _own_files(root: Path, recorded: dict[str, Any]) -> set[str]:
    """Names that a dataset may have given to files outside its working folder."""
    own = {MANIFEST, VOCABULARY, TOKENIZER, TOKENIZER_CONFIG, *SUMMARIES}
    try:
        if (root / MANIFEST).exists():
            return own | {name for shard in read_manifest(root)["shards"] for name in shard["files"]}
        plan = plan_from(recorded)
        return own | {name for shard in plan.shards() for name in kinds(plan, shard)}
    except (DatasetError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{root} is not overwritten: it holds no dataset of synthgen ({error})") from error


def _remove(root: Path, recorded: dict[str, Any]) -> None:
    """Remove the dataset of a directory, and refuse if any other file lies among its own."""
    own = _own_files(root, recorded)
    found = [path for path in root.rglob("*") if not path.is_dir() and WORK not in path.relative_to(root).parts[:1]]
    foreign = [path.name for path in found if str(path.relative_to(root)) not in own]
    if foreign:
        raise DatasetError(f"{root} is not overwritten: {foreign[0]} is no file of the dataset in it")
    # Without its manifest a dataset is not complete, whatever happens from here on.
    (root / MANIFEST).unlink(missing_ok=True)
    for path in found:
        path.unlink(missing_ok=True)
    shutil.rmtree(root / WORK, ignore_errors=True)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()


def plan_from(recorded: dict[str, Any], foreign: Foreign | None = None) -> Plan:
    """The plan that a record describes. Raises ParamError, KeyError or TypeError for what is none."""
    derived = ("tasks", "total_tokens", "dtype", "eos", "cells")
    options = {name: value for name, value in recorded.items() if name not in derived}
    return Plan.make(recorded["tasks"], recorded["total_tokens"], **options | {"tokenizer": foreign})


def _prepare(plan: Plan, root: Path, overwrite: bool) -> None:
    """Make the directory ready for the plan: new, or one with the same plan to go on with."""
    if root.exists() and not root.is_dir():
        raise DatasetError(f"{root} is a file; give a directory")
    wanted = json.loads(json_bytes(plan.describe()))
    recorded = _recorded(root)
    if overwrite and recorded is not None and (recorded != wanted or (root / MANIFEST).exists()):
        _remove(root, recorded)
        recorded = None
    if recorded is None and root.exists() and any(path.name != WORK for path in root.iterdir()):
        # Another process may have begun meanwhile.
        recorded = _recorded(root)
    if recorded is not None:
        _clash(root, recorded, wanted)
    elif root.exists() and any(path.name != WORK for path in root.iterdir()):
        hint = "is not overwritten: it" if overwrite else "is not empty and"
        raise DatasetError(f"{root} {hint} holds no dataset of synthgen (no {MANIFEST}); use another directory")
    if not (root / MANIFEST).exists():
        (root / WORK).mkdir(parents=True, exist_ok=True)
        write_atomic(root / WORK / PLAN, json_bytes(wanted), durable=False)


def generate(
    plan: Plan,
    directory: str | Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    engine: str | Engine = "local",
    ray_address: str | None = None,
    shard_index: int = 0,
    num_shards: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any] | None:
    """Write the dataset of a plan; give its manifest, or None while shards of other processes are missing.

    Args:
        plan: what to write.
        directory: where. A run that was interrupted goes on: shards that are complete and whole are kept.
        overwrite: replace a dataset that is already there.
        workers: shards made at a time; None: one a core. It changes no byte.
        engine: "local" (threads), "ray" (tasks of a cluster that shares the directory), or a function like these.
        ray_address: address of the cluster; None: the one Ray finds, or a new one here.
        shard_index: which part of the shards this process makes, ...
        num_shards: ... out of how many, as in a Slurm array. Whoever finishes last writes the manifest.
        progress: called with the tokens made so far, those of kept shards included.

    Raises DatasetError for a directory of another dataset, or a disk that is full or read-only, and ParamError.

    """
    root = Path(directory)
    check_run(workers, engine, shard_index, num_shards)
    plan.check()
    try:
        _prepare(plan, root, overwrite)
        if (root / MANIFEST).exists():
            return _complete(plan, root, progress)
        shards = plan.shards()[shard_index::num_shards]
        run = ENGINES[engine] if isinstance(engine, str) else engine
        # What describes the dataset at the end is read in while the shards are made.
        threading.Thread(target=_preload, args=(plan,), daemon=True).start()
        run(plan, shards, root, workers, progress, ray_address)
        return finish(plan, root, workers)
    except OSError as error:
        raise DatasetError(
            f"{error.filename or root} cannot be written: {error.strerror or error}; "
            "what is complete stays, and the same command goes on from there"
        ) from error


def _preload(plan: Plan) -> None:
    importlib.import_module(".card", __package__)
    if not (plan.foreign or plan.joint):
        with contextlib.suppress(ImportError):  # which the end of the run reports
            importlib.import_module("tokenizers")
    importlib.import_module(".figure", __package__).fonts()


def check_run(workers: int | None, engine: str | Engine, shard_index: int, num_shards: int) -> None:
    """Refuse before any work what the run would be refused for. Raises ParamError and ModuleNotFoundError."""
    if workers is not None:
        integer(None, "workers", workers, 1, MAX_WORKERS)
    integer(None, "num_shards", num_shards, 1, 2**20)
    if not 0 <= shard_index < num_shards:
        raise param_error(None, "shard_index", shard_index, f"allowed: 0..={num_shards - 1}, below num_shards")
    if isinstance(engine, str) and engine not in ENGINES:
        raise param_error(None, "engine", engine, f"allowed: one of {', '.join(ENGINES)}")
    extra("PIL", "data")
    if engine == "ray":
        extra("ray", "ray")


def _complete(plan: Plan, root: Path, progress: Callable[[int], None] | None) -> dict[str, Any]:
    """The manifest of a dataset that is there already, once its files have been hashed again."""
    manifest = read_manifest(root)
    try:
        listed = {name: file for part in (*manifest["shards"], manifest) for name, file in part["files"].items()}
        of_kind = {name: str(file["kind"]) for name, file in listed.items()}
        tokens, _ = (sum(shard[name] for shard in manifest["shards"]) for name in ("tokens", "rows"))
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{root / MANIFEST} is not what synthgen writes: {error!r}; use --overwrite") from error
    for name, file in listed.items():
        path = root / name
        if not path.is_file() or entry(of_kind[name], path) != file:
            of = [at for at, shard in enumerate(manifest["shards"]) if name in shard["files"]]
            out = f"`synthgen rebuild {root} --shard {of[0]}`" if of else "--overwrite"
            raise DatasetError(f"{path} is missing or not what the manifest says; use {out}")
    if progress:
        progress(tokens)
    shutil.rmtree(root / WORK, ignore_errors=True)
    return manifest


def finish(plan: Plan, root: Path, workers: int | None = None) -> dict[str, Any] | None:
    """Write what describes the whole dataset, if all shards are there; give the manifest."""
    shards = plan.shards()
    if all(entry_path(root, shard).is_file() for shard in shards):
        try:
            _describe(plan, shards, root, workers)
        except FileNotFoundError:
            # Another process may have been faster, and have cleared the working folder.
            if not (root / MANIFEST).exists():
                raise
    if not (root / MANIFEST).exists():
        return None
    shutil.rmtree(root / WORK, ignore_errors=True)
    return read_manifest(root)


def _describe(plan: Plan, shards: list[Shard], root: Path, workers: int | None) -> None:
    """Write everything that is not a shard, the manifest last."""
    entries = [json.loads(entry_path(root, shard).read_text()) for shard in shards]
    summary = summarise(plan, [(shard, facts_path(root, shard)) for shard in shards], root / WORK, workers)
    described = descriptions(plan)
    for name, content in described.items():
        write_atomic(root / name, content, root / WORK, durable=False)
    manifest = {
        "format": 2,
        "plan": json.loads(json_bytes(plan.describe())),
        "tools": tools(plan),
        "shards": entries,
        "files": {name: entry("description", root / name) for name in described},
    }
    write_summaries(manifest, summary, root)
    folders = {(root / name).parent for shard in entries for name in shard["files"]}
    sync_all({root, *folders, *(root / name for name in (*described, *SUMMARIES))})
    write_atomic(root / MANIFEST, json_bytes(manifest), root / WORK)
    sync(root)


def write_summaries(manifest: dict[str, Any], summary: Summary, root: Path) -> None:
    """Write the card, the figure and metadata.json."""
    from .card import card, metadata
    from .figure import histogram

    made = {
        "metadata.json": json_bytes(metadata(manifest, summary)),
        "README.md": card(manifest, summary).encode(),
        "statistics.png": histogram(summary),
    }
    for name, content in made.items():
        # Under a temporary name it lies in the working folder, which whoever ends the run clears.
        write_atomic(root / name, content, root / WORK, durable=False)


def descriptions(plan: Plan) -> dict[str, bytes]:
    """Files that say how the tokens of a dataset are to be read."""
    found = {VOCABULARY: vocabulary_bytes(plan)}
    text = tokenizer_text(plan)
    if text is not None:
        found[TOKENIZER] = text.encode()
    if plan.foreign and plan.foreign.eos is not None:
        found[TOKENIZER_CONFIG] = json_bytes({"eos_token": plan.foreign.eos})
    return found


def vocabulary_bytes(plan: Plan) -> bytes:
    """Content of vocab.json: the pieces by id and, for a merged dataset, the range of each task."""
    joint = plan.joint_vocabulary()
    if joint is None:
        return json_bytes({"pieces": list(get(plan.tasks[0]).vocab.pieces), "ranges": []})
    ranges = [{"task": name, "piece": piece, "offset": offset} for name, piece, offset in joint.ranges]
    return json_bytes({"pieces": list(joint.vocab.pieces), "ranges": ranges})


def tokenizer_text(plan: Plan) -> str | None:
    """Content of tokenizer.json: the foreign tokenizer, or a single task's own; None for a joint vocabulary."""
    if plan.foreign:
        return plan.foreign.json
    if plan.joint:
        return None
    return str(get(plan.tasks[0]).tokenizer("tokenizers").to_str())


def shard_numbered(plan: Plan, number: int) -> Shard:
    """Shard `number` of all splits together, as the manifest lists them. Raises ParamError."""
    shards = plan.shards()
    if not 0 <= number < len(shards):
        raise param_error(None, "shard", number, f"allowed: 0..={len(shards) - 1}")
    return shards[number]
