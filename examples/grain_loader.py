"""Feed a JAX training loop through Grain, and resume it exactly: `python examples/grain_loader.py`."""

import json

import synthgen
from synthgen.data.grain import loader


def main() -> None:
    """Take a few steps, stop, and go on from the saved state."""
    rows = synthgen.depo.source(seed=0, length=1000, difficulty=1)
    width = synthgen.depo.batch(0, difficulty=1).input_ids.shape[1]
    # On more than one host: shard_index=jax.process_index(), num_shards=jax.process_count().
    batches = loader(rows, 16, seed=7, epochs=3, drop_remainder=True, seq_len=width)

    steps = iter(batches)
    for _ in range(5):
        batch = next(steps)
    print({name: (array.dtype.name, array.shape) for name, array in batch.items()})
    state = json.dumps(steps.get_state())
    print("state after 5 steps:", state)
    expected = next(steps)["input_ids"]

    again = iter(batches)
    again.set_state(json.loads(state))
    print("step 6 is the same after resuming:", bool((next(again)["input_ids"] == expected).all()))


if __name__ == "__main__":
    main()
