"""The picture of a dataset: how long its rows are, and how its tokens are shared out.

It is drawn in greys that are places in a palette: first the greys from white to black, among which the soft edges of
texts fall, then the colours. Texts are drawn twice as large and made smaller; boxes lie on whole pixels.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..checks import extra

_COLOURS = ((0x44, 0x77, 0xAA), (0xDD, 0xAA, 0x33), (0xBB, 0x55, 0x66))
"""Levels 1, 2, 3: told apart also without colour vision, and in grey."""
_INK, _SOFT, _GRID = 215, 160, 28
_TINTS, _SOLID = 240, 248
"""In the palette: the mixed tints of each set of levels, as bits, and the levels' own colours."""
_WIDTH, _RIGHT, _TOP, _PLOT, _ROW = 880, 848, 72, 270, 27
"""Pixels: the whole, the right end of both panels, the upper one's top and height, and a task of the lower one."""


class _Png(io.BytesIO):
    """A file in memory whose name tells Pillow its format, so that it loads no other."""

    name = "statistics.png"


class _Sheet:
    """A picture under way; `left` is where its panels begin."""

    def __init__(self, height: int, names: Sequence[str]) -> None:
        extra("PIL", "data")
        from PIL import Image, ImageDraw, ImageFont

        self.new, self.draw, self.small = Image.new, ImageDraw.Draw, Image.Resampling.LANCZOS
        self.fonts = {size: ImageFont.load_default(2 * size) for size in (14, 18)}
        self.image = Image.new("L", (_WIDTH, height))
        self.pen = ImageDraw.Draw(self.image)
        self.left = 26 + max(map(self.width, [*names, "1.25M"]))

    def width(self, text: str, size: int = 14) -> int:
        return math.ceil(self.fonts[size].getlength(text) / 2)

    def text(self, x: float, y: int, text: str, share: float = 0, colour: int = _INK, size: int = 14) -> None:
        """Write with the middle of the line at y, and with this share of the text left of x."""
        width, height = self.width(text, size) + 2, size + 8
        mask = self.new("L", (2 * width, 2 * height))
        self.draw(mask).text((2, height), text, 255, self.fonts[size], "lm")
        corner = round(x - share * (width - 2)) - 1, y - height // 2
        self.image.paste(colour, corner, mask.resize((width, height), self.small))

    def box(self, left: int, top: int, right: int, bottom: int, colour: int) -> None:
        if left < right and top < bottom:
            self.pen.rectangle((left, top, right - 1, bottom - 1), colour)

    def frame(self, top: int, base: int, title: str, across: str, ticks: Sequence[tuple[int, str]]) -> None:
        """Axes, with the title above and as many of the ticks below as have room."""
        self.box(self.left - 1, top, self.left, base + 1, _INK)
        self.box(self.left - 1, base, _RIGHT, base + 1, _INK)
        self.text(self.left, min(top - 20, 22 if top == _TOP else top), title, size=18)
        self.text((self.left + _RIGHT) / 2, base + 38, across, 0.5, _SOFT)
        for step in itertools.count(1):
            ends = [(x - self.width(text) / 2, x + self.width(text) / 2) for x, text in ticks[::step]]
            if all(one[1] + 10 < two[0] for one, two in itertools.pairwise(ends)):
                break
        for x, text in ticks[::step]:
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
    file = _Png()
    sheet.image.save(file)
    return file.getvalue()


def _palette() -> list[int]:
    flat = [255 - grey for grey in range(_TINTS) for _ in "rgb"]
    for levels in range(_SOLID - _TINTS):
        mixed = [255, 255, 255]
        for level, colour in enumerate(_COLOURS):
            if levels >> level & 1:
                mixed = [round(0.8 * old + 0.2 * new) for old, new in zip(mixed, colour, strict=True)]
        flat += mixed
    return [*flat, *itertools.chain.from_iterable(_COLOURS)]
