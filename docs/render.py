"""Draw docs/images/show.svg, the picture of the README: `python docs/render.py` after `make build`."""

from html import escape
from pathlib import Path

import synthgen

WIDTH, LINE, CHAR = 100, 20, 8.4
COLOURS = {0: "#8b949e", 1: "#3fb950"}


def lines(task: str, **params: object) -> list[list[tuple[str, int]]]:
    """The pieces of one row with their loss mask, broken into lines."""
    module = synthgen.get(task)
    batch = module.batch(1, 3, **params)
    length = int(batch.lengths[0])
    found: list[list[tuple[str, int]]] = [[]]
    used = 0
    for id_, mask in zip(batch.input_ids[0, :length], batch.loss_mask[0, :length], strict=True):
        piece = module.vocab.pieces[int(id_)]
        if used + len(piece) > WIDTH:
            found.append([])
            used = 0
        found[-1].append((piece, int(mask)))
        used += len(piece)
    return found


def svg() -> str:
    """Give the picture."""
    rows: list[tuple[str, list[tuple[str, int]]]] = []
    for command, shown in (
        ("$ synthgen show dyna --difficulty 1 --rows 1 --seed 3", lines("dyna", difficulty=1)),
        ("$ synthgen show depo --n-max 8 --num-queries 3 --rows 1 --seed 3", lines("depo", n_max=8, num_queries=3)),
    ):
        rows.append((command, []))
        rows += [("", line) for line in shown]
        rows.append(("", []))
    height = LINE * (len(rows) + 1)
    body = []
    for number, (command, pieces) in enumerate(rows):
        spans = f'<tspan fill="#e6edf3">{escape(command)}</tspan>' + "".join(
            f'<tspan fill="{COLOURS[mask]}">{escape(piece)}</tspan>' for piece, mask in pieces
        )
        body.append(f'<text x="16" y="{LINE * (number + 1) + 6}" xml:space="preserve">{spans}</text>')
    width = round(WIDTH * CHAR + 48)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="monospace" '
        f'font-size="14"><rect width="100%" height="100%" rx="8" fill="#0d1117"/>' + "\n".join(body) + "</svg>\n"
    )


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "show.svg").write_text(svg())
