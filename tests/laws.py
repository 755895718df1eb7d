"""Statistics for the tests of distribution, with limits that a right sampler misses once in a million."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

Z = 4.7534  # a standard normal lies above this with probability 1e-6


def chi_square_limit(freedom: int) -> float:
    """Return what chi-square exceeds once in a million, its cube root taken as normal (Wilson, Hilferty)."""
    a = 2 / (9 * freedom)
    return float(freedom * (1 - a + Z * sqrt(a)) ** 3)


def assert_follows(counts: Sequence[float] | Ints, shares: Any, what: str = "") -> None:
    """Hold the counts to the law ``shares`` (on any scale) by chi-square, small cells put together."""
    observed = np.asarray(counts, dtype=np.float64)
    law = np.asarray(shares, dtype=np.float64)
    assert observed.shape == law.shape, f"{what}: {observed.shape} cells, the law has {law.shape}"
    observed, law = observed.ravel(), law.ravel()
    assert not observed[law == 0].any(), f"{what}: something impossible was drawn"
    expected = observed.sum() * law / law.sum()
    rare = expected < 8
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    full = expected >= 8
    if not full[-1]:  # the rare cells together are still too few to judge
        assert observed[-1] < 40, f"{what}: rare values are too frequent"
    observed, expected = observed[full], expected[full]
    assert len(expected) > 1, f"{what}: nothing to compare"
    statistic = float(((observed - expected) ** 2 / expected).sum())
    limit = chi_square_limit(len(expected) - 1)
    assert statistic < limit, f"{what}: chi-square {statistic:.1f} on {len(expected)} cells, limit {limit:.1f}"


def assert_uniform(values: Ints | Sequence[int], low: int, high: int, what: str = "") -> None:
    """Hold the values to be uniform on low..high, both included, and never outside."""
    drawn = np.asarray(values).ravel()
    assert low <= drawn.min(), f"{what}: {drawn.min()} was drawn"
    assert drawn.max() <= high, f"{what}: {drawn.max()} was drawn"
    assert_follows(np.bincount(drawn - low, minlength=high - low + 1), np.ones(high - low + 1), what)


def assert_all_equally_likely(rows: Ints, cells: int, what: str = "") -> None:
    """Hold that exactly ``cells`` different rows occur, each as often as any other."""
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    assert len(counts) == cells, f"{what}: {len(counts)} different outcomes, not {cells}"
    if cells > 1:
        assert_follows(counts, np.ones(cells), what)


def assert_mean(values: NDArray[Any], mean: float, deviation: float, what: str = "") -> None:
    """Hold the values to be independent draws of this mean and standard deviation."""
    found = float(np.mean(values))
    error = deviation / sqrt(np.size(values))
    assert abs(found - mean) < Z * error, f"{what}: mean {found:.4f}, not {mean:.4f} within {Z * error:.4f}"


def assert_same_law(one: Ints, other: Ints, what: str = "") -> None:
    """Hold two samples to one law: chi-square of homogeneity on about twenty bins of equal weight."""
    edges = np.unique(np.quantile(np.concatenate([one, other]), np.linspace(0, 1, 21)[1:-1]))
    a = np.bincount(np.searchsorted(edges, one), minlength=len(edges) + 1)
    b = np.bincount(np.searchsorted(edges, other), minlength=len(edges) + 1)
    keep = a + b > 0
    a, b = a[keep], b[keep]
    scale = sqrt(b.sum() / a.sum())
    statistic = float(((scale * a - b / scale) ** 2 / (a + b)).sum())
    limit = chi_square_limit(len(a) - 1)
    assert statistic < limit, f"{what}: chi-square {statistic:.1f} on {len(a)} cells, limit {limit:.1f}"


def flatten(batch: Any) -> tuple[Ints, Ints]:
    """Put all the ids of a batch in one line without padding, beside the row that each came from."""
    ids = np.asarray(batch.input_ids)
    lengths = np.asarray(batch.lengths).astype(np.int64)
    inside = np.arange(ids.shape[1]) < lengths[:, None]
    return ids[inside].astype(np.int64), np.repeat(np.arange(len(ids)), lengths)


def tag_arrays(tagged: Sequence[tuple[str, int]], names: Sequence[str]) -> tuple[Ints, Ints]:
    """Give for every id the place of its tag in ``names`` (-1 if it has none there), and its value."""
    tags = [names.index(tag) if tag in names else -1 for tag, _ in tagged]
    return np.array(tags, dtype=np.int64), np.array([value for _, value in tagged], dtype=np.int64)
