"""Means, paired differences and Holm's correction, against scipy and against what the definitions say."""

import math

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthgen.experiments.statistics import differences, mean_interval, p_value
from synthgen.statistics import holm

values = st.lists(st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 6)), min_size=2, max_size=8)


@given(values)
def test_the_interval_of_a_mean_is_students(found: list[float]) -> None:
    made = mean_interval(found)
    if np.std(found) > 0:
        expected = stats.ttest_1samp(found, 0).confidence_interval(0.95)
        assert (made.low, made.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert made.low <= made.mean <= made.high
    assert made.n == len(found)


@given(values, st.randoms(use_true_random=False))
def test_p_is_that_of_the_paired_t_test(found: list[float], rng: object) -> None:
    other = [value / 3 + 0.1 for value in found]
    gaps = np.subtract(found, other)
    if np.std(gaps, ddof=1) > 1e-6:
        assert p_value(gaps.tolist()) == pytest.approx(stats.ttest_rel(found, other).pvalue, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_keeps_the_order_and_only_raises(found: list[float]) -> None:
    corrected = holm(found)
    assert all(before <= after <= 1 for before, after in zip(found, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, len(found) * min(found)))
    assert max(corrected) >= max(found)
    ranked = [after for _, after in sorted(zip(found, corrected, strict=True))]
    assert ranked == sorted(ranked)


@given(st.dictionaries(st.sampled_from("abcd"), values.filter(lambda v: len(v) >= 3), min_size=1))
@settings(deadline=None)
def test_an_interval_excludes_0_exactly_where_the_corrected_p_is_small(found: dict[str, list[float]]) -> None:
    made = differences({name: (gaps, [0.0] * len(gaps)) for name, gaps in found.items()})
    for one in made.values():
        if math.isfinite(one.p) and abs(one.p_holm - 0.05) > 1e-9:
            assert one.sure == (one.p_holm < 0.05)


def test_few_values_say_little() -> None:
    assert mean_interval([0.5]) == (0.5, -math.inf, math.inf, 1)
    assert math.isnan(p_value([0.5]))
    assert p_value([0.5, 0.5]) == 0
    assert p_value([0.0, 0.0]) == 1
    assert holm([math.nan, 0.01]) == pytest.approx([math.nan, 0.01], nan_ok=True)
    with pytest.raises(synthgen.ParamError, match="one value at least"):
        mean_interval([])
