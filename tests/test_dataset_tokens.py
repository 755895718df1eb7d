"""Packed windows against a slow packer, and rows in the tokens of other tokenizers against their own encoding."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
import tokenizers
from synthgen._task import generator
from synthgen.data import Plan
from synthgen.data.plan import token_count
from synthgen.data.verification import rebuild, verify

from tests.dataset_files import (
    FEW,
    Cli,
    Entry,
    Stream,
    command,
    entries,
    expected,
    hashes,
    instances,
    lines,
    manifest_of,
    plan,
    refused,
    stream,
    table,
    tree,
    write,
)

Tokenizer = Any
TOKEN_FORMATS = "parquet,arrow,bin,npy"


def longest(planned: Plan) -> int:
    """Longest row that any cell of a plan may draw."""
    return max(generator(cell.task, {}, cell.level).max_len + planned.joint for cell in planned.cells())


def packed(rows: list[tuple[list[int], list[int]]], width: int, packing: str) -> list[dict[str, list[int]]]:
    """Put rows one after another into windows: what crosses an end is cut there, or goes to the next window."""
    windows: list[dict[str, list[int]]] = []
    names = ("input_ids", "loss_mask", "segment_ids", "position_ids")
    room, segment = 0, 0
    for ids, mask in rows:
        if room == 0 or (packing == "pad" and len(ids) > room):
            windows.append({name: [] for name in names})
            room, segment = width, 0
        segment += 1
        take = min(room, len(ids))
        columns = (ids[:take], mask[:take], [segment] * take, list(range(take)))
        for name, values in zip(names, columns, strict=True):
            windows[-1][name] += values
        room -= take
    return [{name: values + [0] * (width - len(values)) for name, values in one.items()} for one in windows]


def check_windows(root: Path, entry: Entry, rows: list[tuple[list[int], list[int]]], width: int, packing: str) -> None:
    """Hold all token formats of a shard to the windows of a slow packer."""
    wanted = packed(rows, width, packing)
    flat, twin = stream(root, entry), stream(root, entry, "npy")
    assert flat.ids.tolist() == twin.ids.tolist() == [i for one in wanted for i in one["input_ids"]]
    assert flat.mask.tolist() == twin.mask.tolist() == [i for one in wanted for i in one["loss_mask"]]
    assert (flat.rows == twin.rows).all()
    starts = [
        at * width + i for at, one in enumerate(wanted) for i, s in enumerate(one["segment_ids"]) if begins(one, i, s)
    ]
    assert flat.rows[:, 0].tolist() == starts
    assert flat.rows[:, 1].sum() == entry["tokens"] == sum(s > 0 for one in wanted for s in one["segment_ids"])
    for fmt in ("parquet", "arrow"):
        found = table(root, entry, fmt)
        assert found.to_pylist() == wanted
        assert [str(field.type.value_type) for field in found.schema] == ["uint16", "uint8", "int32", "int32"]


def begins(window: dict[str, list[int]], i: int, segment: int) -> bool:
    return segment > 0 and window["position_ids"][i] == 0


@pytest.mark.parametrize("packing", ["truncate", "pad"])
@pytest.mark.parametrize("kind", ["merged", FEW[0]])
@pytest.mark.parametrize("more", [0, 1, 1000])
def test_windows_are_those_of_a_slow_packer(tmp_path: Path, kind: str, packing: str, more: int) -> None:
    width = longest(plan(kind)) + more
    planned = plan(kind, TOKEN_FORMATS, 100_000, seq_len=width, packing=packing, shard_tokens=30_000)
    write(planned, tmp_path)
    cut = 0
    for entry in entries(tmp_path):
        rows = instances(tmp_path, entry)
        check_windows(tmp_path, entry, rows, width, packing)
        lengths = [(len(row[0]), length) for row, length in zip(rows, stream(tmp_path, entry).rows[:, 1], strict=True)]
        assert all(length <= whole for whole, length in lengths)
        cut += sum(length < whole for whole, length in lengths)
    assert (cut > 0) == (packing == "truncate")
    found = verify(tmp_path)
    assert found.ok, found.problems
    assert abs(found.tokens - 100_000) <= len(entries(tmp_path)) * 3 * width / 2


def test_windows_in_order_hold_ever_harder_rows(tmp_path: Path) -> None:
    width = longest(plan("merged"))
    write(plan("merged", "bin", 100_000, seq_len=width, order="easy-to-hard", shard_tokens=30_000), tmp_path)
    levels = np.array([cell["level"] for cell in manifest_of(tmp_path)["plan"]["cells"]])
    found = np.concatenate([levels[stream(tmp_path, entry).rows[:, 2]] for entry in entries(tmp_path, "train")])
    assert (np.diff(found) >= 0).all()


def test_a_window_that_a_row_may_not_fit_is_refused_before_work(cli: Cli, tmp_path: Path) -> None:
    width = longest(plan("merged"))
    for short in (8, width - 1):
        words = command("merged", "bin", tmp_path / "data", "--seq-len", short)
        refused(cli(*words), f"seq_len = {short}", f"allowed: at least {width}, the longest row of ")
    refused(cli(*command("merged", "jsonl,bin", tmp_path / "data", "--seq-len", width)), "seq_len", "jsonl holds rows")
    for wrong in (0, 7, 2**20 + 1):
        refused(cli(*command("merged", "bin", tmp_path / "data", "--seq-len", wrong)), f"seq_len = {wrong}", "8..=")
    refused(cli(*command("merged", "bin", tmp_path / "data", "--packing", "fold")), "packing", "truncate, pad")
    assert not any(tmp_path.iterdir())


def texts(n: int = 200) -> Iterator[str]:
    """Rows to train tokenizers on."""
    for name in FEW:
        for ids, _ in expected(name, 2, 1, "train", 0, n):
            yield synthgen.get(name).vocab.decode(ids)


def save(tokenizer: Tokenizer, folder: Path, eos: Any = "[END]") -> Path:
    """Save a tokenizer as models come with one."""
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}))
    return folder


def by_bytes(*, prefix: bool = False, ends: bool = False) -> Tokenizer:
    """A small BPE over bytes, as GPT-2 has it; it may put a token in front, or an end token behind."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    special = ["[START]", "[END]"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts(), trainer)
    if prefix or ends:
        single = ("[START] " if prefix else "") + "$A" + (" [END]" if ends else "")
        ids = [(name, made.token_to_id(name)) for name in special]
        made.post_processor = tokenizers.processors.TemplateProcessing(single=single, special_tokens=ids)
    return made


