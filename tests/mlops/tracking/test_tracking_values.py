from __future__ import annotations

import datetime as dt
import enum
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.errors import InvalidMetric, InvalidName, InvalidParam, UsageError
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.tracker import ExperimentTracker


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array(2, dtype=object), 2.0),
        (Fraction(1, 4), 0.25),
        (Decimal("0.25"), 0.25),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (np.longdouble(1.5), 1.5),
    ],
)
def test_any_real_number_is_a_metric(tracker: ExperimentTracker, value: Any, kept: float) -> None:
    with tracker.start_run() as run:
        run.log_metric("one", value)
        run.log_metrics({"many": value})
    assert run.metrics == {"one": kept, "many": kept}


def test_nan_and_infinity_are_kept(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        run.log_metrics({"loss": math.nan, "up": math.inf, "down": -math.inf})
    read = again.get_run(run.run_id)
    assert math.isnan(read.metrics["loss"])
    assert (read.metrics["up"], read.metrics["down"]) == (math.inf, -math.inf)
    assert math.isnan(read.metric_history("loss")["value"][0])


@pytest.mark.parametrize(
    "value",
    [
        "0.9",
        b"1",
        None,
        1j,
        np.complex64(1),
        np.array([1.0]),
        np.array([[1.0, 2.0]]),
        [1.0],
        object(),
        pd.NA,
        np.datetime64("2026-01-01"),
        np.timedelta64(1, "s"),
        10**400,
        np.str_("1"),
        np.array(None, dtype=object),
    ],
)
def test_what_is_no_real_number_is_refused_and_nothing_of_the_call_is_logged(
    tracker: ExperimentTracker, value: Any
) -> None:
    run = tracker.start_run()
    with pytest.raises(InvalidMetric, match="'bad'") as caught:
        run.log_metrics({"good": 1.0, "bad": value, "other": 2.0})
    assert caught.value.fix
    with pytest.raises(InvalidMetric):
        run.log_metric("bad", value)
    assert run.metrics == {}
    run.log_metric("good", 1.0)
    assert run.metrics == {"good": 1.0}


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "x" * 251, 7, None, ("a",), ["a"], "half \ud83d"])
def test_a_key_is_printable_text_of_at_most_250_characters(tracker: ExperimentTracker, key: Any) -> None:
    run = tracker.start_run()
    with pytest.raises(InvalidMetric):
        run.log_metric(key, 1.0)
    with pytest.raises(InvalidMetric):
        run.log_metrics([(key, 1.0)])  # type: ignore[arg-type]
    assert run.metrics == {}


def test_keys_of_250_characters_and_of_any_script_are_kept(tracker: ExperimentTracker) -> None:
    keys = ["x" * 250, "Verlust (größe)", "損失", "val/loss", "a.b c"]
    with tracker.start_run() as run:
        run.log_metrics(dict.fromkeys(keys, 1.0))
    assert set(run.metrics) == set(keys)


@pytest.mark.parametrize("step", ["1", 1.5, 1.0, 2**63, -(2**63) - 1, [1]])
def test_a_step_is_an_integer_of_64_bits(tracker: ExperimentTracker, step: Any) -> None:
    run = tracker.start_run()
    run.log_metric("loss", 1.0, step=-5)
    with pytest.raises(InvalidMetric, match="step"):
        run.log_metric("loss", 1.0, step=step)
    with pytest.raises(InvalidMetric, match="step"):
        run.log_metrics({"loss": 1.0}, step=step)
    run.log_metric("loss", 1.0, step=np.int32(7))
    run.log_metric("loss", 1.0)
    assert list(run.metric_history()["step"]) == [-5, 7, 8]


