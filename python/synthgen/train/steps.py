"""One step: the loss of a batch, its gradient in parts, and the update; and what a model predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from .config import OptimizerConfig
from .models import LanguageModel
from .parallel import Sum


class State(NamedTuple):
    """What changes from step to step."""

    trained: Any  # parameters with gradients
    fixed: Any  # the others
    moments: Any  # of the optimizer
    step: Array  # int32 (); steps made


class Program(NamedTuple):
    """What stays: the structure of a model and the optimizer."""

    structure: Any
    optimizer: optax.GradientTransformation
    seed: int

    def model(self, trained: Any, fixed: Any) -> LanguageModel:
        """The model with these parameters."""
        found: LanguageModel = nnx.merge(self.structure, trained, fixed, copy=True)
        return found


def program(model: LanguageModel, optimizer: optax.GradientTransformation, seed: int) -> tuple[Program, State]:
    """Take a model apart into what stays and what changes: its adapters where it has some, else all parameters."""
    kind = nnx.LoRAParam if jax.tree.leaves(nnx.state(model, nnx.LoRAParam)) else nnx.Param
    structure, trained, fixed = nnx.split(model, kind, ...)  # type: ignore[misc]
    state = State(trained, fixed, optimizer.init(trained), jnp.zeros((), jnp.int32))
    return Program(structure, optimizer, seed), state


def schedule(config: OptimizerConfig, max_steps: int) -> optax.Schedule:
    """Learning rate by the number of steps made."""
    peak, end, warmup = config.lr, config.lr * config.final_share, min(config.warmup_steps, max_steps)
    rest = max(max_steps - warmup, 1)
    after = {
        "constant": optax.constant_schedule(peak),
        "linear": optax.linear_schedule(peak, end, rest),
        "cosine": optax.cosine_decay_schedule(peak, rest, config.final_share),
    }[config.schedule]
    # The first step is not lost: it has 1 / warmup of the peak.
    rise = optax.linear_schedule(peak / max(warmup, 1), peak, max(warmup - 1, 1))
    return optax.join_schedules([rise, after], [warmup])


def adamw(config: OptimizerConfig, max_steps: int) -> optax.GradientTransformation:
    """AdamW with clipping; weights decay where they have two dimensions or more, so norms and biases do not."""
    made = optax.adamw(
        schedule(config, max_steps),
        b1=config.beta1,
        b2=config.beta2,
        eps=config.eps,
        weight_decay=config.weight_decay,
        mask=lambda params: jax.tree.map(lambda one: one.ndim >= 2, params),
    )
    return made if config.clip_norm is None else optax.chain(optax.clip_by_global_norm(config.clip_norm), made)


def targets_of(rows: dict[str, Array]) -> tuple[Array, Array]:
    """The token that follows each, and its weight; the last has none."""
    targets = jnp.roll(rows["input_ids"], -1, 1)
    weights = jnp.roll(rows["weights"], -1, 1).at[:, -1].set(0)
    if "segments" in rows:
        # Nothing in a row says how the next one begins.
        weights *= jnp.roll(rows["segments"], -1, 1) == rows["segments"]
    return targets, weights.astype(jnp.float32)


def losses(model: LanguageModel, rows: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Cross-entropy in nats of the token after each and its weight, (batch, time), and logits (.., vocabulary).

    Where the weight is 0 the loss is too.
    """
    logits = model(rows["input_ids"], rows.get("segments"), rows.get("positions"))
    targets, weights = targets_of(rows)
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets) * weights, weights, logits


def make_update(own: Program, accumulate: int) -> Callable[[State, dict[str, Array], Sum], tuple[State, Any]]:
    """One step of training, as `Parallel.step` takes it.

    The loss is the mean over all predicted tokens of the step's batch, however it is divided among devices and parts.
    """

    def update(state: State, rows: dict[str, Array], total: Sum) -> tuple[State, dict[str, Array]]:
        predicted = total(targets_of(rows)[1].sum())
        count = jnp.maximum(predicted, 1)

        def loss(trained: Any, part: dict[str, Array], key: Array) -> Array:
            model = own.model(trained, state.fixed)
            model.train()  # type: ignore[no-untyped-call]
            nnx.reseed(model, dropout=key)
            return losses(model, part)[0].sum() / count

        def slope(number: Any, part: dict[str, Array]) -> Any:
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(own.seed), state.step), number)
            return jax.value_and_grad(loss)(state.trained, part, key)

        if accumulate == 1:
            found = slope(0, rows)
        else:
            # Row r is of part r modulo their number, so that every device has rows of every part.
            parts = {name: one.reshape(-1, accumulate, one.shape[1]).swapaxes(0, 1) for name, one in rows.items()}
            zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, state.trained))
            found, _ = jax.lax.scan(
                lambda sums, one: (jax.tree.map(jnp.add, sums, slope(*one)), None),
                zero,
                (jnp.arange(accumulate), parts),
            )
        value, slopes = total(found)
        changes, moments = own.optimizer.update(slopes, state.moments, state.trained)
        trained = optax.apply_updates(state.trained, changes)
        figures = {"loss": value, "grad_norm": optax.tree.norm(slopes)}
        return State(trained, state.fixed, moments, state.step + 1), figures

    return update


def make_predict(own: Program) -> Callable[[State, dict[str, Array]], dict[str, Array]]:
    """What a model in this state says of rows."""
    return lambda state, rows: said(own.model(state.trained, state.fixed), rows)


def said(model: LanguageModel, rows: dict[str, Array]) -> dict[str, Array]:
    """What a model says of rows: predictions int32 (n, time), of the token itself, and its loss and weight, float32.

    Column t is said from the tokens before t; column 0 says nothing.
    """
    model.eval()  # type: ignore[no-untyped-call]
    each, weights, logits = losses(model, rows)
    found = {"predictions": logits.argmax(-1).astype(jnp.int32), "losses": each, "weights": weights}
    return {name: jnp.roll(one, 1, 1) for name, one in found.items()}
