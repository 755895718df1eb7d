"""Figures of a seed: losses, accuracies, the final accuracies as bars, and effects of patching as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...data.files import write_atomic
from ...drawing import COLOURS, figure, png, tidy

PANELS = ("ID", "BASE", "OOD")
"""Kinds of test sets, each a panel of the histogram."""


def draw(folder: Path, history: Mapping[str, Any], final: Mapping[str, Any]) -> list[Path]:
    """Draw the figures of a seed's results."""
    losses = {"train": history["train_losses"], **history["eval_losses"]}
    train = [one["train"]["accuracy"] for one in history["train_accuracy_results"]]
    accuracies = {
        name: [one[name]["accuracy"] for one in history["accuracy_results"]] for name in history["accuracy_results"][0]
    }
    drawn = {
        "loss_curve": _curves(history["epochs"], losses, {"train"}, "loss (nats per answer token)"),
        "accuracy_curve": _curves(
            history["accuracy_epochs"], accuracies, set(), "accuracy", (history["train_accuracy_epochs"], train)
        ),
        "accuracy_histogram": histogram({name: one["accuracy"] for name, one in final["test"].items()}),
    }
    for name, content in drawn.items():
        write_atomic(folder / f"{name}.png", content, durable=False)
    return [folder / f"{name}.png" for name in drawn]


def histogram(accuracies: Mapping[str, float]) -> bytes:
    """Bars of the test sets with their values, a panel for each kind of set that there is."""
    found = {kind: {n: v for n, v in accuracies.items() if n.endswith(f"_{kind}")} for kind in PANELS}
    found = {kind: bars for kind, bars in found.items() if bars}
    made = figure(9, 0.6 + 2.8 * max(len(found), 1))
    grids = made.subplots(max(len(found), 1), squeeze=False)[:, 0]
    for grid, (kind, bars) in zip(grids, found.items(), strict=False):
        names = [name.removeprefix("test_").removesuffix(f"_{kind}") for name in bars]
        shown = grid.bar(names, list(bars.values()), color=COLOURS[0])
        grid.bar_label(shown, [f"{value:.2f}" for value in bars.values()], fontsize=8)
        grid.set(ylim=(0, 1.12), ylabel="accuracy", title=kind)
        grid.tick_params(axis="x", labelsize=8)
        tidy(grid)
    return png(made)


def heat_map(values: Sequence[Sequence[float]], columns: Sequence[str], title: str) -> bytes:
    """Shares by layer and column."""
    made = figure(2.2 + 1.4 * len(columns), 1.8 + 0.45 * len(values))
    grid = made.subplots()
    image = grid.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for layer, row in enumerate(values):
        for column, value in enumerate(row):
            colour = "black" if value > 0.6 else "white"
            grid.text(column, layer, f"{value:.2f}", ha="center", va="center", color=colour)
    grid.set_xticks(range(len(columns)), columns)
    grid.set_yticks(range(len(values)), [str(layer + 1) for layer in range(len(values))])
    grid.set(ylabel="after layer", title=title)
    made.colorbar(image, ax=grid, label="share of answers")
    return png(made)


def _curves(
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    dashed: set[str],
    label: str,
    train: tuple[Sequence[int], Sequence[float]] | None = None,
) -> bytes:
    from matplotlib import colormaps

    made = figure(10, 5)
    grid = made.subplots()
    for at, (name, values) in enumerate(lines.items()):
        look = {"color": "black", "linestyle": "--"} if name in dashed else {"color": colormaps["tab20"](at % 20)}
        grid.plot(epochs, values, label=name, marker="o", markersize=2, linewidth=1.2, **look)
    if train is not None:
        grid.plot(*train, label="train", color="black", linestyle="--", linewidth=1.4)
        grid.set_ylim(-0.02, 1.02)
    elif 0 < 10 * min(map(min, lines.values())) < max(map(max, lines.values())):
        grid.set_yscale("log")
    grid.set(xlabel="epoch", ylabel=label)
    tidy(grid)
    grid.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=7)
    return png(made)
