"""Read a dataset on disk, row by row and as packed windows: `python examples/memmap_loader.py DIRECTORY`.

Write one first: `synthgen generate single dyna --total-tokens 1M --format bin --output-dir DIRECTORY`.
"""

import sys

from synthgen.data import Batches, Stored, shuffled


def main(directory: str) -> None:
    """Show a row, then train (in name only) on shuffled windows."""
    stored = Stored(directory, "train")
    print(stored)
    row = stored[0]
    print(
        f"row 0: {row['task']}, level {row['difficulty']}, {len(row['input_ids'])} tokens of {row['input_ids'].dtype}"
    )

    windows = stored.windows(seq_len=1024, policy="truncate") if stored.seq_len is None else stored.windows()
    print(windows)
    trained = 0
    for batch in Batches(shuffled(windows, seed=0), batch_size=4, drop_last=True):
        trained += int(batch["loss_mask"].sum())
    print(f"{trained} tokens with loss, in batches of {batch['input_ids'].shape}")


if __name__ == "__main__":
    main(sys.argv[1])
