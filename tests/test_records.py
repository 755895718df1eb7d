"""Records of a run: what was written is there however the run ended, and a resumed run leaves what any other leaves."""

import csv
import io
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.errors import SynthgenError
from synthgen.train.progress import Progress, figures, line
from synthgen.train.records import LOG, TABLE, Kind, Recorder, WandbSettings

Record = tuple[int, Kind, dict[str, float]]
NAMES = ("loss", "exact_match", "exact_match/difficulty=2", 'a "name", with a comma', "é")

values = st.dictionaries(st.sampled_from(NAMES), st.floats() | st.just(math.nan), max_size=4)
kinds: st.SearchStrategy[Kind] = st.sampled_from(["train", "eval"])
records = st.lists(st.tuples(st.integers(0, 3), kinds, values), max_size=8).map(
    lambda found: [(sum(step for step, _, _ in found[: i + 1]), *found[i][1:]) for i in range(len(found))]
)


def write(directory: Path, made: list[Record], resume: int | None = None) -> None:
    with Recorder(directory, resume_step=resume) as recorder:
        for record in made:
            recorder.record(*record)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k], equal_nan=True) for k in one)


@given(made=records)
@settings(deadline=None, max_examples=60)
def test_both_files_give_back_what_was_recorded(made: list[Record], tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("run")
    write(directory, made)
    assert set(files(directory)) == {TABLE, LOG}
    table = list(csv.DictReader(io.StringIO((directory / TABLE).read_text())))
    log = [json.loads(text, parse_constant=pytest.fail) for text in (directory / LOG).read_text().splitlines()]
    assert len(table) == len(log) == len(made)
    for (step, kind, found), row, entry in zip(made, table, log, strict=True):
        assert (int(row.pop("step")), row.pop("kind")) == (entry.pop("step"), entry.pop("kind")) == (step, kind)
        expected = {f"{kind}/{name}": value for name, value in found.items()}
        assert same({name: float(text) for name, text in row.items() if text}, expected)
        assert same({name: float(value) for name, value in entry.items()}, expected)


@given(made=records, data=st.data())
@settings(deadline=None, max_examples=100)
def test_a_resumed_run_leaves_what_an_undisturbed_one_leaves(
    made: list[Record], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole, broken = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("broken")
    write(whole, made)
    done = data.draw(st.integers(0, len(made)))
    write(broken, made[:done])
    # A checkpoint of this step was saved; all that belongs to later steps may be torn anywhere, or lost.
    saved = data.draw(st.sampled_from([-1, *(step for step, _, _ in made[:done])]))
    kept = b"".join((broken / LOG).read_bytes().splitlines(keepends=True)[: sum(r[0] <= saved for r in made[:done])])
    log, table = (broken / LOG).read_bytes(), (broken / TABLE).read_bytes()
    (broken / LOG).write_bytes(log[: data.draw(st.integers(len(kept), len(log)))])
    (broken / TABLE).write_bytes(table[: data.draw(st.integers(0, len(table)))])
    (broken / "metrics.csv.0123456789abcdef.tmp").write_bytes(b"step,ki")
    write(broken, [record for record in made if record[0] > saved], resume=saved)
    # Steps up to `saved` that were recorded after the checkpoint are none of a run that keeps to the order.
    if all(record[0] > saved for record in made[done:]):
        assert files(broken) == files(whole)


def test_columns_come_later(tmp_path: Path) -> None:
    write(
        tmp_path,
        [(1, "train", {"loss": 0.5}), (1, "eval", {"hops=2": math.nan, "n": -math.inf}), (2, "train", {"loss": 3})],
    )
    assert (tmp_path / TABLE).read_text().splitlines() == [
        "step,kind,train/loss,eval/hops=2,eval/n",
        "1,train,0.5,,",
        "1,eval,,nan,-inf",
        "2,train,3.0,,",
    ]
    assert (tmp_path / LOG).read_text().splitlines()[1] == (
        '{"step": 1, "kind": "eval", "eval/hops=2": "nan", "eval/n": "-inf"}'
    )


def test_a_killed_process_leaves_whole_records(tmp_path: Path) -> None:
    script = (
        "import itertools, pathlib, sys\n"
        "from synthgen.train.records import Recorder\n"
        "with Recorder(pathlib.Path(sys.argv[1])) as recorder:\n"
        "    for step in itertools.count():\n"
        "        recorder.record(step, 'train', {'loss': step / 7, f'new/{step // 100}': 1.0})\n"
        "        if step == 500: print('many', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"many\n"
        child.send_signal(signal.SIGKILL)
    again = tmp_path / "again"
    write(tmp_path, [], resume=500)
    write(again, [(step, "train", {"loss": step / 7, f"new/{step // 100}": 1.0}) for step in range(501)])
    assert {name: (tmp_path / name).read_bytes() for name in (TABLE, LOG)} == files(again)


def test_records_are_there_while_the_run_goes_on(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for step in range(3):
            recorder.record(step, "train", {"loss": 0.5})
            recorder.sync()
            assert len((tmp_path / TABLE).read_text().splitlines()) == step + 2
            assert len((tmp_path / LOG).read_text().splitlines()) == step + 1


def test_refusals_show_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every: list[tuple[str, dict[str, Any]]] = [
        ("tensorboardX", {"tensorboard": True}),
        ("wandb", {"wandb": WandbSettings("p")}),
    ]
    for package, asked in every:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SynthgenError, match=rf"pip install 'synthgen-lm\[{next(iter(asked))}\]'"):
            Recorder(tmp_path / "none", **asked)
        assert not (tmp_path / "none").exists()
    with Recorder(tmp_path) as recorder:
        recorder.record(5, "train", {"loss": 1})
        with pytest.raises(SynthgenError, match=r"step = 4; allowed: an integer in 5\.\."):
            recorder.record(4, "train", {"loss": 1})
        with pytest.raises(SynthgenError, match="printable"):
            recorder.record(6, "train", {"two\nlines": 1})
    with pytest.raises(SynthgenError, match="resume that run, or choose another directory"):
        Recorder(tmp_path)
    (tmp_path / LOG).write_text('{"step": 1, "kind": "train"}\nnonsense\n{"step": 2, "kind": "train"}\n')
    with pytest.raises(SynthgenError, match="line 2 is no record"):
        Recorder(tmp_path, resume_step=9)


def events(directory: Path) -> Iterator[tuple[int, str, float]]:
    """Step, tag and value of all scalars that TensorBoard would show, purged ones left out."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found: list[tuple[int, str, float]] = []
    for path in sorted(directory.glob("events.*")):
        content = path.read_bytes()
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + size])
            content = content[16 + size :]
            if event.session_log.status == SessionLog.START:
                found = [one for one in found if one[0] < event.step]
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    yield from found


def test_tensorboard_has_the_same_records_and_forgets_what_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(steps: range, resume: int | None) -> None:
        with Recorder(tmp_path, tensorboard=True, resume_step=resume) as recorder:
            for step in steps:
                recorder.record(step, "train", {"loss": step / 4})

    # A second has one file, named after it.
    for start, (steps, resume) in enumerate([(range(6), None), (range(4, 8), 3)]):
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda start=start: 1e9 + start)
            run(steps, resume)
    assert list(events(tmp_path / "tensorboard")) == [(step, "train/loss", step / 4) for step in range(8)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((0, 10, {}, None), "  0%  step 0 of 10"),
        (
            (1200, 20000, {"loss": 2.31447, "tokens_per_second": 1.25e6, "lr": 0.1}, 740.0),
            "  6%  step 1,200 of 20,000, loss 2.3145, 1.2M tokens/s, 12 min left",
        ),
        (
            (9, 10, {"loss": math.nan, "tokens_per_second": 40}, 59.6),
            " 90%  step 9 of 10, loss nan, 40 tokens/s, 60 s left",
        ),
        ((1, 3, {}, 5 * 3600 + 119), " 33%  step 1 of 3, 5 h 2 min left"),
        ((1, 3, {}, 100 * 3600), " 33%  step 1 of 3, 4 d left"),
    ],
)
def test_the_line_says_how_far_it_is(asked: Any, expected: str) -> None:
    assert line(*asked) == expected


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time, as a list of one number that may be set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((60, 20)))
    monkeypatch.delenv("COLUMNS", raising=False)
    return now


def train(stream: io.StringIO, clock: list[float], *, quiet: bool = False) -> str:
    """Take 100 steps of a second each, with an evaluation after half of them."""
    with Progress(100, quiet=quiet, stream=stream) as progress:
        for step in range(1, 101):
            progress.step(step, {"loss": 1 / step})
            if step == 50:
                progress.evaluated(step, {"loss": 0.25, "exact_match": 0.5, "exact_match/hops=2": 0.5})
            clock[0] += 1
    return stream.getvalue()


def test_plain_lines_come_every_so_often(clock: list[float]) -> None:
    lines = train(io.StringIO(), clock).splitlines()
    assert lines[:2] == ["  1%  step 1 of 100, loss 1.0000", " 11%  step 11 of 100, loss 0.0909, 89 s left"]
    assert (
        lines[5]
        == figures(50, {"loss": 0.25, "exact_match": 0.5})
        == "step 50 evaluated: loss 0.2500, exact_match 0.5000"
    )
    assert lines[-1] == "100%  step 100 of 100, loss 0.0100, 0 s left"
    assert len(lines) == 12


def test_a_terminal_shows_one_line_and_the_evaluations(clock: list[float]) -> None:
    shown = train(Terminal(), clock)
    assert shown.count("\n") == 2
    assert shown.endswith("100%  step 100 of 100, loss 0.0100, 0 s left\x1b[K\n")
    before, after = shown.split("step 50 evaluated: loss 0.2500, exact_match 0.5000\x1b[K\n")
    assert before.endswith("50 s left\x1b[K\r")
    assert after.startswith(" 50%  step 50 of 100, loss 0.0200, 50 s left\r")
    assert max(map(len, shown.replace("\x1b[K", "").replace("\n", "\r").split("\r"))) < 60


def test_quiet_says_nothing(clock: list[float]) -> None:
    assert train(io.StringIO(), clock, quiet=True) == train(Terminal(), clock, quiet=True) == ""
