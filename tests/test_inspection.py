"""What `synthgen inspect` prints: rows of every task, exactly as the library draws and marks them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen import batch, inspection
from synthgen.batch import Verdict
from synthgen.compat.physics import FORMS

from tests.dataset_files import Cli, refused

TASKS = tuple(synthgen.tasks())
MIX = ("dataset=mix", "dataset.weights={dyna: 0.4, depo: 0.6}", "dataset.config.depo.N=9")


def tokens(out: str) -> list[list[str]]:
    """Words of the rows shown."""
    return [line.removeprefix("tokens=").split(" ") for line in out.splitlines() if line.startswith("tokens=")]


def words(rows: batch.Batch, pieces: tuple[str, ...]) -> list[list[str]]:
    """What the words should be."""
    found = []
    for ids, mask, length in zip(rows.input_ids, rows.loss_mask, rows.lengths, strict=True):
        names = [pieces[id_].replace("\n", "\\n").replace(" ", "␣") for id_ in ids[:length]]
        found.append([f"[{name}]" if bit else name for name, bit in zip(names, mask, strict=False)])
    return found


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_shown_with_its_mask(cli: Cli, name: str) -> None:
    status, out, err = cli("inspect", f"dataset={name}", "show=2", "start=5", "dataset.difficulty=1")
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    rows = synthgen.get(name).batch(2, 42, start=5, difficulty=1)
    assert tokens(out) == words(rows, synthgen.get(name).vocab.pieces)
    assert re.findall(r"^len=(\d+)$", out, re.MULTILINE) == [str(length) for length in rows.lengths]
    assert out.startswith(f"dataset={name}\nshow=2\n--- example 5 (valid=True)\n")
    assert "--- example 6 (valid=True)\n" in out


def test_a_mixture_is_shown_and_checked_task_by_task(cli: Cli) -> None:
    status, out, _ = cli("inspect", *MIX, "show=12", "dataset.split=validation")
    mix = synthgen.mix({"dyna": 0.4, "depo": 0.6}, params={"depo": {"n_max": 9}})
    assert (status, out.count("(valid=True)")) == (0, 12)
    assert tokens(out) == words(mix.batch(12, 42, split="validation"), mix.vocab.pieces)
    assert {row[1] for row in tokens(out)} == {"<dyna>", "<depo>"}
    shared = cli("inspect", "task=mix", "dataset.weights={kv: 1, copying: 1}", "dataset.joint=false", "show=9")[1]
    assert shared.count("(valid=True)") == 9


def test_parameters_go_by_our_names_and_by_those_of_the_originals(cli: Cli) -> None:
    ours = cli("inspect", "task=depo", "dataset.n_max=12", "dataset.config.k_max=3", "dataset.qa=true")[1]
    theirs = cli("inspect", "dataset=depo", "dataset.config.N=12", "dataset.K=3", "dataset.config.qa=true")[1]
    assert ours == theirs
    assert tokens(ours) == words(synthgen.depo.batch(3, 42, n_max=12, k_max=3, qa=True), synthgen.depo.vocab.pieces)


def test_colours_say_what_brackets_say(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tokens(cli("inspect", "dataset=kv")[1])
    out = cli("inspect", "dataset=kv", "color=always")[1]
    coloured = [re.sub("\x1b\\[92m(.*?)\x1b\\[0m", r"[\1]", word) for row in tokens(out) for word in row]
    assert [re.sub("\x1b\\[2m(.*?)\x1b\\[0m", r"\1", word) for word in coloured] == [
        word for row in plain for word in row
    ]
    bare = cli("inspect", "dataset=kv", "color=always", "colorize_loss_mask=false")[1]
    assert tokens(bare) == [[re.sub(r"^\[(.*)\]$", r"\1", word) for word in row] for row in plain]
    assert "loss mask" not in bare
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in cli("inspect", "dataset=kv")[1]
    assert "\x1b" in cli("inspect", "dataset=kv", "color=always")[1]


def test_long_rows_and_texts_are_cut_and_say_so(cli: Cli) -> None:
    whole = cli("inspect", "dataset=capo", "show=1", "max_tokens=0", "text_chars=0")[1]
    assert "truncated" not in whole
    total, text = len(tokens(whole)[0]), synthgen.capo.batch(1, 42).text(0)
    assert f"text={text}\n" in whole
    out = cli("inspect", "dataset=capo", "show=1", "max_tokens=7", "text_chars=20")[1]
    assert tokens(out) == [tokens(whole)[0][:7]]
    assert f"text={text[:20]}\ntext_truncated=true shown=20 total={len(text)}\nlen={total}\n" in out
    assert out.endswith(f"\ntruncated=true shown=7 total={total}\n")


def test_an_invalid_row_says_why_and_where(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection.Source, "verdict", lambda *_: Verdict(False, "no cycle", 3))
    assert "--- example 0 (valid=False reason='no cycle' position=3)\n" in cli("inspect", "show=1")[1]


def tokenizer(path: Path) -> Any:
    """A tokenizer of bytes, in a file."""
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={one: i for i, one in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    path.write_text(made.to_str())
    return made


@pytest.mark.parametrize("words_of", [("dataset=depo", "dataset.N=5"), ("dataset=capo",), MIX])
def test_another_tokenizer_encodes_the_text_anew(cli: Cli, tmp_path: Path, words_of: tuple[str, ...]) -> None:
    made = tokenizer(tmp_path / "tokenizer.json")
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        status, out, _ = cli("inspect", *words_of, f"tokenizer_name_or_path={path}", "text_chars=0")
        assert status == 0
        assert f"tokenizer={path} (texts re-encoded" in out
        texts = re.findall("^text=(.*)$", out, re.MULTILINE)
        for row, text in zip(tokens(out), texts, strict=True):
            assert [re.sub(r"^\[(.+)\]$", r"\1", word) for word in row] == made.encode(text).tokens
            predicted = "".join(word[1:-1] for word in row if re.fullmatch(r"\[.+\]", word))
            assert 0 < len(predicted) <= len(row)
    if words_of[0] == "dataset=depo":
        answer = synthgen.depo.batch(1, 42, n_max=5).answer(0)
        assert "".join(f"[{letter}]" for letter in answer) in "".join(tokens(out)[0])


NAMES = {
    "depo": r"<bos>( \d+| \[\d+\]| <query_[1-8]>| \[<ans>\])+",
    "brevo": r"<bos>( \d+)+ <query> \d+ \[<ans>\]( \[\d+\])+ \[<eos>\]",
    "mano": r"\[<bos>\] \[<len_(\d+)a?>\]( \[<[-+*]a?>\]| \[<v\d+>\])+ \[<ans_\1a?>\] \[<v\d+>\]",
    "lano": r"\[\d\]( \[\d\])+",
}


@pytest.mark.parametrize("name", FORMS)
def test_the_originals_ids_have_the_originals_names(cli: Cli, name: str) -> None:
    split = "null" if name == "capo" else "validation"
    status, out, _ = cli("inspect", f"dataset={name}", "compat_ids=true", f"dataset.split={split}", "show=2")
    assert status == 0
    assert out.count("(valid=True)") == 2
    if name == "capo":
        assert tokens(out) == []
        assert len(re.findall("^text= .+[.]$", out, re.MULTILINE)) == 2
        return
    for row in tokens(out):
        assert re.fullmatch(NAMES[name], " ".join(row))


def test_the_originals_ids_may_be_moved(cli: Cli) -> None:
    options = ("dataset.separator=true", "dataset.query_token_base=8000", "dataset.bos_token_id=9999", "dataset.N=5")
    out = cli("inspect", "dataset=depo", "compat_ids=true", *options)[1]
    assert out.count("(valid=True)") == 3
    assert all(row[:2] == ["<bos>", "<sep>"] and any("<query_" in word for word in row) for row in tokens(out))


WRONG = {
    ("dataset=dpo",): "dataset = dpo: no such choice",
    ("shw=3",): "shw: no such key; did you mean show",
    ("show=0",): "show = 0; allowed: an integer in 1..=",
    ("seed=-1",): "seed = -1; allowed",
    ("start=-1",): "start = -1; allowed",
    ("show=many",): "show: Value 'many'",
    ("color=maybe",): "color = 'maybe'; allowed: one of auto, always, never",
    ("dataset=mix",): "dataset.weights = {}",
    ("dataset=mix", "dataset.weights={kv: 1}", "dataset.num_pairs=3"): "dataset.config",
    ("dataset=file",): "dataset = 'file'; allowed: a task, or mix",
    ("dataset.split=dev",): "dataset.split = 'dev'; allowed: none, or one of train",
    ("dataset.difficulty=4",): "difficulty = 4; allowed: an integer in 1..=3",
    ("dataset.n_mx=4",): 'did you mean "n_max"?',
    ("dataset=dyna", "compat_ids=true"): "compat_ids = True; allowed: where the dataset is one of brevo",
    ("compat_ids=true", "dataset.difficulty=1"): "dataset.difficulty = 1; allowed: none",
    ("compat_ids=true", "tokenizer_name_or_path=x"): "tokenizer_name_or_path = 'x'; allowed: none",
    ("tokenizer_name_or_path=gpt2",): "nothing is at this path, or downloaded",
}


@pytest.mark.parametrize("given", WRONG, ids=" ".join)
def test_a_wrong_request_is_refused_in_one_line(cli: Cli, given: tuple[str, ...]) -> None:
    refused(cli("inspect", *given), WRONG[given])


def test_the_commands_of_the_page_work(cli: Cli, tmp_path: Path) -> None:
    tokenizer(tmp_path / "tokenizer.json")
    page = (Path(__file__).parent.parent / "docs" / "inspect.md").read_text()
    commands = re.findall("^synthgen (inspect.*)$", page, re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        words = shlex.split(command.replace("path/to", str(tmp_path)))
        status, out, err = cli(*words)
        assert (status, err) == (0, "")
        assert out.count("(valid=True)") == out.count("--- example") > 0


def test_looking_at_rows_loads_no_trainer() -> None:
    code = (
        "import json, sys; from synthgen.cli import main; main(['inspect', 'dataset=kv', 'show=1']);"
        "print(json.dumps([name for name in ('jax', 'torch', 'datasets') if name in sys.modules]))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed.splitlines()[-1]) == []
