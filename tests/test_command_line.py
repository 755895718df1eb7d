"""The command line: what it prints, what it refuses, the datasets that it writes, and what their verification finds."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen.cli import bench, main
from synthgen.data.files import npy_bytes, sha256
from synthgen.data.generate import generate, shard_files, write_shard
from synthgen.data.plan import Plan
from synthgen.data.verify import verify

from tests.public_cases import few, splits

TASKS = tuple(synthgen.tasks())
every_task = pytest.mark.parametrize("name", TASKS)
Cli = Callable[..., tuple[int, str, str]]


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


def test_list_names_every_task_and_parameter(cli: Cli) -> None:
    tasks = synthgen.tasks().values()
    status, out, err = cli("list")
    assert (status, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [[task.name, f"v{task.version}"] for task in tasks]
    _, out, _ = cli("list", "--params")
    params = [param for task in tasks for param in task.params]
    found = re.findall(r"^ +--([a-z0-9-]+) +(.+)\n +default (.+?); (.+)$", out, re.MULTILINE)
    assert found == [(p.name.replace("_", "-"), p.doc, str(p.default), p.allowed) for p in params]


def shown(name: str, n: int, **asked: Any) -> list[str]:
    """Spell rows as `show` should without colour."""
    batch, pieces = synthgen.get(name).batch(n, 42, **asked), synthgen.get(name).vocab.pieces
    lines = []
    for ids, mask, length in zip(batch.input_ids, batch.loss_mask, batch.lengths, strict=True):
        row = zip(ids[:length], mask[:length], strict=True)
        lines.append("".join(f"[{pieces[i]}]" if predicted else pieces[i] for i, predicted in row))
    return lines


@every_task
@pytest.mark.parametrize("free", [True, False])
def test_show_marks_what_is_predicted(cli: Cli, name: str, free: bool) -> None:
    split = None if free else splits(name)[-1]
    words = ["show", name, "--rows", 4, "--start", 3, "--difficulty", 2, *(["--split", split] if split else [])]
    status, out, err = cli(*words)
    assert (status, err, out.count("\x1b")) == (0, "", 0)
    assert out.splitlines()[3::3] == shown(name, 4, start=3, difficulty=2, split=split)
    assert out.count(", valid)") == 4
    assert cli(*words, "--color", "never")[1] == out
    coloured = cli(*words, "--color", "always")[1].splitlines()[3::3]
    bracketed = [re.sub("\x1b\\[92m(.*?)\x1b\\[0m", r"[\1]", line) for line in coloured]
    assert all("\x1b[2m" in line for line in bracketed)
    assert [re.sub("\x1b\\[[0-9]+m", "", line) for line in bracketed] == out.splitlines()[3::3]


@every_task
def test_show_prints_ids_and_metadata(cli: Cli, name: str) -> None:
    batch = synthgen.get(name).batch(2, 7)
    _, out, _ = cli("show", name, "--rows", 2, "--seed", 7, "--ids", "--metadata")
    for i in range(2):
        ids = " ".join(map(str, batch.input_ids[i, : batch.lengths[i]]))
        facts = [f"    {key}: {value}\n" for key, value in sorted(batch.metadata(i).items())]
        assert f"ids: {ids}\n{''.join(facts)}" in out
        assert batch.example(i)["sample_id"] in out


SHOW: dict[str, dict[str, Any]] = {
    "dyna --state-size 5,7 --num-ops=3": {"state_size": (5, 7), "num_ops": 3},
    "dyna --symbolic-names false": {"symbolic_names": False},
    "dyna --query-kind element --effective-depth none": {"query_kind": "element"},
    "depo --n-max 6 --qa --k-max 4": {"n_max": 6, "qa": True, "k_max": 4},
    "depo --k-set 1,2,2 --separator TRUE": {"k_set": [1, 2, 2], "separator": True},
}


@pytest.mark.parametrize("words", SHOW)
def test_show_takes_the_parameters_of_the_task(cli: Cli, words: str) -> None:
    _, out, _ = cli("show", *words.split())
    assert out.splitlines()[3::3] == shown(words[:4], 3, **SHOW[words])


def test_show_says_the_way_out_of_a_bad_request(cli: Cli) -> None:
    refused(cli("show", "dina"), 'did you mean "dyna"?', *TASKS)
    refused(cli("show", "dyna", "--state-sise", "5"), "state_sise", 'did you mean "state_size"?', "num_ops")
    refused(cli("show", "dyna", "--num-ops", "0"), "num_ops = 0", "1..=512")
    refused(cli("show", "dyna", "--num-ops", "many"), "num_ops", "1..=512")
    refused(cli("show", "dyna", "--num-ops", "3", "7"), "'7'", "--name value")
    refused(cli("show", "dyna", "--rows", "-1"), "--rows = -1", "1 or more")
    refused(cli("show", "dyna", "--difficulty", "4"), "difficulty = 4", "1..=3")


@pytest.mark.parametrize("words", [[], ["lst"], ["list", "--parms"], ["show"], ["generate"], ["verify", "a", "b"]])
def test_wrong_usage_has_status_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: synthgen")


def test_bench_measures_every_task_at_every_level(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench, "FILL_ELEMENTS", 2**16)
    found = json.loads(cli("bench", "--json")[1])
    assert [(one["task"], one["level"]) for one in found] == [(name, level) for name in TASKS for level in (1, 2, 3)]
    for one in found:
        lengths = synthgen.get(one["task"]).batch(1024, difficulty=one["level"], split="train").lengths
        assert one["tokens_per_row"] == lengths.sum() / 1024
        assert min(one["tokens_per_s"], one["of_memory_fill"], one["threads"]) > 0


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


FEW = few()
every_kind = pytest.mark.parametrize("kind", ["merged", *FEW])


def command(kind: str, fmt: str, root: Path, *more: object) -> list[object]:
    words = ["merged", "--tasks", ",".join(FEW)] if kind == "merged" else ["single", kind]
    return ["generate", *words, "--total-tokens", "200K", "--format", fmt, "--output-dir", root, "--quiet", *more]


def plan(kind: str, fmt: str = "jsonl,npy", **more: Any) -> Plan:
    names = FEW if kind == "merged" else [kind]
    return Plan.make(names, 200_000, formats=fmt.split(","), joint=kind == "merged", **more)


@every_kind
@pytest.mark.parametrize("fmt", ["jsonl,npy", "jsonl", "npy"])
@pytest.mark.parametrize("shard_tokens", [4_000_000, 50_000])
def test_a_dataset_keeps_its_plan(cli: Cli, tmp_path: Path, kind: str, fmt: str, shard_tokens: int) -> None:
    root = tmp_path / "deep" / "data"
    status, out, _ = cli(*command(kind, fmt, root, "--shard-tokens", shard_tokens))
    assert status == 0
    manifest, planned = manifest_of(root), plan(kind, fmt, shard_tokens=shard_tokens)
    named = {name for shard in planned.shards() for name in shard_files(planned, shard).values()}
    if (kind, fmt, shard_tokens) == ("dyna", "jsonl", 4_000_000):
        assert named == {"train.jsonl", "validation.jsonl", "test.jsonl"}
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
            check_tokens(root, shard.budgets, entry)
        if "jsonl" in fmt:
            seen += check_lines(root, planned, entry)
    assert len(set(seen)) == len(seen)
    for split in ("train", "validation", "test"):
        budgets = [shard.budgets for shard in planned.shards() if shard.split == split]
        for cell, parts in zip(planned.cells(), zip(*budgets, strict=True), strict=True):
            assert sum(parts) == round(planned.budget(split, cell))
    assert cli("verify", root)[0] == 0
    assert verify(root).rows == sum(shard["rows"] for shard in manifest["shards"])


def check_tokens(root: Path, budgets: tuple[int, ...], entry: dict[str, Any]) -> None:
    """Hold a token shard to its budgets, and its rows to lie end to end."""
    ids, rows = arrays(root, entry)
    assert (ids.dtype, rows.dtype) == (np.uint16, np.int64)
    assert rows.shape == (entry["rows"], 3)
    assert len(ids) == entry["tokens"] == rows[:, 1].sum()
    assert (rows[:, 0] == np.cumsum(rows[:, 1]) - rows[:, 1]).all()
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
        facts = json.loads(record["metadata"])
        assert record["metadata"] == json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    generate(plan("merged", shard_tokens=50_000), tmp_path / "data")
    return tmp_path / "data"


def settle(root: Path) -> None:
    """Make the manifest agree with the files again, as far as sizes, hashes and counts go."""
    manifest = manifest_of(root)
    for shard in manifest["shards"]:
        shard["rows"], shard["tokens"] = len(lines(root, shard)), len(arrays(root, shard)[0])
        for name, file in shard["files"].items():
            file |= {"bytes": (root / name).stat().st_size, "sha256": sha256(root / name)}
    (root / "manifest.json").write_text(json.dumps(manifest))


def found_wrong(cli: Cli, root: Path, problem: str, *, invalid: int | None = 0, leaked: int = 0) -> None:
    status, out, _ = cli("verify", root)
    assert (status, out.splitlines()[-1]) == (1, "FAILED")
    assert problem in out
    counts = "" if invalid is None else f"invalid rows {invalid}   rows in a wrong split {leaked} "
    assert counts in out


def test_verification_finds_one_changed_byte_in_any_file(cli: Cli, data: Path) -> None:
    for number, (name, whole) in enumerate(sorted(files(data).items())):
        if name != "manifest.json":
            content = bytearray(whole)
            content[(number * 7919) % len(content)] ^= 1
            (data / name).write_bytes(content)
            found_wrong(cli, data, f"{name}: differs from what its plan gives", invalid=None)
            (data / name).unlink()
            found_wrong(cli, data, f"{name}: missing")
            (data / name).write_bytes(whole)
    assert cli("verify", data)[0] == 0


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
    path = data / "jsonl" / "test-00000-of-00001.jsonl"
    first, *rest = path.read_text().splitlines(keepends=True)
    record = json.loads(first)
    CHANGES[change](record)
    path.write_text("".join([json.dumps(record) + "\n", *rest]))
    settle(data)
    found_wrong(cli, data, "test-00000-of-00001.jsonl: row 0:", invalid=1)


def test_verification_reads_every_answer_again(cli: Cli, data: Path) -> None:
    path = data / "npy" / "validation-00000-of-00001"
    ids, (_, length, _) = np.load(f"{path}.npy"), np.load(f"{path}.rows.npy")[0]
    ids[length - 2 : length] = ids[length - 1]  # the last answer becomes another <eos>
    Path(f"{path}.npy").write_bytes(npy_bytes(ids))
    settle(data)
    found_wrong(cli, data, f"{path.name}.npy: row 0:", invalid=1)


def rewrite(root: Path, shard: dict[str, Any], ids: Any, rows: Any, records: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(record) + "\n" for record in records)
    content = {"tokens": npy_bytes(ids), "rows": npy_bytes(rows), "jsonl": text.encode()}
    for name, file in shard["files"].items():
        (root / name).write_bytes(content[file["kind"]])


def test_verification_counts_rows_that_leak(cli: Cli, data: Path) -> None:
    settle(data)
    assert verify(data).ok
    train, test = (next(s for s in manifest_of(data)["shards"] if s["split"] == split) for split in ("train", "test"))
    # The last row of a shard moves to the end of another split, tokens and line.
    (ids, rows), records = arrays(data, train), lines(data, train)
    (more_ids, more_rows), more_records = arrays(data, test), lines(data, test)
    start, length, cell = rows[-1]
    more_rows = np.append(more_rows, [[len(more_ids), length, cell]], axis=0)
    more_records.append(records.pop() | {"split": "test"})
    rewrite(data, train, ids[:start], rows[:-1], records)
    rewrite(data, test, np.append(more_ids, ids[start:]), more_rows, more_records)
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


BAD = {
    "--total-tokens": ("500K, 10M, 1.5B, 1e9", ["0", "-5", "many", "", "1X", "nan", "inf", "1e99", "0.2", "9" * 500]),
    "--curriculum-weights": ("3 numbers >= 0", ["0 0 0", "1 -1 1", "nan 1 1", "inf 1 1", "1e308 1e308 1e308"]),
    "--split-ratios": ("3 numbers >= 0", ["0 0 0", "1 -1 1", "nan 1 1", "inf 1 1", "1e308 1e308 1e308"]),
    "--format": ("jsonl, npy", ["csv", "", "jsonl,csv", "jsonl,", "NPY"]),
    "--seed": ("0..=", ["-1", str(2**64)]),
    "--shard-tokens": ("1000..=", ["0", "999", "-4000"]),
    "--tasks": ("task", ["dina", "dyna,dina", "", ",", "dyna,dyna"]),
}


@pytest.mark.parametrize("option", BAD)
def test_a_bad_plan_is_refused_before_any_work(cli: Cli, tmp_path: Path, option: str) -> None:
    hint, values = BAD[option]
    for value in values:
        words = value.split() if hint.startswith("3") else [value]
        refused(cli(*command("merged", "npy", tmp_path / "data"), option, *words), hint)
    assert not any(tmp_path.iterdir())


@every_kind
def test_a_dry_run_writes_nothing(cli: Cli, tmp_path: Path, kind: str) -> None:
    status, out, _ = cli(*command(kind, "jsonl,npy", tmp_path / "data", "--dry-run"))
    assert (status, "nothing written" in out) == (0, True)
    for cell in plan(kind).cells():
        assert re.search(rf"{cell.task} +L{cell.level} +train +{plan(kind).budget('train', cell):,.0f} ", out)
    assert not any(tmp_path.iterdir())


def test_only_a_dataset_is_overwritten_and_only_on_request(cli: Cli, data: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("dear reader")
    before = files(tmp_path)
    refused(cli(*command("dyna", "npy", data)), "--overwrite")
    for more in ([], ["--overwrite"]):
        for root in (tmp_path, letter, letter / "data"):
            refused(cli(*command("dyna", "npy", root, *more)), str(letter.parent))
    assert files(tmp_path) == before
    assert cli(*command("dyna", "npy", data, "--overwrite"))[0] == 0
    assert manifest_of(data)["plan"]["tasks"] == ["dyna"]
    assert not (data / "jsonl").exists()
    assert verify(data).ok
