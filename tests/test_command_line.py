"""The command line: what it prints, what it refuses, the datasets that it writes, and what their verification finds."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen.cli import bench, main
from synthgen.data.files import npy_bytes, sha256
from synthgen.data.generate import Plan, generate, shard_files, write_shard
from synthgen.data.verify import verify

TASKS = tuple(synthgen.tasks())
every_task = pytest.mark.parametrize("name", TASKS)
Cli = Callable[..., tuple[int, str, str]]
ANSI = re.compile("\x1b\\[[0-9]+m")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line here; return its exit status and what it printed."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def refused(result: tuple[int, str, str], *hints: str) -> None:
    """Hold a call to have been refused with a message of one line, which names what would do."""
    status, _, err = result
    assert status == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for hint in hints:
        assert hint in err


def test_list_names_every_task(cli: Cli) -> None:
    status, out, err = cli("list")
    assert (status, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [
        [task.name, f"v{task.version}"] for task in synthgen.tasks().values()
    ]


def test_list_names_every_parameter(cli: Cli) -> None:
    status, out, _ = cli("list", "--params")
    wanted = [f"--{param.name.replace('_', '-')}" for task in synthgen.tasks().values() for param in task.params]
    assert status == 0
    assert re.findall(r"^ +(--[a-z-]+)", out, re.MULTILINE) == wanted
    for task in synthgen.tasks().values():
        for param in task.params:
            assert f"{param.doc}\n" in out
            assert f"default {param.default}; {param.allowed}\n" in out


def shown(name: str, n: int, **asked: Any) -> list[str]:
    """Spell rows as `show` should without colour."""
    batch, pieces = synthgen.get(name).batch(n, 42, **asked), synthgen.get(name).vocab.pieces
    lines = []
    for ids, mask, length in zip(batch.input_ids, batch.loss_mask, batch.lengths, strict=True):
        row = zip(ids[:length], mask[:length], strict=True)
        lines.append("".join(f"[{pieces[i]}]" if predicted else pieces[i] for i, predicted in row))
    return lines


@every_task
@pytest.mark.parametrize("split", [None, "test"])
def test_show_marks_what_is_predicted(cli: Cli, name: str, split: str | None) -> None:
    words = ["show", name, "--rows", 4, "--start", 3, "--difficulty", 2, *(["--split", split] if split else [])]
    status, out, err = cli(*words)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    assert out.splitlines()[3::3] == shown(name, 4, start=3, difficulty=2, split=split)
    assert out.count(", valid)") == 4
    assert cli(*words, "--color", "never")[1] == out


@every_task
def test_show_in_colour_has_the_same_text(cli: Cli, name: str) -> None:
    plain = shown(name, 2)
    _, out, _ = cli("show", name, "--rows", 2, "--color", "always")
    assert ANSI.search(out)
    batch = synthgen.get(name).batch(2, 42)
    for i, line in enumerate(out.splitlines()[3::3]):
        assert line.count("\x1b[92m") == batch.loss_mask[i].sum()
        assert line.count("\x1b[2m") == batch.lengths[i] - batch.loss_mask[i].sum()
        assert (
            re.sub("\x1b\\[92m(.*?)\x1b\\[0m", r"[\1]", line).replace("\x1b[2m", "").replace("\x1b[0m", "") == plain[i]
        )


@every_task
def test_show_prints_ids_and_metadata(cli: Cli, name: str) -> None:
    batch = synthgen.get(name).batch(2, 7)
    _, out, _ = cli("show", name, "--rows", 2, "--seed", 7, "--ids", "--metadata")
    ids = [[int(word) for word in line.split()[1:]] for line in out.splitlines() if line.startswith("ids: ")]
    assert ids == [batch.input_ids[i, : batch.lengths[i]].tolist() for i in range(2)]
    for i in range(2):
        assert batch.example(i)["sample_id"] in out
        for key, value in batch.metadata(i).items():
            assert f"    {key}: {value}\n" in out


@pytest.mark.parametrize(
    ("name", "words", "params"),
    [
        ("dyna", ["--state-size", "5,7", "--num-ops=3"], {"state_size": (5, 7), "num_ops": 3}),
        ("dyna", ["--symbolic-names", "false"], {"symbolic_names": False}),
        ("dyna", ["--query-kind", "element", "--effective-depth", "none"], {"query_kind": "element"}),
        ("depo", ["--n-max", "6", "--qa", "--k-max", "4"], {"n_max": 6, "qa": True, "k_max": 4}),
        ("depo", ["--k-set", "1,2,2", "--separator", "TRUE"], {"k_set": [1, 2, 2], "separator": True}),
        ("depo", ["--k-set", "3,", "--fixed-k", "null"], {"k_set": [3]}),
    ],
)
def test_show_takes_the_parameters_of_the_task(cli: Cli, name: str, words: list[str], params: dict[str, Any]) -> None:
    status, out, _ = cli("show", name, *words)
    assert status == 0
    assert out.splitlines()[3::3] == shown(name, 3, **params)


def test_show_says_the_way_out_of_a_bad_request(cli: Cli) -> None:
    refused(cli("show", "dina"), 'did you mean "dyna"?', *TASKS)
    refused(cli("show", "dyna", "--state-sise", "5"), "state_sise", 'did you mean "state_size"?', "num_ops")
    refused(cli("show", "dyna", "--num-ops", "0"), "num_ops = 0", "1..=512")
    refused(cli("show", "dyna", "--num-ops", "many"), "num_ops", "1..=512")
    refused(cli("show", "dyna", "--num-ops", "3", "7"), "'7'", "--name value")
    refused(cli("show", "dyna", "--rows", "-1"), "n = -1", "0..=")
    refused(cli("show", "dyna", "--difficulty", "4"), "difficulty = 4", "1..=3")
    refused(cli("show", "dyna", "--seed", "-1"), "seed = -1")


@pytest.mark.parametrize("words", [[], ["lst"], ["list", "--parms"], ["show"], ["generate"], ["verify", "a", "b"]])
def test_wrong_usage_has_status_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: synthgen")


def test_bench_measures_every_task_at_every_level(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench, "FILL_ELEMENTS", 2**16)
    status, out, _ = cli("bench", "--json")
    found = json.loads(out)
    assert status == 0
    assert [(one["task"], one["level"]) for one in found] == [(name, level) for name in TASKS for level in (1, 2, 3)]
    for one in found:
        batch = synthgen.get(one["task"]).batch(1024, 0, difficulty=one["level"], split="train")
        assert one["tokens_per_row"] == batch.lengths.sum() / 1024
        assert min(one["tokens_per_s"], one["of_memory_fill"], one["threads"]) > 0
    assert len(cli("bench")[1].splitlines()) == 2 + len(found)


# Datasets.


def files(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def manifest_of(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "manifest.json").read_bytes())
    return found


def lines(root: Path, shard: dict[str, Any]) -> list[dict[str, Any]]:
    (name,) = (name for name, file in shard["files"].items() if file["kind"] == "jsonl")
    return [json.loads(line) for line in (root / name).read_text().splitlines()]


def arrays(root: Path, shard: dict[str, Any]) -> tuple[Any, Any]:
    named = {file["kind"]: root / name for name, file in shard["files"].items()}
    return np.load(named["tokens"]), np.load(named["rows"])


KINDS = ["merged", *TASKS]
FORMATS = ["jsonl,npy", "jsonl", "npy"]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_format = pytest.mark.parametrize("fmt", FORMATS)


def command(kind: str, fmt: str, root: Path, *more: object) -> list[object]:
    words = ["merged"] if kind == "merged" else ["single", kind]
    return ["generate", *words, "--total-tokens", "200K", "--format", fmt, "--output-dir", root, "--quiet", *more]


def plan(kind: str, fmt: str = "jsonl,npy", **more: Any) -> Plan:
    names = TASKS if kind == "merged" else [kind]
    return Plan.make(names, 200_000, formats=fmt.split(","), joint=kind == "merged", **more)


@every_kind
@every_format
@pytest.mark.parametrize("shard_tokens", [4_000_000, 50_000])
def test_a_dataset_keeps_its_plan(cli: Cli, tmp_path: Path, kind: str, fmt: str, shard_tokens: int) -> None:
    root = tmp_path / "deep" / "data"
    status, out, _ = cli(*command(kind, fmt, root, "--shard-tokens", shard_tokens))
    assert status == 0
    manifest, planned = manifest_of(root), plan(kind, fmt, shard_tokens=shard_tokens)
    named = {name for shard in planned.shards() for name in shard_files(planned, shard).values()}
    assert files(root).keys() == named | {"manifest.json", "vocab.json"}
    assert manifest["plan"] == json.loads(json.dumps(planned.describe()))
    assert f"{sum(shard['tokens'] for shard in manifest['shards']):,} tokens" in out
    seen: list[str] = []
    for shard, entry in zip(planned.shards(), manifest["shards"], strict=True):
        assert (entry["split"], entry["number"], entry["of"]) == (shard.split, shard.number, shard.of)
        assert entry["files"].keys() == set(shard_files(planned, shard).values())
        for name, file in entry["files"].items():
            assert (file["bytes"], file["sha256"]) == ((root / name).stat().st_size, sha256(root / name))
        if "npy" in fmt:
            check_tokens(root, planned, shard.budgets, entry)
        if "jsonl" in fmt:
            seen += check_lines(root, planned, entry)
    assert len(set(seen)) == len(seen)
    for split in ("train", "validation", "test"):
        budgets = [shard.budgets for shard in planned.shards() if shard.split == split]
        for cell, parts in zip(planned.cells(), zip(*budgets, strict=True), strict=True):
            assert sum(parts) == round(planned.budget(split, cell.level))
    assert cli("verify", root)[0] == 0
    assert verify(root).rows == sum(shard["rows"] for shard in manifest["shards"])


def check_tokens(root: Path, planned: Plan, budgets: tuple[int, ...], entry: dict[str, Any]) -> None:
    """Hold a token shard to its budgets, and its rows to lie end to end."""
    ids, rows = arrays(root, entry)
    assert (ids.dtype, rows.dtype) == (np.uint16, np.int64)
    assert rows.shape == (entry["rows"], 3)
    assert len(ids) == entry["tokens"] == rows[:, 1].sum()
    assert (rows[:, 0] == np.cumsum(rows[:, 1]) - rows[:, 1]).all()
    assert len(budgets) == len(planned.cells())
    for cell, budget in enumerate(budgets):
        lengths = rows[rows[:, 2] == cell, 1]
        assert lengths[:-1].sum() < budget <= lengths.sum()


def check_lines(root: Path, planned: Plan, entry: dict[str, Any]) -> list[str]:
    """Hold JSON lines to their form, and to the tokens beside them; return their names."""
    found = lines(root, entry)
    assert len(found) == entry["rows"]
    text = dict.fromkeys(["input_text", "target", "task", "split", "sample_id", "metadata"], str)
    for record in found:
        assert {key: type(value) for key, value in record.items()} == text | {"difficulty": int}
        assert record["split"] == entry["split"]
        metadata = record["metadata"]
        wanted = json.dumps(json.loads(metadata), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert metadata == wanted
    if "npy" in planned.formats:
        pieces = json.loads((root / "vocab.json").read_bytes())["pieces"]
        ids, rows = arrays(root, entry)
        for record, (start, length, cell) in zip(found, rows, strict=True):
            assert (record["task"], record["difficulty"]) == (planned.cells()[cell].task, planned.cells()[cell].level)
            assert record["input_text"] in "".join(pieces[i] for i in ids[start : start + length])
    return [record["sample_id"] for record in found]


@every_kind
def test_one_plan_gives_one_dataset(cli: Cli, tmp_path: Path, kind: str) -> None:
    planned = plan(kind, shard_tokens=50_000)
    generate(planned, tmp_path / "a")
    cli(*command(kind, "npy,jsonl", tmp_path / "b", "--shard-tokens", 50_000))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    for shard in reversed(planned.shards()):
        write_shard(planned, shard, tmp_path / "alone")
    whole = files(tmp_path / "a")
    assert files(tmp_path / "alone") == {name: whole[name] for name in whole if "/" in name}
    cli(*command(kind, "jsonl,npy", tmp_path / "other", "--shard-tokens", 50_000, "--seed", 43))
    other = files(tmp_path / "other")
    assert not {other[name] for name in whole if "/" in name} & set(whole.values())


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pristine") / "data"
    generate(plan("merged", shard_tokens=50_000), root)
    return root


@pytest.fixture
def data(pristine: Path, tmp_path: Path) -> Path:
    """A dataset of its own for a test to spoil."""
    return Path(shutil.copytree(pristine, tmp_path / "data"))


def settle(root: Path) -> None:
    """Make the manifest agree with the files again, as far as sizes, hashes and counts go."""
    manifest = manifest_of(root)
    for shard in manifest["shards"]:
        shard["rows"], shard["tokens"] = len(lines(root, shard)), len(arrays(root, shard)[0])
        for name, file in shard["files"].items():
            file |= {"bytes": (root / name).stat().st_size, "sha256": sha256(root / name)}
    (root / "manifest.json").write_text(json.dumps(manifest))


def found_wrong(cli: Cli, root: Path, problem: str, *, invalid: int = 0, leaked: int = 0) -> None:
    status, out, _ = cli("verify", root)
    assert status == 1
    assert out.endswith("FAILED\n")
    assert problem in out
    assert f"invalid rows {invalid}   rows in a wrong split {leaked} " in out


def test_a_settled_dataset_is_right(cli: Cli, data: Path) -> None:
    settle(data)
    status, out, _ = cli("verify", data)
    assert status == 0
    assert "invalid rows 0   rows in a wrong split 0   problems 0" in out


def test_verification_finds_one_changed_byte_in_any_file(cli: Cli, data: Path, pristine: Path) -> None:
    for number, name in enumerate(sorted(files(data).keys() - {"manifest.json"})):
        content = bytearray((data / name).read_bytes())
        content[(number * 7919) % len(content)] ^= 1
        (data / name).write_bytes(content)
        found_wrong(cli, data, f"{name}: its hash differs")
        (data / name).unlink()
        found_wrong(cli, data, f"{name}: missing")
        shutil.copy(pristine / name, data / name)
    assert cli("verify", data)[0] == 0


def edit_line(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    first, *rest = path.read_text().splitlines(keepends=True)
    record = json.loads(first)
    change(record)
    path.write_text("".join([json.dumps(record) + "\n", *rest]))


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "target": lambda row: row.update(target=f"{row['target']}{row['target']}"),
    "prompt": lambda row: row.update(input_text=row["input_text"][:-1]),
    "task": lambda row: row.update(task="none"),
    "level": lambda row: row.update(difficulty=row["difficulty"] + 1),
    "split": lambda row: row.update(split="train"),
    "form": lambda row: row.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_verification_reads_every_line_again(cli: Cli, data: Path, change: str) -> None:
    edit_line(data / "jsonl" / "test-00000-of-00001.jsonl", CHANGES[change])
    settle(data)
    found_wrong(cli, data, "test-00000-of-00001.jsonl: row 0:", invalid=1)


def test_verification_reads_every_answer_again(cli: Cli, data: Path) -> None:
    path = data / "npy" / "validation-00000-of-00001"
    ids, (_, length, _) = np.load(f"{path}.npy"), np.load(f"{path}.rows.npy")[0]
    ids[length - 2 : length] = ids[length - 1]  # the last answer becomes another <eos>
    Path(f"{path}.npy").write_bytes(npy_bytes(ids))
    settle(data)
    found_wrong(cli, data, f"{path.name}.npy: row 0:", invalid=1)


def test_verification_counts_rows_that_leak(cli: Cli, data: Path) -> None:
    manifest = manifest_of(data)
    train, test = (next(s for s in manifest["shards"] if s["split"] == split) for split in ("train", "test"))
    # The last row of a shard moves to the end of another split, tokens and line.
    (ids, rows), records = arrays(data, train), lines(data, train)
    (more_ids, more_rows), more_records = arrays(data, test), lines(data, test)
    start, length, cell = rows[-1]
    moved = [[len(more_ids), length, cell]]
    more_ids, more_rows = np.append(more_ids, ids[start:]), np.concatenate([more_rows, moved])
    more_records.append(records.pop() | {"split": "test"})
    for shard, tokens, index, texts in (
        (train, ids[:start], rows[:-1], records),
        (test, more_ids, more_rows, more_records),
    ):
        content = {"tokens": npy_bytes(tokens), "rows": npy_bytes(index)}
        content["jsonl"] = "".join(json.dumps(text) + "\n" for text in texts).encode()
        for name, file in shard["files"].items():
            (data / name).write_bytes(content[file["kind"]])
    settle(data)
    found_wrong(cli, data, "its content belongs to train", leaked=2)


def spoil(data: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = manifest_of(data)
    change(manifest)
    (data / "manifest.json").write_text(json.dumps(manifest))


def test_verification_holds_the_manifest_to_the_plan(cli: Cli, data: Path) -> None:
    spoil(data, lambda manifest: manifest["shards"].pop())
    found_wrong(cli, data, "5 shards, the plan has 6")
    spoil(data, lambda manifest: manifest["plan"]["cells"][0].update(version=99))
    refused(cli("verify", data), "version 99")
    spoil(data, lambda manifest: manifest.update(format=2))
    refused(cli("verify", data), "format 1")
    (data / "manifest.json").write_text("{")
    refused(cli("verify", data), "cannot be read")
    (data / "manifest.json").unlink()
    refused(cli("verify", data), "no manifest.json")
    refused(cli("verify", data / "vocab.json"), "cannot be read")
