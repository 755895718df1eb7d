"""Train a model of 0.1M parameters to copy strings, in about a minute on a CPU: `python examples/train_tiny.py`."""

import sys

import numpy as np
import synthgen
from synthgen.train import generate, load, train

KNOBS = [
    "task=copying", "dataset.num_symbols=64", "dataset.num_items=[4,8]", "model.width=64", "model.num_layers=2",
    "model.num_heads=4", "model.canon=A", "optimizer.lr=6e-3", "optimizer.warmup_steps=20", "train.max_steps=400",
    "train.batch_size=64", "eval.every=100",
]  # fmt: skip


def main() -> None:
    """Train, and let the model answer prompts that it has not seen."""
    result = train([*KNOBS, f"output_dir={sys.argv[1] if len(sys.argv) > 1 else 'outputs/train_tiny'}"])
    print(f"exact match on held-out rows: {result.figures['exact_match']:.3f}")

    rows = synthgen.copying.batch(4, seed=1, split="test", num_symbols=64, num_items=(4, 8))
    starts = [rows.queries(i)[0].answer_start for i in range(4)]
    prompts = [ids[:start] for ids, start in zip(rows.input_ids, starts, strict=True)]
    answers = generate(load(result.directory), prompts, max_new_tokens=9, stop_id=synthgen.vocab.EOS)
    for i, answer in enumerate(answers):
        wanted = rows.input_ids[i, starts[i] : rows.lengths[i]]
        verdict = "right" if np.array_equal(answer, wanted) else "wrong"
        print(rows.prompt(i), "->", synthgen.copying.vocab.decode(answer), f"({verdict})")


if __name__ == "__main__":
    main()
