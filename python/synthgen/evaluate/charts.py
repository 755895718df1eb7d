"""Charts of the page, as inline SVG: their colours are the page's, so they follow its light and dark."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .figures import Panel, dodged
from .store import OUTCOMES
from .summary import level_name, percent

CONTROLS = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | {0x7F: "\u2421"}
HIDDEN = dict.fromkeys(
    [*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "\N{REPLACEMENT CHARACTER}",
)
COUNTED = tuple("errors" if name == "error" else name for name in OUTCOMES)
"""Outcomes by their names in a summary."""


def esc(text: Any) -> str:
    """A text in HTML; what would not be seen, or would turn the direction of writing, is made visible."""
    return html.escape(str(text).translate(CONTROLS | HIDDEN))


def _svg(width: float, height: float, label: str, parts: Iterator[str] | Sequence[str], kind: str) -> str:
    inside = "".join(parts)
    return f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{esc(label)}">{inside}</svg>'


def curves(panel: Panel, levels: Sequence[int], width: int = 360) -> str:
    """Accuracies over levels, with intervals as bars."""
    height, left, top, bottom = round(0.64 * width), 40, 10, 28
    low, high = min(levels) - 0.35, max(levels) + 0.35

    def x(level: float) -> float:
        return left + (level - low) / (high - low) * (width - left - 8)

    def y(share: float) -> float:
        return top + (1 - share) * (height - top - bottom)

    def parts() -> Iterator[str]:
        for share in (0, 0.25, 0.5, 0.75, 1):
            yield f'<path class="grid" d="M{left} {y(share):.1f}H{width - 8}"/>'
            yield f'<text x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for level in levels:
            name = level_name(str(level)).lower()
            yield f'<text x="{x(level):.1f}" y="{height - 8}" text-anchor="middle">{name}</text>'
        for at, line in enumerate(panel.lines):
            places = [(x(dodged(point.level, at, len(panel.lines))), point) for point in line.points]
            if not places:
                continue
            path = "M" + "L".join(f"{place:.1f} {y(point.accuracy):.1f}" for place, point in places)
            yield f'<g class="line c{at % 7} d{at // 7 % 4}"><path class="curve" d="{path}"/>'
            for place, point in places:
                says = f"{line.name}, {level_name(str(point.level)).lower()}: {percent(point.accuracy)}"
                says += f" ({percent(point.low)} to {percent(point.high)})"
                yield f"<g><title>{esc(says)}</title>"
                yield f'<path d="M{place:.1f} {y(point.low):.1f}V{y(point.high):.1f}"/>'
                yield f'<circle cx="{place:.1f}" cy="{y(point.accuracy):.1f}" r="3.6"/></g>'
            yield "</g>"

    return _svg(width, height, f"Accuracy by difficulty: {panel.title}", parts(), "chart")


def legend(names: Sequence[str]) -> str:
    """Names beside their colours."""
    entries = "".join(
        f'<li><svg class="key" viewBox="0 0 24 10" aria-hidden="true"><g class="line c{at % 7} d{at // 7 % 4}">'
        f'<path class="curve" d="M0 5H24"/><circle cx="12" cy="5" r="3.6"/></g></svg>{esc(name)}</li>'
        for at, name in enumerate(names)
    )
    return f'<ul class="legend">{entries}</ul>'


def stacked(block: Mapping[str, Any], label: str) -> str:
    """Outcomes of a part of a run as one bar."""
    total = sum(block[name] for name in COUNTED)

    def parts() -> Iterator[str]:
        at = 0.0
        for name, key in zip(OUTCOMES, COUNTED, strict=True):
            size = 400 * block[key] / total if total else 0
            if size:
                says = f"{name}: {block[key]} of {total}"
                yield f'<rect class="o-{name}" x="{at:.2f}" y="0" width="{size:.2f}" height="16"/>'
                yield f'<rect class="hover" x="{at:.2f}" y="0" width="{size:.2f}" height="16">'
                yield f"<title>{esc(says)}</title></rect>"
            at += size

    says = ", ".join(
        f"{block[key]} {name}" for name, key in zip(OUTCOMES, COUNTED, strict=True) if block[key]
    )  # fmt: skip
    bar = _svg(400, 16, f"{label}: {says or 'nothing yet'}", parts(), "bar")
    return bar.replace('role="img"', 'role="img" preserveAspectRatio="none"')


def duration(milliseconds: float | None) -> str:
    """A time with three digits."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.3g} s"


def histogram(timing: Mapping[str, Any]) -> str:
    """Latencies over a logarithmic axis."""
    edges, counts = timing["histogram"]["edges"], timing["histogram"]["counts"]
    if not counts:
        return '<p class="quiet">No answers yet.</p>'
    width, height, top, bottom = 360, 150, 20, 24
    step, most = width / len(counts), max(counts)

    def parts() -> Iterator[str]:
        for at, count in enumerate(counts):
            tall = (height - top - bottom) * count / most
            says = f"{duration(edges[at])} to {duration(edges[at + 1])}: {count}"
            yield f'<rect class="column" x="{at * step + 0.7:.1f}" y="{height - bottom - tall:.1f}"'
            yield f' width="{step - 1.4:.1f}" height="{tall:.1f}"><title>{esc(says)}</title></rect>'
        yield f'<path class="axis" d="M0 {height - bottom}H{width}"/>'
        for at in (0, len(counts) // 3, 2 * len(counts) // 3, len(counts)):
            anchor = "start" if at == 0 else "end" if at == len(counts) else "middle"
            place = f'x="{at * step:.1f}" y="{height - 8}" text-anchor="{anchor}"'
            yield f"<text {place}>{duration(edges[at])}</text>"
        yield f'<text x="{width}" y="12" text-anchor="end">tallest: {most} answers</text>'

    return _svg(width, height, "Histogram of latencies, on a logarithmic axis", parts(), "chart")


def difference(low: float, middle: float, high: float, reach: float) -> str:
    """A difference and its interval, beside nought; the axis goes as far as `reach` to both sides."""

    def x(value: float) -> float:
        return 80 + 76 * max(-1.0, min(1.0, value / reach))

    kind = "up" if low > 0 else "down" if high < 0 else "open"
    parts = [
        '<path class="grid" d="M80 0V18"/>',
        f'<g class="gap {kind}"><path d="M{x(low):.1f} 9H{x(high):.1f}"/>',
        f'<circle cx="{x(middle):.1f}" cy="9" r="4"/></g>',
    ]
    return _svg(160, 18, f"{middle:+.1%}, from {low:+.1%} to {high:+.1%}", parts, "forest")
