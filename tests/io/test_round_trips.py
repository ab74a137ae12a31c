"""Rules that hold for every table: what is saved is what is loaded, or the save is refused."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tauro_nb.config.context import Context
from tauro_nb.config.schema import DatasetConfig
from tauro_nb.errors import DatasetUnwritable
from tauro_nb.io.catalog import Catalog

FORMATS = ("csv", "parquet", "feather", "json", "jsonl")
LIGHT = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
csv_text = text.filter(lambda word: pd.isna(pd.Series([word])).sum() == 0 and word not in CSV_NULLS)
CSV_NULLS = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
}  # fmt: skip
"""What pandas reads as missing, be it quoted or not; the reference says so."""

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "string": csv_text,
    "date": st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31)),
    "datetime": st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),  # noqa: DTZ001 - a zone is not declared
    "category": csv_text,
}


@st.composite
def declared_tables(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Columns of declared types, some of them with missing values."""
    names = draw(st.lists(csv_text.filter(str.strip), min_size=1, max_size=4, unique=True))
    types = {name: draw(st.sampled_from(sorted(VALUES))) for name in names}
    rows = draw(st.integers(0, 5))
    cells = {name: st.one_of(st.none(), VALUES[types[name]]) for name in names}
    return types, {name: draw(st.lists(cells[name], min_size=rows, max_size=rows)) for name in names}


def catalog_of(root: Path, **entry: Any) -> Catalog:
    outputs = msgspec.convert({"t": {"path": "t", **entry}}, dict[str, DatasetConfig])
    return Catalog(Context(root=root, environment="dev", outputs=outputs))


def frame_of(types: dict[str, str], columns: dict[str, list[Any]]) -> pd.DataFrame:
    dtypes = {"integer": "Int64", "float": "float64", "boolean": "boolean", "datetime": "datetime64[us]"}
    series = {name: pd.Series(values, dtype=dtypes.get(types[name], object)) for name, values in columns.items()}
    return pd.DataFrame(series)


def cells(frame: pd.DataFrame, name: str) -> list[Any]:
    column = frame[name]
    return [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)]


@pytest.mark.parametrize("kind", FORMATS)
@LIGHT
@given(table=declared_tables())
def test_every_declared_value_comes_back_as_it_was(
    kind: str, table: tuple[dict[str, str], dict[str, list[Any]]]
) -> None:
    types, columns = table
    if kind in ("parquet", "feather"):
        types = {name: "string" if declared == "category" else declared for name, declared in types.items()}
    schema = [{"name": name, "type": declared} for name, declared in types.items()]
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of(Path(folder), format=kind, schema=schema)
        catalog.save("t", frame_of(types, columns))
        found = catalog.load("t")
    assert list(found.columns) == list(columns)
    for name, values in columns.items():
        assert cells(found, name) == values


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@LIGHT
@given(table=declared_tables(), index=st.booleans())
def test_a_file_with_types_gives_the_same_frame(
    kind: str, table: tuple[dict[str, str], dict[str, list[Any]]], index: bool
) -> None:
    frame = frame_of(*table)
    if index:
        frame.index = pd.Index(range(7, 7 + 2 * len(frame), 2), name="an index of its own")
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of(Path(folder), format=kind)
        catalog.save("t", frame)
        found = catalog.load("t")
    assert found.index.equals(frame.index)
    assert found.index.name == frame.index.name
    assert list(found.columns) == list(frame.columns)
    assert all(cells(found, name) == cells(frame, name) for name in frame.columns)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


@LIGHT
@given(value=json_values.filter(lambda value: not is_table(value)))
def test_every_json_value_that_is_no_table_comes_back(value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of(Path(folder), format="json")
        catalog.save("t", value)
        assert catalog.load("t") == value


@pytest.mark.parametrize("kind", FORMATS)
@settings(LIGHT, max_examples=12)
@given(first=declared_tables(), more=st.integers(1, 3))
def test_appending_is_the_same_as_concatenating(
    kind: str, first: tuple[dict[str, str], dict[str, list[Any]]], more: int
) -> None:
    types, columns = first
    if kind in ("parquet", "feather"):
        types = {name: "string" if declared == "category" else declared for name, declared in types.items()}
    schema = [{"name": name, "type": declared} for name, declared in types.items()]
    frame = frame_of(types, columns)
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of(Path(folder), format=kind, schema=schema, write_mode="append")
        for _ in range(more + 1):
            catalog.save("t", frame)
        found = catalog.load("t")
    for name, values in columns.items():
        assert cells(found, name) == values * (more + 1)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, {"loss": [1.0, -math.inf]}, pd.DataFrame({"a": [math.inf]}), {1, 2}]
)
def test_what_json_has_not_is_refused(tmp_path: Path, value: Any) -> None:
    catalog = catalog_of(tmp_path, format="json")
    with pytest.raises(DatasetUnwritable):
        catalog.save("t", value)
    assert list(tmp_path.iterdir()) == []
