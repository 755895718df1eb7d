"""Generated rows and text in one shuffled order: `python examples/joint_shuffle.py`."""

from collections import Counter

import synthgen
from synthgen.data import Batches, joint

TEXT = ["The cat sat on the mat.", "All is well that ends well.", "A rolling stone gathers no moss."]


def main() -> None:
    """Mix a fifth of generated rows into text, and resume in the middle."""
    puzzles = synthgen.dyna.source(seed=0, length=2**40, difficulty=1)
    # Any tokenizer will do; ids of the text begin where those of the task end.
    first_id = len(synthgen.dyna.vocab)
    text = [{"input_ids": [first_id + byte for byte in line.encode()]} for line in TEXT * 200]

    rows = joint({"puzzles": puzzles, "text": text}, seed=1, weights={"puzzles": 1, "text": 4}, epochs=2)
    print(rows)
    print("where position 1000 lies:", rows.where(1000))
    parts, _ = rows.order(0, rows.rows_per_epoch)
    print("an epoch:", dict(Counter(rows.names[part] for part in parts)))

    batches = Batches(rows, batch_size=32, fields=["input_ids"])
    print(f"{len(batches)} batches; the first is {batches[0]['input_ids'].shape}")
    batches.load_state_dict({"next": 30})
    print("after resuming at batch 30:", sum(1 for _ in batches), "more")


if __name__ == "__main__":
    main()
