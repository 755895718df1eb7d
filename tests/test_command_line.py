"""The command line: what it prints, and what it refuses before any work."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.cli import bench, generate, main, progress
from synthgen.data.card import skills

from tests.dataset_files import ALL, FEW, SPLITS, Cli, command, entries, manifest_of, plan, refused, tree
from tests.public_cases import splits

TASKS = tuple(synthgen.tasks())
every_task = pytest.mark.parametrize("name", TASKS)


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


def test_info_describes_every_task(cli: Cli) -> None:
    status, out, err = cli("generate", "info")
    assert (status, err) == (0, "")
    rule = "=" * 60
    parts = out.split(f"{rule}\n")[1:]
    assert parts[::2] == [f"{name.upper()}\n" for name in TASKS]
    for name, text in zip(TASKS, parts[1::2], strict=True):
        assert text.startswith(f"{synthgen.tasks()[name].summary}\nSkills: ")
        assert skills(name)
        assert ", ".join(skills(name)) in text


@every_task
def test_info_shows_a_task_in_full(cli: Cli, name: str) -> None:
    status, out, err = cli("generate", "info", name)
    assert (status, err) == (0, "")
    info = synthgen.tasks()[name]
    assert [line for line in out.splitlines() if line == "=" * 60 or line == name.upper()] == [
        "=" * 60, name.upper(), "=" * 60,
    ]  # fmt: skip
    for param in info.params:
        assert re.search(rf"^  {param.name} +{re.escape(param.doc)}$", out, re.MULTILINE)
    for level in (1, 2, 3):
        row = synthgen.get(name).example(0, difficulty=level)
        assert f"\nLevel {level}, for example:\n  {row['input_text']}\n  answer: {row['target']}\n" in out


def test_info_of_no_task_is_refused(cli: Cli) -> None:
    refused(cli("generate", "info", "dina"), 'did you mean "dyna"?', *TASKS)


@pytest.mark.parametrize("kind", ["merged", *FEW])
def test_a_dry_run_shows_the_plan_and_writes_nothing(cli: Cli, tmp_path: Path, kind: str) -> None:
    for more in ([], ["--quiet"]):
        words = [word for word in command(kind, ",".join(ALL), tmp_path / "data", "--dry-run") if word != "--quiet"]
        status, out, err = cli(*words, *more)
        assert (status, err) == (0, "")
        assert out.splitlines()[-1] == "[dry run: nothing written]"
        assert out.startswith(f"{'=' * 60}\nGENERATION PLAN\n{'=' * 60}\n")
        for fact in ("200.0K", "0.4, 0.35, 0.25", "0.9, 0.05, 0.05", "42", ", ".join(ALL)):
            assert fact in out
        rows = 0
        for cell in plan(kind).cells():
            for split in SPLITS:
                tokens = generate.short(plan(kind).budget(split, cell))
                line = rf"^    L{cell.level}/{split:<10}: +([0-9,]+) samples \(~{re.escape(tokens)} tokens\)$"
                found = [int(count.replace(",", "")) for count in re.findall(line, out, re.MULTILINE)]
                assert len(found) >= 1
                rows += found[0] if kind != "merged" else 0
        assert f"\nTOTAL: {rows:,} samples (~200.0K tokens)\n" in out or kind == "merged"
    assert not any(tmp_path.iterdir())
    assert cli("generate", "single", FEW[0], "--dry-run")[0] == 0


@pytest.mark.parametrize("kind", ["merged", FEW[0]])
def test_the_plan_tells_rows_to_a_tenth(cli: Cli, tmp_path: Path, kind: str) -> None:
    words = [word for word in command(kind, "jsonl", tmp_path / "data", tokens="1M") if word != "--quiet"]
    status, out, _ = cli(*words)
    assert status == 0
    rows = sum(entry["rows"] for entry in entries(tmp_path / "data"))
    (told,) = re.findall(r"^TOTAL: ([0-9,]+) samples", out, re.MULTILINE)
    assert abs(int(told.replace(",", "")) / rows - 1) < 0.1
    assert f"Wrote {rows:,} rows, " in out


def test_a_plan_does_not_depend_on_the_company(cli: Cli) -> None:
    alone = cli("generate", "merged", "--tasks", FEW[0], "--total-tokens", "100K", "--dry-run")[1]
    among = cli("generate", "merged", "--tasks", *FEW, "--total-tokens", f"{len(FEW)}00K", "--dry-run")[1]
    lines = [line for line in alone.splitlines() if line.startswith("    L")]
    at = among.splitlines().index(f"  {FEW[0]}")
    assert lines == among.splitlines()[at + 1 : at + 10]


def test_progress_off_a_terminal_is_plain_lines(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    words = [word for word in command("merged", "jsonl", tmp_path / "a", "--shard-size", "20K") if word != "--quiet"]
    _, _, err = cli(*words)
    made = sum(entry["tokens"] for entry in entries(tmp_path / "a"))
    form = r" *(\d+)%  ([0-9,]+) of 200,000 tokens, \d+\.\dM tokens/s, \d+ s left"
    found = [re.fullmatch(form, line) for line in err.splitlines()]
    counts = [int(match[2].replace(",", "")) for match in found if match]
    assert len(counts) == len(found) == len(entries(tmp_path / "a"))
    assert counts == sorted(counts)
    assert counts[-1] == made
    _, _, err = cli("verify", tmp_path / "a")
    assert err.splitlines()[-1].startswith(f"100%  {made:,} of {made:,} tokens")
    # A process of an array job tells its part, and --quiet nothing.
    _, out, err = cli(*command("merged", "jsonl", tmp_path / "b"))
    assert (err, out.count("\n")) == ("", 2)
    assert cli("verify", tmp_path / "b", "--quiet")[2] == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word for word in command("dyna", "jsonl", tmp_path / "data") if word != "--quiet"]
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert cli(*words)[0] == 0
    assert "\r" in screen.getvalue()
    assert "tokens/s" in screen.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    plain = Terminal()
    monkeypatch.setattr(sys, "stderr", plain)
    assert cli(*words, "--overwrite")[0] == 0
    assert re.fullmatch(r"( *\d+%  .* s left\n)+", plain.getvalue())


THREE = ["0 0 0", "1 -1 1", "nan 1 1", "inf 1 1", "1e308 1e308 1e308"]
BAD = {
    "--total-tokens": ("500K, 10M, 1.5B, 1e9", ["0", "-5", "many", "", "1X", "nan", "inf", "1e99", "0.2", "9" * 500]),
    "--curriculum-weights": ("3 numbers >= 0", THREE),
    "--split-ratios": ("3 numbers >= 0", THREE),
    "--format": ("any of jsonl, parquet, arrow, bin, npy", ["csv", "", "jsonl,csv", "jsonl,", "NPY"]),
    "--seed": ("0..=", ["-1", str(2**64)]),
    "--shard-size": ("1000..=1000000000", ["1", "999", "2B"]),
    "--tasks": ("task", ["dina", "dyna,dina", "", ",", "dyna,dyna"]),
    "--metadata": ("one of full, none", ["", "some", "FULL"]),
    "--order": ("one of shuffled, easy-to-hard", ["", "hard-to-easy"]),
    "--packing": ("one of truncate, pad", ["", "fold"]),
    "--compress": ("one of auto, none, gzip, zstd", ["", "bz2"]),
    "--engine": ("one of local, ray", ["", "spark"]),
    "--workers": ("1..=1024", ["0", "-1", "1025"]),
    "--num-shards": ("num_shards", ["0", "-2"]),
    "--shard-index": ("0..=0", ["1", "-1"]),
}


@pytest.mark.parametrize("option", BAD)
def test_a_bad_plan_is_refused_before_any_work(cli: Cli, tmp_path: Path, option: str) -> None:
    hint, values = BAD[option]
    for value in values:
        words = value.split() if hint.startswith("3") else [value]
        refused(cli(*command("merged", "npy", tmp_path / "data"), option, *words), hint)
    assert not any(tmp_path.iterdir())


CLASHING = {
    "--format bin --compress gzip": "allowed for jsonl, parquet",
    "--format arrow --compress gzip": "allowed for jsonl, parquet",
    "--format jsonl,npy --compress zstd": "allowed for jsonl, parquet, arrow",
    "--format jsonl --seq-len 4096": "jsonl holds rows",
    "--push-to-hub": "needed with --push-to-hub: --hub-repo USER/NAME",
    "--hub-repo me/name": "allowed with --push-to-hub only",
    "--push-to-hub --hub-repo name": "user/name",
}


@pytest.mark.parametrize("more", CLASHING)
@pytest.mark.parametrize("dry", [False, True])
def test_options_that_clash_are_refused_before_any_work(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, dry: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    words = [*command("merged", "jsonl", tmp_path / "data"), *(["--dry-run"] if dry else [])]
    refused(cli(*words, *more.split()), CLASHING[more])
    assert not any(tmp_path.iterdir())


MISSING = {"parquet": "pyarrow", "arrow": "pyarrow", "jsonl --compress zstd": "pyarrow", "npy": "PIL"}


@pytest.mark.parametrize("more", [*MISSING, "npy --engine ray"])
def test_a_package_that_is_missing_is_named_before_any_work(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    package = MISSING.get(more, "ray")
    monkeypatch.setitem(sys.modules, package, None)
    refused(cli(*command("dyna", "npy", tmp_path / "data"), "--format", *more.split()), f"the package {package}")
    assert not any(tmp_path.iterdir())


def test_a_dataset_needs_a_place(cli: Cli) -> None:
    refused(cli("generate", "single", "dyna", "--total-tokens", "10K"), "output_dir", "--output-dir DIR")


def test_pushing_needs_a_token_before_any_work(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    words = command("dyna", "jsonl", tmp_path / "data", "--push-to-hub", "--hub-repo", "me/name")
    refused(cli(*words), "HF_TOKEN")
    assert not any(tmp_path.iterdir())


def test_a_dataset_is_pushed_when_it_is_complete(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[tuple[Any, ...]] = []

    def push(where: Path, repo: str, *, private: bool) -> str:
        pushed.append((where, repo, private, manifest_of(where)["plan"]["tasks"], set(tree(where))))
        return f"address of {repo}"

    monkeypatch.setenv("HF_TOKEN", "hf_none")
    monkeypatch.setattr("synthgen.data.hub.push", push)
    monkeypatch.chdir(tmp_path)
    words = ["generate", "single", "dyna", "--total-tokens", "20K", "--quiet", "--push-to-hub", "--hub-repo", "me/name"]
    status, out, _ = cli(*words, "--private")
    assert status == 0
    assert out.endswith("Pushed to address of me/name\n")
    assert pushed == [(Path("name"), "me/name", True, ["dyna"], set(tree(tmp_path / "name")))]
    assert cli(*words, "--output-dir", "other", "--num-shards", 3, "--shard-index", 1)[0] == 0
    assert len(pushed) == 1


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["generate", "--help"], ["generate", "merged", "--help"], ["verify", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    for option in BAD:
        assert option in out
