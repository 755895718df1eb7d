"""Intervals of shares and corrections for several tests: mathematics alone, for whatever counts and compares."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z = 1.959963984540054
"""97.5 % of a normal distribution lie below."""


def interval(correct: float, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; all of [0, 1] where nothing was counted."""
    if not total:
        return 0.0, 1.0
    share, spread = correct / total, Z * Z / total
    middle = share + spread / 2
    reach = math.sqrt(spread * (share * (1 - share) + spread / 4))
    # At the ends the formula is exact, but not its rounding.
    low = 0.0 if correct == 0 else (middle - reach) / (1 + spread)
    high = 1.0 if correct == total else (middle + reach) / (1 + spread)
    return low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for being several (Holm, 1979): the chance of any false finding stays what it is for one.

    nan stays nan, and is not counted.
    """
    known = sorted((p, at) for at, p in enumerate(p_values) if not math.isnan(p))
    found, worst = [math.nan] * len(p_values), 0.0
    for rank, (p, at) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * p))
        found[at] = worst
    return found


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p of McNemar's exact test: how likely discordant pairs fall as unevenly where chance decides."""
    count, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer >= count - 1:
        return 1.0
    # From the largest term down; each is the one before times a ratio.
    term = math.exp(
        math.lgamma(count + 1) - math.lgamma(fewer + 1) - math.lgamma(count - fewer + 1) - count * math.log(2)
    )
    terms = [term]
    for i in range(fewer, 0, -1):
        term *= i / (count - i + 1)
        if not term:
            break
        terms.append(term)
    return min(1.0, 2 * math.fsum(terms))


FLIPS = 10_000
"""Sign flips that are drawn, where there are more ways than that to flip."""


def sign_flips(differences: Sequence[float]) -> float:
    """The two-sided p of a permutation test of paired differences, whose signs are flipped at random.

    Where there are no more than FLIPS ways to flip them, all are looked at; otherwise FLIPS are drawn, always the same.
    """
    import random

    import numpy as np

    found = np.array(sorted(abs(one) for one in differences if one), np.float64)
    seen = abs(math.fsum(differences)) - 1e-9
    count = len(found)
    if 2**count <= FLIPS:
        flips = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float(np.mean(np.abs((1 - 2 * flips) @ found) >= seen)) if count else 1.0
    rng, width, extreme = random.Random(0), (count + 7) // 8, 0
    block = max(1, 2**22 // count)
    for first in range(0, FLIPS, block):
        rows = min(block, FLIPS - first)
        drawn = np.frombuffer(rng.randbytes(rows * width), np.uint8).reshape(rows, width)
        signs = 1.0 - 2.0 * np.unpackbits(drawn, axis=1, count=count)
        extreme += int(np.sum(np.abs(signs @ found) >= seen))
    return (extreme + 1) / (FLIPS + 1)


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Bonett and Price's 95 % interval (2012) of a mean of paired differences, each within [-1, 1].

    An adjusted Wald interval: a pair that the first got right alone and one that the second did are added, so it does
    not shrink to a point where few pairs, or none, differ. All of [-1, 1] where nothing was compared.
    """
    if not differences:
        return -1.0, 1.0
    count = len(differences) + 2
    middle = math.fsum(differences) / count
    square = (math.fsum(one * one for one in differences) + 2) / count
    reach = Z * math.sqrt(max(square - middle * middle, 0.0) / count)
    return max(-1.0, middle - reach), min(1.0, middle + reach)
