"""What a grid of runs says: tables over seeds, what can be told apart, and what was expected beside what came."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from ..checks import extra
from ..data.files import write_atomic
from ..statistics import holm, interval
from .statistics import mean_interval

LEARNED = 0.25
"""A model has learned something where it is surely more than this part of the way from the floor to all right: what
guessing among the candidates that a prompt names comes to is less."""
SURE = 0.05


@dataclass(frozen=True)
class Row:
    """A run in results.csv."""

    task: str
    model: str
    size: str
    parameters: int  # embeddings included
    axis: str
    level: str  # or the value of another axis
    seed: int
    steps: int
    tokens: int  # seen in training, padding left out
    answers: int  # held-out answers that were scored
    answer_accuracy: float
    exact_match: float
    completion: float
    loss: float
    chance: float  # the floor: what the best constant answer gets right


@dataclass(frozen=True)
class Summary:
    """The seeds of a model on a task at a level, in summary.csv."""

    task: str
    model: str
    size: str
    parameters: int
    axis: str
    level: str
    seeds: int
    answers: int  # of all seeds
    exact_match: float
    mean_low: float  # Student's interval of the mean over seeds, within 0..1
    mean_high: float
    pooled_low: float  # Wilson's interval of the answers of all seeds
    pooled_high: float
    lowest: float  # seed
    highest: float
    deviation: float  # of the seeds
    answer_accuracy: float
    completion: float
    loss: float
    chance: float
    score: float  # of exact match: 0 at the floor, 1 where all is right
    learned: bool
    against_best: str  # of the models in its place: best, below, or noise, where it is not told apart from the best


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Summarise runs over their seeds, in the order in which they came."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.task, row.model, row.size, row.level), []).append(row)
    found = [_summary(group) for group in groups.values()]
    places: dict[tuple[str, ...], list[Summary]] = {}
    for one in found:
        places.setdefault((one.task, one.size, one.level), []).append(one)
    words: dict[int, str] = {}
    for place in places.values():
        best = max(place, key=lambda one: one.exact_match)
        others = [one for one in place if one is not best]
        for one, gap in zip(others, gaps([(best, one) for one in others]), strict=True):
            words[id(one)] = "below" if gap.told else "noise"
        words[id(best)] = "best"
    return [Summary(**{**asdict(one), "against_best": words[id(one)]}) for one in found]


def _summary(group: Sequence[Row]) -> Summary:
    one, matches = group[0], [row.exact_match for row in group]
    answers = sum(row.answers for row in group)
    right = sum(round(row.exact_match * row.answers) for row in group if row.answers)
    mean = mean_interval(matches)
    low, high = interval(right, answers)
    room = 1 - one.chance
    return Summary(
        task=one.task,
        model=one.model,
        size=one.size,
        parameters=one.parameters,
        axis=one.axis,
        level=one.level,
        seeds=len(group),
        answers=answers,
        exact_match=mean.mean,
        mean_low=max(mean.low, 0.0),
        mean_high=min(mean.high, 1.0),
        pooled_low=low,
        pooled_high=high,
        lowest=min(matches),
        highest=max(matches),
        deviation=_deviation(matches),
        answer_accuracy=_mean([row.answer_accuracy for row in group]),
        completion=_mean([row.completion for row in group]),
        loss=_mean([row.loss for row in group]),
        chance=one.chance,
        score=(mean.mean - one.chance) / room if room else 0.0,
        learned=low > one.chance + LEARNED * room,
        against_best="",
    )


class Gap(NamedTuple):
    """The first model's exact match less the second's, its corrected p, and whether it is more than noise."""

    mean: float
    p: float
    told: bool


def gaps(pairs: Sequence[tuple[Summary, Summary]]) -> list[Gap]:
    """Compare pairs as one family.

    Two models are told apart where both hold: Welch's t test over seeds, corrected by Holm for the number of pairs,
    gives p < 0.05; and the pooled Wilson intervals do not overlap. With one seed nothing is told apart.
    """
    corrected = holm([welch(one, other) for one, other in pairs])
    return [
        Gap(
            one.exact_match - other.exact_match,
            p,
            p < SURE and (one.pooled_low > other.pooled_high or other.pooled_low > one.pooled_high),
        )
        for (one, other), p in zip(pairs, corrected, strict=True)
    ]


def welch(one: Summary, other: Summary) -> float:
    """The two-sided p of Welch's t test over seeds; nan where a model has fewer than two.

    No variance is taken for less than that of drawing so many held-out rows: few seeds may agree by luck.
    """
    if min(one.seeds, other.seeds) < 2:
        return math.nan
    parts = [_variance(each) / each.seeds for each in (one, other)]
    total = sum(parts)
    freedom = total**2 / sum(part**2 / (each.seeds - 1) for part, each in zip(parts, (one, other), strict=True))
    t = abs(one.exact_match - other.exact_match) / math.sqrt(total)
    return float(2 * extra("scipy.stats", "train").t.sf(t, freedom))


def _variance(one: Summary) -> float:
    # Agresti and Coull's share is never 0 or 1.
    share = (one.exact_match * one.answers + 2) / (one.answers + 4)
    return max(one.deviation**2, share * (1 - share) * one.seeds / max(one.answers, 1))


class Expected(NamedTuple):
    """What the authors of a task expect of a family: its place among the families, if they give one, and in words."""

    rank: int | None  # 0: first
    words: str


FAMILIES: Mapping[str, tuple[str, ...]] = {
    "Transformers": ("transformer", "transformer_canon"),
    "Mamba/GDN": ("mamba2", "gdn"),
    "Linear Attention": ("linear",),
}
BESIDE = ("gla",)
"""Models that are listed, but of which nothing was expected."""
_MLP = Expected(None, "as good as its MLP")
EXPECTED: Mapping[str, tuple[Expected, ...]] = {
    "dyna": (Expected(0, "good"), Expected(1, "in between"), Expected(2, "poor: sums forget the order")),
    "inducto": (Expected(0, "good: it has induction heads"), Expected(1, "poor"), Expected(1, "poor")),
    "filtro": (Expected(0, "very good"), Expected(1, "poor: noise stays in the state"), Expected(1, "poor")),
    "logic": (_MLP, _MLP, _MLP),
}
"""By task, of each family: the expectations of SynthLM, in our words."""
AGREES, DISAGREES, OPEN, NOBODY = "agrees", "disagrees", "not told apart", "not learned by anyone"


class Difference(NamedTuple):
    """What was expected of a task, and what came, at one level and size."""

    task: str
    level: str
    size: str
    chance: float
    found: Mapping[str, Summary | None]  # the best of each family, and the models that are listed beside
    pairs: str
    verdict: str


def differences(summaries: Sequence[Summary]) -> list[Difference]:
    """Hold what was measured beside what was expected.

    The verdict is about the order of the families: it agrees where every expected order is there and more than noise,
    disagrees where one is turned round by more than noise (or, where no order is expected, is there at all), and is
    open otherwise. Where no model has learned anything there is nothing to compare.
    """
    places: dict[tuple[str, str, str], list[Summary]] = {}
    for one in summaries:
        if one.task in EXPECTED:
            places.setdefault((one.task, one.level, one.size), []).append(one)
    made = []
    for (task, level, size), place in places.items():
        found = {family: _best(place, names) for family, names in FAMILIES.items()}
        pairs, verdict = _judged(dict(zip(FAMILIES, EXPECTED[task], strict=True)), found)
        if not any(one.learned for one in place):
            verdict = NOBODY
        beside = {name: _best(place, (name,)) for name in BESIDE}
        made.append(Difference(task, level, size, place[0].chance, {**found, **beside}, pairs, verdict))
    return made


def _best(place: Sequence[Summary], names: Sequence[str]) -> Summary | None:
    return max((one for one in place if one.model in names), key=lambda one: one.exact_match, default=None)


def _judged(expected: Mapping[str, Expected], found: Mapping[str, Summary | None]) -> tuple[str, str]:
    """The pairs of families in words, and the verdict."""
    names = sorted((name for name, one in found.items() if one), key=lambda name: expected[name].rank or 0)
    pairs = [
        (one, other)
        for at, one in enumerate(names)
        for other in names[at + 1 :]
        if expected[one].rank is None or expected[one].rank != expected[other].rank
    ]
    compared = [(a, b) for one, other in pairs if (a := found[one]) and (b := found[other])]
    told, words, verdicts = gaps(compared), [], []
    for (one, other), gap in zip(pairs, told, strict=True):
        ordered = expected[one].rank is not None
        sign = ("<" if gap.mean < 0 else ">") if gap.told else "~"
        words.append(f"{one} {sign} {other} ({gap.mean:+.3f}, p {_p(gap.p)})")
        verdicts.append(OPEN if not gap.told else AGREES if ordered and gap.mean > 0 else DISAGREES)
    verdict = DISAGREES if DISAGREES in verdicts else AGREES if set(verdicts) == {AGREES} else OPEN
    return "; ".join(words), verdict


def _p(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.2g}"


def write_results(root: Path, rows: Sequence[Row]) -> None:
    """Write results.csv and results.parquet, a row for each run."""
    arrow, parquet = extra("pyarrow", "data"), extra("pyarrow.parquet", "data")
    plain = [{name: _rounded(value) for name, value in asdict(row).items()} for row in rows]
    write_atomic(root / "results.csv", table(plain))
    sink = arrow.BufferOutputStream()
    parquet.write_table(arrow.Table.from_pylist(plain), sink)
    write_atomic(root / "results.parquet", sink.getvalue().to_pybytes())


def write_report(root: Path, rows: Sequence[Row]) -> list[Path]:
    """Write summary.csv, differences.csv and .md, and the figures; give their paths."""
    from .scaling_figures import figures

    summaries = summarise(rows)
    found = differences(summaries)
    made = {
        "summary.csv": table([asdict(one) for one in summaries], [one.name for one in fields(Summary)]),
        "differences.csv": table([_flat(one) for one in found], _COLUMNS),
        "differences.md": _markdown(found).encode(),
        **figures(summaries),
    }
    for name, content in made.items():
        write_atomic(root / name, content)
    return [root / name for name in made]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> bytes:
    """Spell rows as CSV; numbers with six digits, as more are not the same on every machine."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _rounded(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _key(family: str) -> str:
    return family.lower().replace("/", "_").replace(" ", "_")


