"""What ``--columns`` picks, and how a listing becomes JSON, CSV and a DataFrame."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.commands.document import csv_text, json_text
from tauro_nb.commands.listing import SECTIONS, Listing
from tauro_nb.errors import UnknownName, UsageError

AT = datetime(2026, 11, 24, 9, 5, 3, 120, tzinfo=UTC)
ROWS = (
    {
        "run_id": "b",
        "start_time": AT,
        "params.rate": 0.5,
        "params.a,b": 1,
        "metrics.f1": 0.75,
        "metrics.loss": math.nan,
    },
    {"run_id": "a", "start_time": AT, "params.rate": [1, math.inf], "metrics.f1": -math.inf, "tags.team": "=1+1"},
)
COLUMNS = (
    *("run_id", "start_time", "end_time", "params.a,b", "params.rate"),
    *("metrics.f1", "metrics.loss", "tags.team"),
)


def listing(**changed):
    given = {"title": "Runs", "columns": COLUMNS, "rows": ROWS, "more": ("duration_s",), "sections": SECTIONS}
    return Listing(**{**given, **changed})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["metrics.f1,run_id"], ["metrics.f1", "run_id"]),
        (["metrics.f1", "run_id"], ["metrics.f1", "run_id"]),
        (["metrics.*"], ["metrics.f1", "metrics.loss"]),
        (["*.f1, run_id ,"], ["metrics.f1", "run_id"]),
        (["metrics.f1,metrics.*"], ["metrics.f1", "metrics.loss"]),
        (["duration_s"], ["duration_s"]),
        (["params.a,b"], ["params.a,b"]),
        (["*_time"], ["start_time", "end_time"]),
    ],
)
def test_columns_come_in_the_order_of_the_words_each_once(words, expected):
    assert listing().pick(words).columns == tuple(expected)


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("f1", "did you mean 'metrics.f1'?"),
        ("metric.f1", "did you mean 'metrics.f1'?"),
        ("params.f1", "did you mean 'metrics.f1'?"),
        ("metrics.f11", "did you mean 'metrics.f1'?"),
        ("start", "did you mean 'start_time'?"),
        ("zzz.*", "there are 'run_id'"),
    ],
)
def test_an_unknown_column_says_which_may_be_meant(word, fix):
    with pytest.raises(UnknownName, match="no column named") as told:
        listing().pick([word])
    assert fix in told.value.fix


def test_columns_that_other_rows_have_stay_empty_here():
    here = listing(elsewhere=lambda: {"metrics.auc", "tags.x"})
    assert here.pick(["metrics.auc,tags.*"]).columns == ("metrics.auc", "tags.team")
    with pytest.raises(UnknownName):
        here.pick(["metrics.aux"])


def test_where_nothing_is_at_all_any_metric_may_be_asked_for():
    empty = listing(rows=(), columns=("run_id",), elsewhere=lambda: None)
    assert empty.pick(["run_id,metrics.f1,params.*"]).columns == ("run_id", "metrics.f1")
    with pytest.raises(UnknownName):
        empty.pick(["rnu_id"])


@pytest.mark.parametrize("word", ["", ",", " , "])
def test_no_name_at_all_is_refused(word):
    with pytest.raises(UsageError, match="names no column"):
        listing().pick([word])


def test_json_nests_the_sections_and_spells_what_json_lacks():
    first, second = json.loads(json_text(listing()))
    assert first == {
        "run_id": "b",
        "start_time": "2026-11-24T09:05:03.000120Z",
        "end_time": None,
        "params": {"rate": 0.5, "a,b": 1},
        "metrics": {"f1": 0.75, "loss": "NaN"},
        "tags": {},
    }
    assert second["params"] == {"rate": [1, "Infinity"]}
    assert second["metrics"] == {"f1": "-Infinity"}


def test_csv_is_flat_ends_lines_as_the_rfc_does_and_changes_no_text():
    text = csv_text(listing())
    assert text.count("\r\n") == 3
    header, first, second = csv.reader(io.StringIO(text))
    assert tuple(header) == COLUMNS
    assert first == ["b", "2026-11-24T09:05:03.000120Z", "", "1", "0.5", "0.75", "NaN", ""]
    assert second[4:] == ['[1,"Infinity"]', "-Infinity", "", "=1+1"]


@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.none(), st.booleans()), max_size=5))
def test_whatever_a_cell_holds_csv_gives_it_back(values):
    rows = tuple({"n": "x", "params.v": value} for value in values)
    text = csv_text(listing(rows=rows, columns=("n", "params.v")))
    spelled = [
        ""
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value)
        if not isinstance(value, float)
        else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, repr(value))
        for value in values
    ]
    assert [row[1] for row in csv.reader(io.StringIO(text, newline=""))][1:] == spelled


def test_a_frame_has_times_in_utc_and_metrics_as_numbers():
    frame = listing().frame
    assert str(frame["start_time"].dtype) == "datetime64[ns, UTC]"
    assert frame["metrics.loss"].dtype == "float64"
    assert list(frame["run_id"]) == ["b", "a"]
    assert list(listing(rows=()).frame.columns) == list(COLUMNS)
