"""The picture of a dataset: how long its rows are, and how its tokens are shared out.

It is drawn in greys that are places in a palette: first the greys from white to black, among which the soft edges of
texts fall, then the colours. Texts are drawn twice as large and made smaller; boxes lie on whole pixels.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..checks import extra

_COLOURS = ((0x44, 0x77, 0xAA), (0xDD, 0xAA, 0x33), (0xBB, 0x55, 0x66))
"""Levels 1, 2, 3: told apart also without colour vision, and in grey."""
_INK, _SOFT, _GRID = 215, 160, 28
_TINTS, _SOLID = 240, 248
"""In the palette: the mixed tints of each set of levels, as bits, and the levels' own colours."""
_WIDTH, _RIGHT, _TOP, _PLOT, _ROW = 880, 848, 50, 290, 27
"""Pixels: the whole, the right end of both panels, the upper one's top and height, and a task of the lower one."""


@lru_cache(maxsize=1)
def fonts() -> dict[int, Any]:
    """The fonts by size, at twice the size. They take longer to load than a picture to draw."""
    extra("PIL", "data")
    from PIL import ImageDraw, ImageFont, PngImagePlugin

    del ImageDraw, PngImagePlugin  # what the picture needs besides
    return {size: ImageFont.load_default(2 * size) for size in (14, 18)}


class _Sheet:
    """A picture under way; `left` is where its panels begin."""

    def __init__(self, height: int, names: Sequence[str]) -> None:
        extra("PIL", "data")
        from PIL import Image, ImageDraw

        self.new, self.pen, self.lanczos = Image.new, ImageDraw.Draw, Image.Resampling.LANCZOS
        self.fonts = fonts()
        self.image = Image.new("L", (_WIDTH, height))
        self.draw = ImageDraw.Draw(self.image)
        self.left = 26 + max(map(self.width, [*names, "1.25M"]))

    def width(self, text: str, size: int = 14) -> int:
        return math.ceil(float(self.fonts[size].getlength(text)) / 2)

    def text(self, x: float, y: int, text: str, share: float = 0, colour: int = _INK, size: int = 14) -> None:
        """Write with the middle of the line at y, and with this share of the text left of x."""
        width, height = self.width(text, size) + 2, size + 8
        mask = self.new("L", (2 * width, 2 * height))
        self.pen(mask).text((2, height), text, 255, self.fonts[size], "lm")
        corner = round(x - share * (width - 2)) - 1, y - height // 2
        self.image.paste(colour, corner, mask.resize((width, height), self.lanczos))

    def box(self, left: int, top: int, right: int, bottom: int, colour: int) -> None:
        if left < right and top < bottom:
            self.draw.rectangle((left, top, right - 1, bottom - 1), colour)

    def frame(self, top: int, base: int, titles: Sequence[str], ticks: Sequence[tuple[int, str]]) -> None:
        """Axes, with what they show above and below, and with as many of the ticks across as have room."""
        self.box(self.left - 1, top, self.left, base + 1, _INK)
        self.box(self.left - 1, base, _RIGHT, base + 1, _INK)
        title, up, across = titles
        self.text(self.left, top - 26, title, size=18)
        self.text(self.left + self.width(title, 18) + 12, top - 25, up, colour=_SOFT)
        self.text((self.left + _RIGHT) / 2, base + 38, across, 0.5, _SOFT)
        least = min((two[0] - one[0] for one, two in itertools.pairwise(ticks)), default=_WIDTH)
        room = 10 + max(self.width(text) for _, text in ticks)
        for x, text in ticks[:: math.ceil(room / max(least, 1))]:
            self.box(x, base, x + 1, base + 5, _INK)
            self.text(min(x, _WIDTH - 4 - self.width(text) / 2), base + 15, text, 0.5)


def histogram(summary: Mapping[str, Any]) -> bytes:
    """A PNG: rows by length and level above, tokens by task and level below. The same counts give the same bytes."""
    tokens: dict[str, list[int]] = {}
    for cell in summary["cells"]:
        tokens.setdefault(cell["task"], [0, 0, 0])[cell["level"] - 1] += cell["tokens"]
    top = _TOP + _PLOT + 100
    base = top + _ROW * max(len(tokens), 1)
    sheet = _Sheet(base + 60, list(tokens))
    _lengths(sheet, summary["lengths"])
    _tokens(sheet, top, base, tokens)
    sheet.image.putpalette(_palette())
    file = io.BytesIO()
    file.name = "statistics.png"  # By this Pillow knows the format, and loads no other.
    sheet.image.save(file)
    return file.getvalue()


def _palette() -> list[int]:
    flat = [255 - grey for grey in range(_TINTS) for _ in "rgb"]
    for levels in range(_SOLID - _TINTS):
        mixed = [colour for level, colour in enumerate(_COLOURS) if levels >> level & 1]
        flat += [round(255 - 0.2 * sum(255 - colour[part] for colour in mixed)) for part in range(3)]
    return [*flat, *itertools.chain.from_iterable(_COLOURS)]


