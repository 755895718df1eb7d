"""A step of training, measured side by side in one run: our transformer against a Llama of PyTorch's transformers.

Usage: python -m benches.training [--rounds 20] [--steps 2]

Both have width 128, 4 layers, 4 heads, 352 inside the MLP, 512 pieces, 32 windows of 256 tokens, float32 and AdamW with
clipping. Each runs in a process of its own, and they take turns. Ours draws its windows as the trainer does; PyTorch is
handed ids that are there already.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from statistics import median
from typing import Any

OWN = ("ours", "devices")
LAYERS, HEADS, WIDTH, INSIDE, VOCAB, TIME, BATCH = 4, 4, 128, 352, 512, 256, 32
SIDES = {
    "ours": "ours",
    "devices": "ours, a device a core",
    "torch": "PyTorch",
    "compiled": "PyTorch, torch.compile",
}


def torch_step(*, compiled: bool) -> Callable[[], None]:
    """A step of a Llama of transformers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=INSIDE, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, max_position_embeddings=TIME, tie_word_embeddings=True, use_cache=False,
        attn_implementation="sdpa",
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    ids = torch.randint(0, VOCAB, (BATCH, TIME))
    forward = torch.compile(model) if compiled else model

    def step() -> None:
        forward(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


class Ours:
    """Our steps of training, put together as `synthgen.train` does."""

    def __init__(self, model: Any, rows: Any, batch: int) -> None:
        from synthgen.train.config import OptimizerConfig, TrainConfig
        from synthgen.train.feed import Ahead
        from synthgen.train.parallel import parallel, parts
        from synthgen.train.steps import adamw, make_update, program

        config = TrainConfig(batch_size=batch)
        self.rows, self.batch, self.on = rows, batch, parallel(config)
        self.parts = parts(config, self.on.devices, rows.seq_len)
        self.program, state = program(model, adamw(OptimizerConfig(), 1000), 0)
        self.state = self.on.place(state)
        self.update = self.on.step(make_update(self.program, self.parts))
        self.feed = Ahead(lambda step: self.on.shard(self.draw(step)), 0, 1 << 40, config.prefetch)
        self._batches: Iterator[Any] = iter(self.feed)

    def draw(self, step: int) -> Any:
        """Rows of a step."""
        return self.rows.of(self.rows.draw(step * self.batch, self.batch))

    def step(self) -> None:
        """Make a step, and wait for it."""
        self.state, figures = self.update(self.state, next(self._batches))
        float(figures["loss"])


def compared() -> Ours:
    """Our side of the comparison."""
    from flax import nnx
    from synthgen.train.feed import Rows
    from synthgen.train.models import LanguageModel, ModelConfig
    from synthgen.tree import DatasetConfig

    rows = Rows(DatasetConfig(name="dyna", layout="packed", seq_len=TIME, loss="all"), 0)
    config = ModelConfig(VOCAB, width=WIDTH, num_layers=LAYERS, num_heads=HEADS, mlp_width=INSIDE)
    return Ours(LanguageModel(config, nnx.Rngs(0)), rows, BATCH)


def serve(side: str) -> None:
    """Make as many steps as each line of the input says, and print the seconds of one."""
    if side == "devices":
        import jax

        jax.config.update("jax_num_cpu_devices", os.cpu_count())
    step = compared().step if side in OWN else torch_step(compiled=side == "compiled")
    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        print((time.perf_counter() - began) / int(line), flush=True)


def alternate(sides: list[str], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds of a step of each side, by round; a side that does not start is left out."""
    words = [sys.executable, "-m", "benches.training", "--side"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    children: dict[str, Any] = {side: subprocess.Popen([*words, side], text=True, **pipes) for side in sides}
    for side, child in tuple(children.items()):
        if child.stdout.readline() != "ready\n":
            print(f"{SIDES[side]}: does not run here")
            del children[side]
    found: dict[str, list[float]] = {side: [] for side in children}
    for _ in range(rounds):
        for side, child in children.items():
            print(steps, file=child.stdin, flush=True)
            found[side].append(float(child.stdout.readline()))
    for child in children.values():
        child.communicate()
    return found


def fastest(call: Callable[[], Any], repeats: int = 5) -> float:
    """Seconds of the fastest call, after a first that may compile."""
    import jax

    jax.block_until_ready(call())
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - began)
    return min(times)


def breakdown(ours: Ours) -> dict[str, float]:
    """Seconds of each part of our step, by itself, forwards and backwards; "step" is the whole."""
    import jax
    import jax.numpy as jnp
    import optax
    from synthgen.train.models.layers import Layout

    state = ours.on.whole(ours.state)
    model = ours.program.model(state.trained, state.fixed)
    drawn = ours.draw(0)
    rows = {name: jnp.asarray(one[: BATCH // ours.parts]) for name, one in drawn.items()}
    ids, layout = rows["input_ids"], Layout.of(rows["input_ids"], rows["segments"], rows["positions"])
    x = jnp.asarray(model.embedding(ids))
    structure, first = ours.program, state

    def slope(function: Callable[[Any, Any], Any]) -> float:
        """Seconds of a part's value and of its slopes by the parameters and the input."""

        def total(trained: Any, x: Any) -> Any:
            return function(structure.model(trained, first.fixed), x).sum()

        compiled = jax.jit(jax.grad(total, (0, 1)))
        return ours.parts * fastest(lambda: compiled(first.trained, x))

    def loss(model: Any, x: Any) -> Any:
        logits = model.embedding.attend(model.norm(x))
        return optax.softmax_cross_entropy_with_integer_labels(logits, ids)

    optimize = jax.jit(lambda slopes: ours.program.optimizer.update(slopes, first.moments, first.trained))
    zeros = jax.tree.map(jnp.zeros_like, first.trained)
    return {
        "attention": LAYERS * slope(lambda model, x: model.blocks[0].mixer(x, layout)[0]),
        "MLP": LAYERS * slope(lambda model, x: model.blocks[0].mlp(x, layout)[0]),
        "norms": (2 * LAYERS) * slope(lambda model, x: model.blocks[0].norm(x)),
        "embedding": slope(lambda model, x: model.embedding(ids) + x),
        "output and loss": slope(loss),
        "optimizer": fastest(lambda: optimize(zeros)),
        "feed": fastest(lambda: ours.draw(1)),
        "step": fastest(ours.step),
    }


def waiting(steps: int) -> tuple[float, float]:
    """The trainer's default small model: share of the time that it waits for rows, and how much faster these are."""
    from synthgen.train.build import build
    from synthgen.train.config import TrainConfig
    from synthgen.train.feed import Rows
    from synthgen.tree import DatasetConfig

    rows, batch = Rows(DatasetConfig(name="dyna"), 0), TrainConfig().batch_size
    ours = Ours(build({}, rows.vocab_size, 0), rows, batch)
    for _ in range(3):
        ours.step()
    began, before = time.perf_counter(), ours.feed.waited
    for _ in range(steps):
        ours.step()
    spent = time.perf_counter() - began
    return (ours.feed.waited - before) / spent, spent / steps / fastest(lambda: ours.draw(1))


def main() -> None:
    """Print the comparison, the parts of our step, and how the feed keeps up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2, help="of each side in a round")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        serve(args.side)
        return
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{' and '.join(missing)} not installed: ours alone is measured (pip install torch transformers)")
    found = alternate(list(OWN if missing else SIDES), args.rounds, args.steps)
    for side, seconds in found.items():
        speeds = f"{BATCH * TIME / median(seconds):8,.0f} tokens/s (median)  {BATCH * TIME / min(seconds):8,.0f} (best)"
        print(f"{SIDES[side]:<24}{speeds}")
    for own, other in product(OWN, [side for side in found if side not in OWN]):
        ratio = median(one / two for one, two in zip(found[other], found[own], strict=True))
        print(f"{SIDES[own]} : {SIDES[other]} = {ratio:.2f} (median)  {min(found[other]) / min(found[own]):.2f} (best)")
    times = breakdown(compared())
    whole = times.pop("step")
    print(f"our step: {whole * 1e3:.0f} ms; its parts, each by itself:")
    for name, one in times.items():
        print(f"  {name:<16}{one * 1e3:8.1f} ms {one / whole:6.1%}")
    waited, multiple = waiting(50)
    print(f"default model: {waited:.2%} of the time waits for rows; the feed alone is {multiple:.0f}x as fast")


if __name__ == "__main__":
    main()
