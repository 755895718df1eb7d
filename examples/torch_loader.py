"""Feed a PyTorch training loop with workers, and resume it exactly: `python examples/torch_loader.py`."""

import synthgen
from synthgen.data import shuffled
from synthgen.data.torch import IterableDataset
from torch.utils.data import DataLoader


def main() -> None:
    """Take all steps of two epochs, then the last ones again."""
    rows = shuffled(synthgen.depo.source(seed=0, length=200, difficulty=1), seed=7, epochs=2)
    # Under torchrun each process takes its share by itself, once torch.distributed is initialised.
    dataset = IterableDataset(rows, 16, drop_last=True)

    batches = list(DataLoader(dataset, batch_size=None, num_workers=2))
    print({name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in batches[0].items()})
    print(len(batches), "steps")

    dataset.load_state_dict({"next": 20})  # the number of steps done, as a checkpoint knows it
    rest = list(DataLoader(dataset, batch_size=None, num_workers=1))
    same = all((one["labels"] == other["labels"]).all() for one, other in zip(rest, batches[20:], strict=True))
    print("the last", len(rest), "steps are the same after resuming:", same)


if __name__ == "__main__":
    main()