def _lengths(sheet: _Sheet, lengths: Mapping[str, Any]) -> None:
    filled = [i for row in lengths["counts"].values() for i, count in enumerate(row) if count]
    first, last = (min(filled), max(filled) + 1) if filled else (0, 1)
    edges = lengths["edges"][first : last + 1] if filled else [0, 1]
    rows = [lengths["counts"][level][first:last] or [0] for level in "123"]
    base, top = _TOP + _PLOT, 1.04 * max(1, *map(max, rows))
    for tick in _ticks(top, 6):
        y = base - round(_PLOT * tick / top)
        sheet.box(sheet.left, y, _RIGHT, y + 1, _GRID)
        sheet.text(sheet.left - 9, y, _short(tick), 1)
    place, marks = _scale(sheet.left, edges)
    heights = [[round(_PLOT * count / top) or min(count, 1) for count in row] for row in rows]
    _stairs(sheet, base, [place(edge) for edge in edges], heights)
    titles = ("Rows by length", "rows per bin", "tokens in a row")
    sheet.frame(_TOP, base, titles, [(place(mark), f"{mark:,}") for mark in marks])
    for level in (1, 2, 3):
        x = _RIGHT - 80 * (4 - level) + 20
        sheet.box(x - 3, _TOP - 32, x + 10, _TOP - 19, _SOLID + level - 1)
        sheet.text(x + 16, _TOP - 26, f"level {level}")


def _scale(left: int, edges: Sequence[int]) -> tuple[Callable[[int], int], Sequence[int]]:
    """Where a length lies, and the lengths to name."""
    widths = [high - low for low, high in itertools.pairwise(edges)]
    if max(widths) <= 2 * min(widths):
        share = (_RIGHT - left) / (edges[-1] - edges[0])
        return lambda length: left + round(share * (length - edges[0])), edges
    # Bins that grow with the length look alike on a logarithmic axis, so that areas may be compared.
    low, high = (math.log2(max(edge, 1)) for edge in (edges[0], edges[-1]))
    share = (_RIGHT - left) / (high - low)
    powers = [2**power for power in range(math.ceil(low), math.floor(high) + 1)]
    return lambda length: left + round(share * (math.log2(max(length, 1)) - low)), powers or edges


def _stairs(sheet: _Sheet, base: int, edges: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
    for (left, right), column in zip(itertools.pairwise(edges), zip(*rows, strict=True), strict=True):
        for height in sorted(column, reverse=True):
            levels = sum(1 << level for level, other in enumerate(column) if other >= height)
            sheet.box(left, base - height, right, base, _TINTS + levels)
    for level, row in enumerate(rows):
        for (left, right), height in zip(itertools.pairwise(edges), row, strict=True):
            if height:
                sheet.box(left - 1, base - height - 1, right + 1, base - height + 1, _SOLID + level)
        for edge, pair in zip(edges, itertools.pairwise([0, *row, 0]), strict=True):
            sheet.box(edge - 1, base - max(pair), edge + 1, base - min(pair), _SOLID + level)


def _tokens(sheet: _Sheet, top: int, base: int, tokens: Mapping[str, Sequence[int]]) -> None:
    share = (_RIGHT - sheet.left - 52) / (max(map(sum, tokens.values()), default=0) or 1)
    ticks = [(sheet.left + round(share * tick), _short(tick)) for tick in _ticks((_RIGHT - sheet.left) / share, 10)]
    for x, _ in ticks:
        sheet.box(x, top, x + 1, base, _GRID)
    for row, (name, counts) in enumerate(tokens.items()):
        y = top + _ROW * row + _ROW // 2
        ends = [sheet.left + round(share * end) for end in itertools.accumulate(counts, initial=0)]
        for level, (left, right) in enumerate(itertools.pairwise(ends)):
            sheet.box(left, y - 9, right, y + 10, _SOLID + level)
        sheet.text(sheet.left - 9, y, name, 1)
        total = _short(sum(counts))
        sheet.box(ends[-1], y - 9, ends[-1] + 13 + sheet.width(total), y + 10, 0)
        sheet.text(ends[-1] + 7, y, total, colour=_SOFT)
    sheet.frame(top, base, ("Tokens by task and level", "", "tokens"), ticks)


def _ticks(top: float, most: int) -> range:
    """Round whole numbers from 0 to `top`."""
    least = max(top / most, 1)
    size = 10 ** int(math.log10(least))
    return range(0, int(top) + 1, next(step * size for step in (1, 2, 5, 10) if step * size >= least))


def _short(value: int) -> str:
    for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{letter}"
    return str(value)