_PARTS = ("model", "exact_match", "pooled_low", "pooled_high", "lowest", "highest")
_OF_FAMILY = [*((family, (*_PARTS, "expected")) for family in FAMILIES), *((name, _PARTS) for name in BESIDE)]
_COLUMNS = [
    *("task", "level", "size", "chance"),
    *(f"{_key(family)}_{part}" for family, parts in _OF_FAMILY for part in parts),
    *("pairs", "verdict"),
]


def _flat(one: Difference) -> dict[str, Any]:
    row: dict[str, Any] = {"task": one.task, "level": one.level, "size": one.size, "chance": one.chance}
    for family, best in one.found.items():
        row |= {f"{_key(family)}_{part}": getattr(best, part) if best else "" for part in _PARTS}
    row |= {
        f"{_key(family)}_expected": expected.words
        for family, expected in zip(FAMILIES, EXPECTED[one.task], strict=True)
    }
    return row | {"pairs": one.pairs, "verdict": one.verdict}


_HEAD = """# Expected and measured differences of architectures

Exact match of the best model of each family, with the 95 % Wilson interval of the answers of all seeds, and the lowest
and highest seed; the expectation in italics. `~` is a difference that may be noise. What the columns and verdicts mean:
docs/experiments/scaling.md.
"""


def _markdown(found: Sequence[Difference]) -> str:
    heads = ["task", "level", "size", "floor", *FAMILIES, *BESIDE, "pairs", "verdict"]
    lines = [_HEAD, _line(heads), _line(["---"] * len(heads))]
    for one in found:
        words = [expected.words for expected in EXPECTED[one.task]] + [""] * len(BESIDE)
        measured = [_cell(best, text) for best, text in zip(one.found.values(), words, strict=True)]
        lines.append(_line([one.task, one.level, one.size, f"{one.chance:.3f}", *measured, one.pairs, one.verdict]))
    return "\n".join(lines) + "\n"


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _cell(best: Summary | None, words: str) -> str:
    expected = f"; *{words}*" if words else ""
    if best is None:
        return f"not run{expected}"
    reach = f"[{best.pooled_low:.3f}, {best.pooled_high:.3f}], seeds {best.lowest:.3f} to {best.highest:.3f}"
    return f"{best.model} {best.exact_match:.3f} {reach}{expected}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    middle = _mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1)) if len(values) > 1 else 0.0