def test_without_a_step_a_point_takes_the_next_of_its_key(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        for _ in range(3):
            run.log_metric("a", 0.0)
        run.log_metrics({"a": 1.0, "b": 1.0})
    history = run.metric_history()
    assert list(history["step"]) == [0, 1, 2, 3, 0]
    assert list(history["key"]) == ["a", "a", "a", "a", "b"]


def test_history_is_a_frame_of_four_typed_columns(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        for value in range(10):
            run.log_metric("loss", value, step=value * 10)
        run.log_metric("other", 1.0)
    frame = run.metric_history("loss", last=3)
    assert list(frame.columns) == ["key", "step", "value", "at"]
    assert frame["step"].tolist() == [70, 80, 90]
    assert frame["key"].tolist() == ["loss"] * 3
    assert str(frame["at"].dtype) == "datetime64[ns, UTC]"
    assert frame["at"].is_monotonic_increasing
    empty = run.metric_history("missing")
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(frame.dtypes)
    with pytest.raises(UsageError):
        run.metric_history(last=0)


def test_tail_gives_what_is_new(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    run.log_metric("loss", 1.0)
    points, cursor = run.tail()
    assert points.values.tolist() == [1.0]
    run.log_metric("loss", 2.0)
    run.log_metric("loss", 3.0)
    run.flush_metrics()
    points, cursor = run.tail(cursor)
    assert points.values.tolist() == [2.0, 3.0]
    assert len(run.tail(cursor)[0]) == 0
    run.end()
    assert len(run.tail(cursor)[0]) == 0


class Kind(enum.Enum):
    LINEAR = "linear"


def test_params_are_any_json_value(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        run.log_params(
            {
                "int": 3,
                "big": 10**30,
                "float": 0.1,
                "nan": math.nan,
                "none": None,
                "flag": True,
                "text": "日本",
                "list": [1, (2, 3)],
                "nested": {"a": {"b": [1.5, None]}, 3: "three"},
                "np_int": np.int64(3),
                "np_float": np.float32(0.5),
                "np_long": np.longdouble(0.5),
                "np_bool": np.bool_(True),
                "array": np.arange(3),
                "path": Path("data/train.parquet"),
                "np_text": np.str_("a"),
                "day": dt.date(2026, 11, 24),
                "moment": pd.Timestamp("2026-11-24T06:02:50", tz="UTC"),
                "np_day": np.datetime64("2026-11-24"),
                "np_days": np.array(["2026-11-24"], "datetime64[D]"),
                "np_span": np.timedelta64(3, "D"),
                "kind": Kind.LINEAR,
            }
        )
    assert again.get_run(run.run_id).params == {
        "int": 3,
        "big": 10**30,
        "float": 0.1,
        "nan": "NaN",
        "none": None,
        "flag": True,
        "text": "日本",
        "list": [1, [2, 3]],
        "nested": {"a": {"b": [1.5, None]}, "3": "three"},
        "np_int": 3,
        "np_float": 0.5,
        "np_long": 0.5,
        "np_bool": True,
        "array": [0, 1, 2],
        "path": "data/train.parquet",
        "np_text": "a",
        "day": "2026-11-24",
        "moment": "2026-11-24T06:02:50+00:00",
        "np_day": "2026-11-24",
        "np_days": ["2026-11-24"],
        "np_span": "3 days",
        "kind": "linear",
    }
    assert again.get_run(run.run_id).params == run.params


def test_a_changed_param_is_refused_unless_told_to_overwrite(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    run.log_params({"lr": 0.1, "depth": 3})
    run.log_param("lr", 0.1)
    with pytest.raises(InvalidParam, match=r"'lr' is 0\.1, and would become 0\.2"):
        run.log_params({"new": 1, "lr": 0.2})
    assert run.params == {"lr": 0.1, "depth": 3}
    run.log_param("lr", 0.2, overwrite=True)
    assert run.params == {"lr": 0.2, "depth": 3}


def test_the_same_param_again_is_the_same_whatever_type_of_number_it_has(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    run.log_params({"depth": 3, "shape": (2, {"a": math.nan}), "warm": True})
    run.log_params({"depth": np.float64(3), "shape": [np.int8(2), {"a": math.nan}], "warm": np.bool_(True)})
    for other in ({"warm": 1}, {"shape": [2, {"a": None}]}, {"shape": [2]}, {"shape": [2, {"b": math.nan}]}):
        with pytest.raises(InvalidParam, match="would become"):
            run.log_params(other)


def recursive() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, recursive(), pd.DataFrame({"a": [1]}), len])
def test_what_is_no_json_value_is_refused(tracker: ExperimentTracker, value: Any) -> None:
    run = tracker.start_run()
    with pytest.raises(InvalidParam, match="'bad'"):
        run.log_params({"good": 1, "bad": value})
    assert run.params == {}


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 251, 7])
def test_a_params_key_is_printable_text(tracker: ExperimentTracker, key: Any) -> None:
    with pytest.raises(InvalidParam):
        tracker.start_run().log_param(key, 1)


def test_a_tag_is_kept_as_its_text(tracker: ExperimentTracker) -> None:
    run = tracker.start_run(tags={"seed": 42})
    run.set_tags({"seed": 43, "none": None})
    assert run.tags == {"seed": "43", "none": "None"}
    with pytest.raises(InvalidName):
        run.set_tag("", "x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_a_json_value_is_kept_as_it_is(value: Any) -> None:
    kept = values.param("key", value)[1]
    assert values.param("key", kept)[1] == kept
    if "\\u" not in repr(value):
        assert kept == value


@given(st.floats(width=64) | st.integers(-(2**1023), 2**1023))
def test_a_number_is_kept_as_its_float(value: float) -> None:
    kept = values.metric_value("key", value)
    assert type(kept) is float
    assert kept == float(value) or math.isnan(kept)