def by_words(ids: Any = None) -> Tokenizer:
    """A tokenizer of whole words; `ids` maps the number of a word to its id."""
    words = sorted({word for text in texts() for word in text.split()})
    vocab = {"[UNK]": 0, "[END]": 1} | {word: (ids or (lambda i: i))(i + 2) for i, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return made


TOKENIZERS: dict[str, Any] = {
    "bytes": by_bytes,
    "bytes with a first token": lambda: by_bytes(prefix=True),
    "bytes with an end": lambda: by_bytes(prefix=True, ends=True),
    "words": by_words,
}


def encoded(tokenizer: Tokenizer, eos: str | None, task: str, ids: list[int], mask: list[int]) -> tuple[Any, Any]:
    """Ids and mask of a row: the tokenizer's own encoding of its text, and the tokens of predicted characters."""
    vocab = synthgen.get(task).vocab
    spelt = [vocab.decode([i]) for i in ids]
    predicted = [bool(masked) for text, masked in zip(spelt, mask, strict=True) for _ in text]
    encoding = tokenizer.encode("".join(spelt))
    found = list(encoding.ids)
    wanted = [int(any(predicted[start:end])) for start, end in encoding.offsets]
    if eos is not None:
        if found[-1] != tokenizer.token_to_id(eos):
            found, wanted = [*found, tokenizer.token_to_id(eos)], [*wanted, 0]
        wanted[-1] = 1
    return tuple(found), tuple(wanted)


def check_encoded(root: Path, tokenizer: Tokenizer, eos: str | None) -> None:
    """Hold every row of a dataset to the tokenizer's own encoding of its text."""
    cells = manifest_of(root)["plan"]["cells"]
    for entry in entries(root):
        found: Stream = stream(root, entry)
        counts: dict[int, int] = {}
        for row in found:
            cell = cells[row[2]]
            index = counts.setdefault(row[2], 0)
            counts[row[2]] += 1
            start = entry["number"] * 2**32 + index // 64 * 64
            own = expected(cell["task"], cell["level"], 42, entry["split"], start, 64)[index % 64]
            assert row[:2] == encoded(tokenizer, eos, cell["task"], *own)
        for fmt in ("parquet", "arrow"):
            columns = table(root, entry, fmt)
            ids, mask = columns["input_ids"].to_pylist(), columns["loss_mask"].to_pylist()
            assert [(tuple(i), tuple(m)) for i, m in zip(ids, mask, strict=True)] == [row[:2] for row in found]
            assert columns["input_text"].to_pylist() == [record["input_text"] for record in lines(root, entry)]


@pytest.mark.parametrize("what", TOKENIZERS)
@pytest.mark.parametrize("kind", ["merged", FEW[1]])
def test_rows_are_what_another_tokenizer_makes_of_them(cli: Cli, tmp_path: Path, what: str, kind: str) -> None:
    tokenizer = TOKENIZERS[what]()
    folder = save(tokenizer, tmp_path / "model")
    root = tmp_path / "data"
    formats = "jsonl," + TOKEN_FORMATS
    words = command(kind, formats, root, "--tokenizer", folder, "--shard-size", "30K", tokens="100K")
    assert cli(*words)[0] == 0
    manifest = manifest_of(root)
    assert manifest["plan"]["dtype"] == "uint16"
    check_encoded(root, tokenizer, "[END]")
    # The budget counts the tokenizer's tokens.
    longest_row = max(int(stream(root, entry).rows[:, 1].max()) for entry in entries(root))
    made = sum(entry["tokens"] for entry in entries(root))
    assert abs(made - 100_000) <= len(entries(root)) * 3 * longest_row / 2
    assert json.loads((root / "tokenizer.json").read_text()) == json.loads((folder / "tokenizer.json").read_text())
    before = hashes(root)
    assert cli("verify", root)[0] == 0
    for number in range(len(entries(root))):
        rebuild(root, number)
    write(plan(kind, formats, 100_000, tokenizer=folder, shard_tokens=30_000), tmp_path / "again", workers=1)
    assert before == hashes(root) == hashes(tmp_path / "again")


@pytest.mark.parametrize("packing", ["truncate", "pad"])
def test_windows_hold_the_rows_of_another_tokenizer(tmp_path: Path, packing: str) -> None:
    tokenizer = by_bytes()
    folder = save(tokenizer, tmp_path / "model", {"content": "[END]"})
    planned = plan("merged", TOKEN_FORMATS, 60_000, tokenizer=folder, seq_len=2500, packing=packing)
    write(planned, tmp_path / "data")
    cells = planned.cells()
    for entry in entries(tmp_path / "data"):
        counts: dict[int, int] = {}
        rows = []
        for number in stream(tmp_path / "data", entry).rows[:, 2].tolist():
            index = counts.setdefault(number, 0)
            counts[number] += 1
            own = expected(cells[number].task, cells[number].level, 42, entry["split"], index // 64 * 64, 64)
            ids, mask = encoded(tokenizer, "[END]", cells[number].task, *own[index % 64])
            rows.append((list(ids), list(mask)))
        check_windows(tmp_path / "data", entry, rows, 2500, packing)
    assert verify(tmp_path / "data").ok


def test_a_window_too_short_for_a_row_of_another_tokenizer_is_one_clear_error(cli: Cli, tmp_path: Path) -> None:
    folder = save(by_bytes(), tmp_path / "model")
    words = command("merged", "bin", tmp_path / "data", "--tokenizer", folder, "--seq-len", 64)
    refused(cli(*words), "seq_len = 64", "allowed: at least ")
    assert all(name.startswith(".synthgen/") for name in tree(tmp_path / "data"))


SPREAD = {
    "as many as 16 bits hold": (lambda i: 2**16 + 1 - i, "uint16"),
    "one more": (lambda i: 2**16 + 2 - i, "uint32"),
    "far apart": (lambda i: 1000 * i, "uint32"),
    "many": (lambda i: 100_000 + i, "uint32"),
}


@pytest.mark.parametrize("what", SPREAD)
def test_ids_have_the_smallest_type_that_holds_them(tmp_path: Path, what: str) -> None:
    ids, dtype = SPREAD[what]
    tokenizer = by_words(ids)
    planned = plan("merged", "jsonl," + TOKEN_FORMATS, 30_000, tokenizer=save(tokenizer, tmp_path / "model"))
    manifest = write(planned, tmp_path / "data")
    assert manifest["plan"]["dtype"] == dtype
    check_encoded(tmp_path / "data", tokenizer, "[END]")
    columns = table(tmp_path / "data", manifest["shards"][0], "parquet")
    assert str(columns.schema.field("input_ids").type.value_type) == dtype
    assert verify(tmp_path / "data").ok


@pytest.mark.parametrize("eos", [None, 3, "[NONE]"])
def test_a_row_has_an_end_token_only_where_the_tokenizer_has_one(tmp_path: Path, eos: Any) -> None:
    tokenizer = by_words()
    folder = save(tokenizer, tmp_path / "model", eos)
    write(plan("merged", "jsonl," + TOKEN_FORMATS, 30_000, tokenizer=folder), tmp_path / "data")
    check_encoded(tmp_path / "data", tokenizer, None)


def test_a_tokenizer_may_be_given_as_a_file_and_is_named_by_its_content(tmp_path: Path) -> None:
    folder = save(by_words(), tmp_path / "model")
    one, other = (plan("merged", tokenizer=path) for path in (folder, folder / "tokenizer.json"))
    assert one == other
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "[UNK]"}))
    assert plan("merged", tokenizer=folder).tokenizer != one.tokenizer
    (folder / "tokenizer_config.json").unlink()
    assert plan("merged", tokenizer=folder).tokenizer not in (None, one.tokenizer)


def test_a_path_that_is_no_tokenizer_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, content in {
        "words.txt": b"no json",
        "list.json": b"[1]",
        "model.json": b"{}",
        "bytes": b"\xff\xfe",
    }.items():
        (tmp_path / name).write_bytes(content)
    names = sorted(path.name for path in tmp_path.iterdir())
    for name in [*names, "none"]:
        words = command("merged", "bin", tmp_path / "data", "--tokenizer", tmp_path / name)
        refused(cli(*words), "tokenizer = ", "a tokenizer.json, or a folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("500K", 500_000), ("1.5b", 1_500_000_000), ("1e5", 100_000)])
def test_numbers_of_tokens_are_read_as_people_write_them(text: str, number: int) -> None:
    assert token_count(text) == number
