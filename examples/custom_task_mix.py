"""Train on a mixture of tasks of your own: `python examples/custom_task_mix.py [STEPS KEY=VALUE ...]`."""

import sys

from synthgen.train import train

KNOBS = [
    "dataset=mix", "dataset.weights={copying: 0.3, recall: 0.3, depo: 0.4}",
    "dataset.config.copying={num_items: [4, 8], num_symbols: 16}",
    "dataset.config.recall={num_pairs: 4, num_queries: 2, num_symbols: 16}",
    "dataset.config.depo={n_max: 8, k_max: 2, num_queries: 4, mini_vocab: 16, max_word_len: 1}",
    "model=hybrid", "model.size=0.2m", "model.canon=A", "optimizer.lr=3e-3", "train.batch_size=32",
]  # fmt: skip


def main() -> None:
    """Train on all, and tell the tasks apart."""
    steps, *more = sys.argv[1:] or ["300"]
    result = train([*KNOBS, f"train.max_steps={steps}", "output_dir=outputs/custom_task_mix", *more])
    for task in ("copying", "recall", "depo"):
        print(f"{task}: {result.figures[f'answer_accuracy/task={task}']:.3f} of the tokens of answers")
    for name, value in result.figures.items():
        if name.startswith("exact_match/hops="):
            print(f"depo, {name.partition('=')[2]} hops: {value:.3f} of the answers")


if __name__ == "__main__":
    main()
