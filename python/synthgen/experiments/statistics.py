"""Means with intervals, paired differences, and Holm's correction for several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..checks import extra
from ..errors import param_error
from ..statistics import holm

LEVEL = 0.95


class Mean(NamedTuple):
    """A mean over seeds, the ends of its 95 % interval (Student's t), and the number of values."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Mean:
    """Give the mean of values that are independent, and its interval; of fewer than two values, all numbers."""
    found = np.asarray(values, np.float64)
    if not found.size:
        raise param_error(None, "values", [], "allowed: one value at least")
    middle, count = float(found.mean()), len(found)
    if count < 2:
        return Mean(middle, -math.inf, math.inf, count)
    t = float(extra("scipy.stats", "train").t.ppf((1 + level) / 2, count - 1))
    reach = t * float(found.std(ddof=1)) / math.sqrt(count)
    return Mean(middle, middle - reach, middle + reach, count)


class Difference(NamedTuple):
    """The mean difference of pairs, its interval, and how likely one as large is where there is none.

    The interval is that of the level after correction, where several differences are looked at together.
    """

    mean: float
    low: float
    high: float
    p: float  # two-sided, of the paired t test
    p_holm: float  # after Holm's correction; that of p where there is one difference
    n: int

    @property
    def sure(self) -> bool:
        """Does the interval exclude 0?"""
        return self.low > 0 or self.high < 0


def p_value(differences: Sequence[float]) -> float:
    """The two-sided p of the paired t test; nan of fewer than two pairs. Differences that are all equal are certain."""
    found = np.asarray(differences, np.float64)
    if len(found) < 2:
        return math.nan
    spread = float(found.std(ddof=1))
    if spread == 0:
        return 1.0 if found[0] == 0 else 0.0
    t = abs(float(found.mean())) * math.sqrt(len(found)) / spread
    return float(2 * extra("scipy.stats", "train").t.sf(t, len(found) - 1))


def differences(pairs: dict[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Difference]:
    """Compare pairs of runs, (with, without) by name, as one family.

    Intervals of the family are Holm's as well: the difference of rank k of m has level 1 - 0.05 / (m - k + 1), and an
    interval excludes 0 where its corrected p is below 0.05 and so are all smaller ones.
    """
    gaps = {name: np.subtract(one, other) for name, (one, other) in pairs.items()}
    plain = {name: p_value(gap.tolist()) for name, gap in gaps.items()}
    corrected = dict(zip(plain, holm(list(plain.values())), strict=True))
    ordered = sorted(plain, key=lambda name: (math.isnan(plain[name]), plain[name]))
    found = {}
    for rank, name in enumerate(ordered):
        middle, low, high, count = mean_interval(gaps[name].tolist(), 1 - (1 - LEVEL) / (len(ordered) - rank))
        if low > 0 or high < 0:
            # Holm stops at the first difference that is not sure: what comes after it is not sure either.
            sure = corrected[name] < 1 - LEVEL
            low, high = (low, high) if sure else (min(low, 0.0), max(high, 0.0))
        found[name] = Difference(middle, low, high, plain[name], corrected[name], count)
    return {name: found[name] for name in pairs}
