"""`python -m benches`: every task against plain Python and against this machine's memory, in one run, on one core."""

from __future__ import annotations

import argparse
import importlib
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from synthgen import registry
from synthgen._task import generator
from synthgen.cli.bench import FILL_ELEMENTS, Speed, best, memory_fill, speed

PLAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Comparison:
    """One task at one level."""

    ours: Speed
    two_threads: float  # tokens/s with two threads over one
    unfiltered: float  # tokens/s of split=None over those of split="train"
    plain_tokens_per_s: float
    ratio: float


def plain_speed(name: str, level: int) -> float:
    """Tokens per second of the plain-Python generator of the same rows."""
    module = importlib.import_module(f"benches.plain.{name}")
    params = module.prepare(json.loads(generator(name, {}, level).params))
    rng = random.Random(0)
    tokens = 0
    began = time.perf_counter()
    while (seconds := time.perf_counter() - began) < PLAIN_SECONDS:
        ids, _ = module.generate(rng, params)
        tokens += len(ids)
    return tokens / seconds


def compare(name: str, level: int, fill: float) -> Comparison:
    """Measure a task both ways."""
    ours = speed(name, level, fill)
    plain = plain_speed(name, level)
    # A scheduler takes some milliseconds to give two threads a core each.
    two = speed(name, level, fill, rows=8192, threads=2, repeats=50)
    one = speed(name, level, fill, rows=8192, repeats=50)
    free = speed(name, level, fill, split=None)
    return Comparison(
        ours,
        two.tokens_per_s / one.tokens_per_s,
        free.tokens_per_s / ours.tokens_per_s,
        plain,
        ours.tokens_per_s / plain,
    )


def first_use() -> str:
    """Time of the import in a fresh interpreter, and of a batch of one row."""
    script = "import time; a = time.perf_counter(); import synthgen; print(time.perf_counter() - a)"
    imports = [
        float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout) for _ in range(5)
    ]
    one = max(best(partial(registry.get(name).batch, 1), 200) for name in registry.tasks())
    return f"import: {min(imports) * 1e3:.0f} ms   batch(1): {one * 1e6:.0f} us"


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tasks", default=",".join(registry.tasks()), help="names, separated by commas; default: all")
    args = parser.parse_args()
    names = args.tasks.split(",")
    for name in names:
        registry.get(name)  # refuses an unknown name before any work
    fill = memory_fill()
    found = [compare(name, level, fill) for name in names for level in (1, 2, 3)]
    if args.json:
        print(json.dumps({"memory_fill_bytes_per_s": fill, "tasks": [asdict(row) for row in found]}, indent=2))
        return
    held = np.full(FILL_ELEMENTS, 1, np.int32)
    warm = held.nbytes / best(lambda: held.fill(7), 3)
    made = f"{fill / 1e9:.1f} GB/s (NumPy, a new 256 MiB int32 array)"
    print(f"memory fill: {made}, {warm / 1e9:.1f} GB/s where the memory is already held")
    print(first_use())
    columns = ("tokens/s", "plain Python", "ratio", "of fill", "2 threads", "unfiltered/train")
    width = max(len(name) for name in names)
    print(f"{'task':<{width}} {'level':>5} " + " ".join(f"{column:>{len(column) + 2}}" for column in columns))
    for row in found:
        cells = (
            f"{row.ours.tokens_per_s / 1e6:.1f}M",
            f"{row.plain_tokens_per_s / 1e6:.3f}M",
            f"{row.ratio:.0f}x",
            f"{row.ours.of_memory_fill:.1%}",
            f"{row.two_threads:.2f}x",
            f"{row.unfiltered:.2f}x",
        )
        shown = " ".join(f"{cell:>{len(column) + 2}}" for cell, column in zip(cells, columns, strict=True))
        print(f"{row.ours.task:<{width}} {row.ours.level:>5} {shown}")


if __name__ == "__main__":
    main()
