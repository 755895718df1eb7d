"""Rows as a stream of the package `datasets`, resumed exactly: `python examples/datasets_loader.py`."""

import json

import numpy as np
import synthgen


def main() -> None:
    """Read some rows, stop, and go on from the saved state; then rows as NumPy arrays of a chosen type."""
    stream = synthgen.mano.iterable(seed=0, length=1000, difficulty=1, columns="all", shards=8)
    rows = iter(stream)
    for _ in range(300):
        row = next(rows)
    print(row["input_text"], "->", row["target"])
    state = json.dumps(stream.state_dict())

    again = synthgen.mano.iterable(seed=0, length=1000, difficulty=1, columns="all", shards=8)
    again.load_state_dict(json.loads(state))
    print("rows after resuming:", sum(1 for _ in again))

    table = synthgen.mano.dataset(100, difficulty=1, columns="tokens")
    wide = table.with_format("numpy")[0]["input_ids"]
    narrow = table.with_format("numpy", dtype=np.int32)[0]["input_ids"]
    print(f"the numpy format gives {wide.dtype}, with a dtype {narrow.dtype}")


if __name__ == "__main__":
    main()
