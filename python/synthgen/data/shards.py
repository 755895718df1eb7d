"""One shard: a function of the plan and its own number, made block by block and written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import _native
from .._task import generator
from ..errors import DatasetError, ParamError
from .files import json_bytes, settle, sha256, temporary, write_atomic
from .formats import Block, Writer, files, kinds, open_writer, packages
from .plan import SHARD_DOMAIN, Plan, Shard

WORK = ".synthgen"
"""Folder of a run that has not ended: the plan, what is known of finished shards, temporary files."""
BLOCK_TOKENS = 1 << 17
"""Tokens of a block, about: few enough for its columns to stay in the processor's cache."""
FACTS = 22
"""Bytes of what is kept of every row until the dataset is complete, to count duplicates and draw statistics: content
hash and hash (u64 each), length (u32) and cell (u16), little-endian."""
_ENCODED = 256
"""Rows of a cell that a foreign tokenizer is given at a time, at most; the first are few, for cells that need few."""


class Stopped(Exception):
    """The run was asked to stop."""


def stream(plan: Plan, shard: Shard, *, audit: bool = False) -> _native.Shard:
    """The native stream of a shard. Raises ParamError for windows that a row may not fit into."""
    start = shard.number * SHARD_DOMAIN
    # A cell without a budget keeps its number in the row index: it is passed, and draws nothing.
    cells = [
        (generator(cell.task, {}, cell.level), start, budget, cell.level - 1, phase)
        for cell, budget in zip(plan.cells(), shard.budgets, strict=True)
        for phase in [cell.level if plan.order == "easy-to-hard" else 0]
    ]
    joint = plan.joint_vocabulary()
    form = {
        "seed": plan.seed,
        "split": shard.split,
        "number": shard.number,
        "window": None if plan.seq_len is None else (plan.seq_len, plan.packing),
        "texts": plan.seq_len is None and bool({"parquet", "arrow"} & set(plan.formats)),
        "metadata": plan.metadata == "full",
        "lines": "jsonl" in plan.formats,
        "arrays": plan.formats != ("jsonl",),
        "foreign": plan.foreign is not None,
        "audit": audit,
    }
    with _no_task():
        return _native.Shard(cells, joint.native if joint else None, form)


@contextlib.contextmanager
def _no_task() -> Iterator[None]:
    """Windows are no parameter of a task: their error speaks of none."""
    try:
        yield
    except ParamError as error:
        if error.task != "dataset":
            raise
        raise ParamError(
            f"{error.field} = {error.value}; {error.allowed}",
            field=error.field,
            value=error.value,
            allowed=error.allowed,
        ) from None


def blocks(plan: Plan, shard: Shard, *, audit: bool = False) -> Iterator[Block]:
    """The columns of a shard, a block at a time."""
    native = stream(plan, shard, audit=audit)
    given: dict[int, int] = {}
    while True:
        with _no_task():
            found = native.block(BLOCK_TOKENS)
        if found is None:
            return
        if isinstance(found, int):
            if plan.foreign is None:
                raise DatasetError("this dataset was made with a tokenizer, which is not at hand")
            given[found] = min(2 * given.get(found, 4), _ENCODED)
            native.offer(found, plan.foreign.encode(native.texts(found, given[found])))
        else:
            if "ids" in found and plan.dtype != found["ids"].dtype:
                found["ids"] = found["ids"].astype(plan.dtype)
            yield found


def entry_path(root: Path, shard: Shard) -> Path:
    """Where a finished shard's entry of the manifest waits for the others."""
    return root / WORK / f"{shard.stem}.json"


def facts_path(root: Path, shard: Shard) -> Path:
    """Where a finished shard's facts wait for the others."""
    return root / WORK / f"{shard.stem}.facts"


def finished(plan: Plan, shard: Shard, root: Path) -> dict[str, Any] | None:
    """The entry of a shard that is complete and whole on disk, or None."""
    try:
        found: dict[str, Any] = json.loads(entry_path(root, shard).read_text())
        same = {name: file["kind"] for name, file in found["files"].items()} == kinds(plan, shard)
        rows = facts_path(root, shard).stat().st_size / FACTS
        whole = all(sha256(root / name) == file["sha256"] for name, file in found["files"].items())
        return found if same and whole and rows == found["rows"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_shard(
    plan: Plan,
    shard: Shard,
    root: Path,
    advance: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Make a shard and write its files, unless they are there already; give its entry of the manifest.

    `advance` is called with the tokens of each block. Raises Stopped after the block in which `stop` was set, and
    OSError; nothing is then left under a final name that is not whole.
    """
    done = finished(plan, shard, root)
    if done:
        if advance:
            advance(done["tokens"])
        return done
    known = facts_path(root, shard)
    entry_path(root, shard).unlink(missing_ok=True)
    names = kinds(plan, shard)
    made = {name: temporary(root / WORK, name) for name in names}
    made[known.name] = temporary(root / WORK, known.name)
    try:
        rows, tokens = _fill(plan, shard, made, known.name, advance, stop)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        listed = dict(zip(names, settle({made[name]: kind for name, kind in names.items()}), strict=True))
        for name in names:
            made[name].replace(root / name)
        made[known.name].replace(known)
    finally:
        for path in made.values():
            path.unlink(missing_ok=True)
    found = describe(shard, rows, tokens, listed)
    # A machine that loses power may lose this entry, never the shard: it is then made again.
    write_atomic(entry_path(root, shard), json_bytes(found), durable=False)
    return found


def describe(shard: Shard, rows: int, tokens: int, listed: dict[str, Any]) -> dict[str, Any]:
    """The manifest's entry of a shard."""
    return {
        "split": shard.split,
        "number": shard.number,
        "of": shard.of,
        "rows": rows,
        "tokens": tokens,
        "files": listed,
    }


def _fill(
    plan: Plan,
    shard: Shard,
    made: dict[str, Path],
    known: str,
    advance: Callable[[int], None] | None,
    stop: threading.Event | None,
) -> tuple[int, int]:
    """Write a shard's files under their temporary names; count its rows and tokens."""
    rows = tokens = 0
    with contextlib.ExitStack() as stack:
        writers: list[Writer] = []
        for name, own in files(plan, shard).items():
            writer = open_writer(name, plan, shard, {kind: made[file] for kind, file in own.items()})
            stack.callback(writer.close)
            writers.append(writer)
        ledger = stack.enter_context(made[known].open("wb"))
        for block in blocks(plan, shard):
            if stop and stop.is_set():
                raise Stopped
            for writer in writers:
                writer.write(block)
            ledger.write(block["facts"])
            rows += block["count"]
            tokens += block["tokens"]
            if advance:
                advance(block["tokens"])
    return rows, tokens


def tools(plan: Plan) -> dict[str, str]:
    """Versions of what made the bytes."""
    from .. import __version__

    return {"synthgen": __version__} | packages(plan)
