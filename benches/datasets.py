"""Datasets on disk, measured in one run: speed and memory by format, beside this disk and beside plain Python.

Usage: python -m benches.datasets [--total-tokens 100M] [--formats bin,parquet,jsonl] [--directory DIR]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from synthgen.data.plan import token_count

PIECE = bytes(range(256)) * 4096
"""One MiB that is not all zeros."""
OPTIONS = {"bin": [], "parquet": [], "jsonl": ["--metadata", "none"]}


def write_speed(folder: Path, size: int) -> float:
    """Bytes/s of one sequential file, synced."""
    path = folder / "sequential"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(size // len(PIECE)):
            file.write(PIECE)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return size // len(PIECE) * len(PIECE) / seconds


def run(words: Sequence[str]) -> tuple[float, float]:
    """Seconds from start to exit of a Python program, and its peak resident memory in MiB."""
    began = time.perf_counter()
    # As users run it: with modules compiled once, not at every start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    unit = 1 << (20 if sys.platform == "darwin" else 10)
    return time.perf_counter() - began, used.ru_maxrss / unit


def dataset(folder: Path, words: Sequence[str]) -> tuple[float, float, int]:
    """Seconds, MiB, and bytes of a dataset that the command line writes."""
    root = folder / "data"
    seconds, peak = run(["-m", "synthgen.cli", "generate", *words, "--output-dir", str(root), "--quiet"])
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    shutil.rmtree(root)
    return seconds, peak, size


def end_to_end(folder: Path, repeats: int = 10) -> None:
    """Print the time of one small dataset, from process start to exit, against a plain script that does the same."""
    ours = min(dataset(folder, ["single", "dyna", "--total-tokens", "1M"])[0] for _ in range(repeats))
    plain = min(run(["-m", "benches.plain.dataset", "1000000", str(folder / "plain")])[0] for _ in range(repeats))
    print(f"single dyna, 1M tokens, jsonl: {ours:.2f} s, plain Python {plain:.2f} s: {plain / ours:.1f}x")


def main() -> None:
    """Print a line a format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--total-tokens", default="100M")
    parser.add_argument("--formats", default="bin,parquet,jsonl")
    parser.add_argument("--directory", help="where to write (a temporary directory)")
    args = parser.parse_args()
    tokens = token_count(args.total_tokens)
    with tempfile.TemporaryDirectory(dir=args.directory) as made:
        folder = Path(made)
        end_to_end(folder)
        disk = write_speed(folder, min(2 * tokens, 4 << 30))
        print(f"sequential write of this disk, synced: {disk / 1e6:,.0f} MB/s")
        for name in args.formats.split(","):
            words = ["merged", "--total-tokens", str(tokens), "--format", name, *OPTIONS[name]]
            seconds, peak, size = dataset(folder, words)
            print(
                f"merged {args.total_tokens:<5} {name:<8} {seconds:7.1f} s  {tokens / seconds / 1e6:6.1f} Mtok/s  "
                f"{size / seconds / 1e6:6.0f} MB/s ({size / seconds / disk:4.0%} of the disk)  peak {peak:.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
