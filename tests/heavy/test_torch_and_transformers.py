"""With transformers and torch: the tokenizer gives our ids, and a DataLoader every row exactly once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen

pytestmark = pytest.mark.heavy

TASKS = list(synthgen.tasks())


def alone(rows: list[Any]) -> Any:
    """Take the one row of a batch; at module level, so that spawned workers find it."""
    (row,) = rows
    return row


def texts(task: str) -> list[tuple[str, list[int]]]:
    """Pair texts with their ids, specials left out."""
    batch = synthgen.get(task).batch(50, 3, difficulty=2)
    rows = [batch.input_ids[i, : batch.lengths[i]].tolist() for i in range(50)]
    return [(batch.text(i), [id_ for id_ in row if id_ > 2]) for i, row in enumerate(rows)]


def assert_ours(tokenizer: Any, task: str) -> None:
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token) == synthgen.get(task).vocab.pieces[:3]
    assert len(tokenizer) == len(synthgen.get(task).vocab)
    for text, ids in texts(task):
        assert tokenizer.encode(text, add_special_tokens=False) == ids
        assert tokenizer(text)["input_ids"] == [1, *ids]
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode([1, *ids, 2, 0, 0], skip_special_tokens=True) == text


@pytest.mark.parametrize("task", TASKS)
def test_the_tokenizer_of_transformers_gives_our_ids(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer = synthgen.get(task).tokenizer()
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    assert_ours(tokenizer, task)
    tokenizer.save_pretrained(tmp_path)
    assert_ours(PreTrainedTokenizerFast.from_pretrained(tmp_path), task)
    assert_ours(AutoTokenizer.from_pretrained(tmp_path), task)


@pytest.mark.parametrize("task", TASKS)
def test_the_tokenizer_pads_batches(task: str) -> None:
    tokenizer = synthgen.get(task).tokenizer("transformers")
    pairs = texts(task)
    padded = tokenizer([text for text, _ in pairs], padding=True, return_tensors="np")
    width = 1 + max(len(ids) for _, ids in pairs)
    assert padded["input_ids"].shape == (len(pairs), width)
    for row, mask, (_, ids) in zip(padded["input_ids"], padded["attention_mask"], pairs, strict=True):
        assert row[mask == 1].tolist() == [1, *ids]
        assert not row[mask == 0].any()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader_share_the_rows(task: str, method: str) -> None:
    import torch
    from torch.utils.data import DataLoader

    n = 40
    source = synthgen.get(task).source(5, n, start=7, difficulty=1)
    loader = DataLoader(source, batch_size=1, num_workers=2, multiprocessing_context=method, collate_fn=alone)
    rows = list(loader)
    batch = synthgen.get(task).batch(n, 5, start=7, difficulty=1)
    assert len(rows) == n
    for i, row in enumerate(rows):
        end = int(batch.lengths[i])
        assert np.array_equal(row["input_ids"], batch.input_ids[i, :end])
        assert np.array_equal(row["loss_mask"], batch.loss_mask[i, :end])
        assert np.array_equal(row["labels"], batch.labels[i, :end])
    shuffled = DataLoader(
        source,
        batch_size=1,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=method,
        collate_fn=alone,
        generator=torch.Generator().manual_seed(0),
    )
    found = sorted(row["input_ids"].tobytes() for row in shuffled)
    assert found == sorted(row["input_ids"].tobytes() for row in rows)


@pytest.mark.parametrize("task", TASKS)
def test_torch_takes_a_copy(task: str) -> None:
    import torch

    batch = synthgen.get(task).batch(8, 6)
    ids = torch.from_numpy(batch.input_ids.copy())
    assert (ids.dtype, tuple(ids.shape)) == (torch.int32, batch.input_ids.shape)
    before = batch.input_ids.tolist()
    assert ids.tolist() == before
    ids.zero_()
    assert batch.input_ids.tolist() == before
    labels = torch.from_numpy(batch.labels.copy()).long()
    assert torch.equal(labels == -100, torch.from_numpy(batch.loss_mask.copy()) == 0)
