"""What must hold for the rows of the five tasks of Physics of Language Models."""

from typing import Any


def check_answers(row: dict[str, Any]) -> list[list[int]]:
    """Check labels, and that the answer mask is what the spans say; return the answers."""
    ids, mask, spans = row["input_ids"], row["loss_mask"], row["answer_spans"]
    assert row["labels"] == [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)]
    inside = [any(start <= at < end for start, end in spans) for at in range(len(ids))]
    assert row["answer_mask"] == [int(here) for here in inside]
    assert all(mask[at] for at, here in enumerate(inside) if here)
    return [ids[start:end] for start, end in spans]
