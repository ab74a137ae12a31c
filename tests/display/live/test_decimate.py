import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tauro_nb.display.live.decimate import Envelope, columns, thin


def series(values):
    steps = np.arange(len(values))
    return columns(steps, steps / 10, values)


def fed(values, *, limit=200, batch=37):
    envelope = Envelope(limit)
    table = series(values)
    for start in range(0, table.shape[1], batch):
        envelope.extend(table[:, start : start + batch])
    return envelope.points()


def test_a_series_within_the_limit_is_shown_whole():
    values = np.sin(np.arange(200.0))
    assert np.array_equal(fed(values), series(values))


@pytest.mark.parametrize("count", [201, 1_000, 5_003, 40_000])
def test_a_long_series_is_bounded_and_keeps_its_least_greatest_first_and_last_point(count):
    values = np.random.default_rng(count).normal(size=count)
    shown = fed(values)
    assert shown.shape[1] <= 200 + 4
    assert shown.shape[1] >= 50
    assert shown[2].min() == values.min()
    assert shown[2].max() == values.max()
    assert shown[0, -1] == count - 1


def test_one_spike_among_a_million_points_is_still_there():
    values = np.zeros(1_000_000)
    values[123_456] = 7.0
    shown = fed(values, limit=2_000, batch=1_000)
    assert shown.shape[1] <= 2_004
    assert shown[0, shown[2] == 7.0].tolist() == [123_456]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_never_lost(bad):
    values = np.linspace(0, 1, 20_000)
    values[4_321] = bad
    shown = fed(values)
    lost = ~np.isfinite(shown[2])
    assert shown[0, lost].tolist() == [4_321]
    assert np.array_equal(shown[2, lost], [bad], equal_nan=True)


def test_old_points_are_shown_as_finely_as_new_ones():
    shown = fed(np.random.default_rng(0).normal(size=50_000))
    halves = np.histogram(shown[0], bins=[0, 25_000, 50_000])[0]
    assert 0.6 < halves[0] / halves[1] < 1.7


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=400),
    st.integers(min_value=1, max_value=50),
)
def test_what_is_shown_are_points_of_the_series_in_their_order(values, batch):
    shown = fed(np.array(values), limit=20, batch=batch)
    steps = shown[0].astype(int)
    assert (np.diff(steps) > 0).all()
    assert np.array_equal(shown[2], np.array(values)[steps], equal_nan=True)
    assert steps[-1] == len(values) - 1


def test_thinning_keeps_the_extremes_and_the_last_point():
    values = np.random.default_rng(1).normal(size=2_000)
    shown = thin(series(values), 100)
    assert shown.shape[1] <= 110
    assert (shown[2].min(), shown[2].max(), shown[0, -1]) == (values.min(), values.max(), 1_999)
