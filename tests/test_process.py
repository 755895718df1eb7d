"""Threads that a call really uses, Ctrl-C at any moment of any call, and sources in workers of both kinds."""

import subprocess
import sys
from typing import Any

import pytest
import synthgen

TASKS = tuple(synthgen.tasks())


def run(code: str, *args: str, **environment: str) -> str:
    """Run a program in a process of its own, where no other package has started a thread; return what it prints."""
    code = (
        "import os, sys\n" + "".join(f"os.environ[{key!r}] = {value!r}\n" for key, value in environment.items()) + code
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


THREADS = """
import synthgen

def started():
    return len(os.listdir("/proc/self/task")) - before

task = synthgen.get(sys.argv[1])
task.batch(3)
before = len(os.listdir("/proc/self/task"))
batches = [task.batch(3000), task.packed(200, 4096), task.batch(3000, threads=1)]
found = [started()]
batches.append(task.batch(3000, threads=5))
found.append(started())
same = all((batch.input_ids == batches[0].input_ids).all() for batch in batches[2:])
print(found, same)
"""


@pytest.mark.parametrize(("given", "started"), [("1", 0), ("3", 3)])
@pytest.mark.parametrize("name", TASKS)
def test_the_environment_sets_how_many_threads_are_started(name: str, given: str, started: int) -> None:
    found = run(THREADS, name, SYNTHGEN_NUM_THREADS=given)
    assert found == f"{[started, started + 5]} True\n"


WORKERS = """
import multiprocessing
import numpy as np
import synthgen

def shard(number):
    return [source[i] for i in range(number, len(source), 2)]

if __name__ == "__main__":
    task = synthgen.get(sys.argv[1])
    task.batch(3000, threads=2)
    source = task.source(5, 40, start=7, split="train", difficulty=1)
    batch = task.batch(40, 5, start=7, split="train", difficulty=1, threads=2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        parts = pool.map(shard, [0, 1])
    rows = [parts[i % 2][i // 2] for i in range(40)]
    print(all(np.array_equal(rows[i]["input_ids"], batch.input_ids[i, :n]) for i, n in enumerate(batch.lengths)))
    print(all(np.array_equal(rows[i]["labels"], batch.labels[i, :n]) for i, n in enumerate(batch.lengths)))
"""


@pytest.mark.parametrize("name", TASKS)
def test_forked_workers_share_a_source(name: str) -> None:
    assert run(WORKERS, name).split() == ["True", "True"]


# Signals come again and again, and the third that finds the main thread at the same place of the library ends it. A
# call that did not look out for signals would see them only when it is over, and come to its end.
INTERRUPTED = """
import signal, threading
import synthgen
from synthgen import data

places = []

def interrupt(number, frame):
    places.append((frame.f_code.co_filename, frame.f_lasti))
    if "synthgen" in places[-1][0] and places.count(places[-1]) == 3:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

def send():
    while True:
        threading.Event().wait(0.05)
        signal.raise_signal(signal.SIGINT)

task, threads = synthgen.get(sys.argv[1]), int(sys.argv[3])
mixture = synthgen.mix(dict.fromkeys(synthgen.tasks(), 1.0), difficulty=3)
width = task.batch(0, difficulty=3).input_ids.shape[1]
large = synthgen.tasks()[sys.argv[1]].extremes[1]
long = {"split": "test", "dtype": "uint16", "threads": threads}
calls = {
    "batch": lambda: task.batch(2**28 // width, difficulty=3, **long),
    "packed": lambda: task.packed(2**27 // width, width, difficulty=3, **long),
    "mixture": lambda: mixture.batch(2**28 // mixture.batch(0).input_ids.shape[1], **long),
    "narrow": lambda: task.batch(8000, seq_len=1, overflow="truncate", **large, **long),
    "examples": lambda: task.examples(3_000_000, difficulty=3),
    "dataset": lambda: data.generate(data.Plan.make([sys.argv[1]], "4B", shard_tokens=10**9), sys.argv[4]),
}
signal.signal(signal.SIGINT, interrupt)
threading.Thread(target=send, daemon=True).start()
try:
    calls[sys.argv[2]]()
except KeyboardInterrupt:
    print("interrupted")
else:
    print("the call came to its end")
"""

CALLS = [
    ("batch", 1),
    ("batch", 2),
    ("packed", 1),
    ("packed", 2),
    ("mixture", 2),
    ("narrow", 1),
    ("examples", 1),
    ("dataset", 1),
]


@pytest.mark.parametrize(("kind", "threads"), CALLS)
@pytest.mark.parametrize("name", TASKS)
def test_ctrl_c_ends_a_call_inside_the_native_module(name: str, kind: str, threads: int, tmp_path: Any) -> None:
    assert run(INTERRUPTED, name, kind, str(threads), str(tmp_path / "data")) == "interrupted\n"
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
