from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tauro_nb.errors import DatasetUnreadable, SchemaMismatch
from tauro_nb.io.catalog import Catalog

Project = Callable[..., Catalog]


@pytest.fixture
def csv(tmp_path: Path, project: Project) -> Callable[..., pd.DataFrame]:
    """Load CSV text with a schema of ``name=type``."""

    def load(text: str, options: dict[str, Any] | None = None, **types: str) -> pd.DataFrame:
        (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
        schema = [{"name": name, "type": kind} for name, kind in types.items()]
        entry = {"path": "t.csv", "format": "csv", "schema": schema, "options": options or {}}
        return project({"t": entry}).load("t")

    return load


@pytest.fixture
def arrow(tmp_path: Path, project: Project) -> Callable[..., Catalog]:
    """Make the catalog of one Parquet file out of Arrow columns, with a schema of ``name=type``."""

    def make(columns: dict[str, pa.Array], nullable: bool = True, **types: str) -> Catalog:
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        schema = [{"name": name, "type": kind, "nullable": nullable} for name, kind in types.items()]
        return project({"t": {"path": "t.parquet", "format": "parquet", "schema": schema}})

    return make


@pytest.fixture
def jsonl(tmp_path: Path, project: Project) -> Callable[..., pd.DataFrame]:
    """Load JSON values, one a line, as column ``x`` of a type."""

    def load(kind: str, *values: str) -> pd.DataFrame:
        lines = "".join(f'{{"x": {value}}}\n' for value in values)
        (tmp_path / "t.jsonl").write_text(lines, encoding="utf-8")
        schema = [{"name": "x", "type": kind}]
        return project({"t": {"path": "t.jsonl", "format": "jsonl", "schema": schema}}).load("t")

    return load


class TestText:
    def test_each_kind_is_read_from_its_spelling(self, csv: Callable[..., pd.DataFrame]) -> None:
        found = csv(
            "b,i,f,s,t,d,c,other\n"
            "true,1,0.5,007,2024-02-29T12:00:00,2024-02-29,red,1\n"
            "0,-2.0,1e3,,2024-03-01 01:02:03.5,2024-03-01 00:00:00,blue,2\n",
            b="boolean", i="integer", f="float", s="string", t="datetime", d="date", c="category",
        )  # fmt: skip
        assert found["b"].tolist() == [True, False]
        assert found["b"].dtype == bool
        assert found["i"].tolist() == [1, -2]
        assert found["i"].dtype == "int64"
        assert found["f"].tolist() == [0.5, 1000.0]
        assert found["s"][0] == "007"
        assert found["s"].isna().tolist() == [False, True]
        assert found["t"][1] == pd.Timestamp("2024-03-01 01:02:03.5")
        assert found["d"].tolist() == [dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
        assert found["c"].dtype == "category"
        assert found["other"].tolist() == [1, 2]
        assert list(found.columns) == ["b", "i", "f", "s", "t", "d", "c", "other"]

    def test_whole_numbers_are_integers_however_they_are_written(self, csv: Callable[..., pd.DataFrame]) -> None:
        assert csv("x,y\n+1,\n2.0,\n3e2,\n9007199254740993,\n", x="integer")["x"].tolist() == [1, 2, 300, 2**53 + 1]
        assert csv("x\n1\n2.0\n3e2\n", x="integer")["x"].tolist() == [1, 2, 300]

    def test_integers_stay_integers_though_some_are_missing(self, csv: Callable[..., pd.DataFrame]) -> None:
        found = csv("i,b\n9007199254740993,\n,true\n", i="integer", b="boolean")
        assert found["i"].dtype == "Int64"
        assert found["i"][0] == 2**53 + 1
        assert found["b"].dtype == "boolean"

    @pytest.mark.parametrize("kind", ["integer", "float"])
    def test_the_smallest_integer_is_not_taken_for_a_missing_one(
        self, csv: Callable[..., pd.DataFrame], kind: str
    ) -> None:
        found = csv("x,y\n,0\n-9223372036854775808,0\n", x=kind)["x"]
        assert found.isna().tolist() == [True, False]
        assert found[1] == -(2**63)

    @pytest.mark.parametrize(
        ("kind", "good", "bad"),
        [
            ("integer", "1", "1.5"),
            ("integer", "1", "0x1F"),
            ("integer", "1", "1.5e0"),
            ("integer", "1", "."),
            ("integer", "1", "18446744073709551616"),
            ("int8", "127", "128"),
            ("uint8", "0", "-1"),
            ("boolean", "TRUE", "yes"),
            ("boolean", "false", "2"),
            ("float", "-Infinity", "1_000"),
            ("float", "1", "1,5"),
            ("float", "1", "one"),
            ("date", "2024-02-29", "2023-02-29"),
            ("date", "2024-02-29", "2024-02-29 00:00:01"),
            ("date", "2024-02-29", "29.02.2024"),
            ("datetime", "2024-02-29", "2024-02-30T00:00:00"),
            ("datetime", "2024-02-29", "1"),
            ("datetime", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
            ("timestamp[s]", "2024-02-29", "2024-02-29T00:00:00.5"),
            ("decimal128(5, 2)", "1.25", "1.255"),
            ("time32[s]", "12:30:00", "25:00:00"),
        ],
    )
    def test_the_first_value_that_does_not_fit_is_named_with_its_row(
        self, csv: Callable[..., pd.DataFrame], kind: str, good: str, bad: str
    ) -> None:
        csv("x;y\n" + f"{good};0\n" * 5, {"sep": ";"}, x=kind)
        with pytest.raises(SchemaMismatch) as caught:
            csv("x;y\n" + f"{good};0\n" * 5 + f"{bad};0\n" * 3, {"sep": ";"}, x=kind)
        assert caught.value.problems[0].replace("'", "") == f"column x: expected {kind}, found {bad} in row 5"
        assert len(caught.value.problems) == 1

    def test_all_problems_are_in_one_error(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t.csv").write_text("a,b,c\n1,x,\n2,y,\n", encoding="utf-8")
        schema = [
            {"name": "a", "type": "boolean"},
            {"name": "b", "type": "integer"},
            {"name": "c", "type": "string", "nullable": False},
            {"name": "cc", "type": "binary"},
        ]
        with pytest.raises(SchemaMismatch, match=r"'t': t.csv breaks its schema \(inputs.t.schema\)") as caught:
            project({"t": {"path": "t.csv", "format": "csv", "schema": schema}}).load("t")
        assert caught.value.problems == (
            "column 'a': expected boolean, found '2' in row 1",
            "column 'b': expected integer, found 'x' in row 0",
            "column 'c': 2 nulls, the first in row 0, and it is not nullable",
            "column 'cc' is missing (did you mean 'c'?)",
        )
        for act in ("remove 'cc'", "the file has: a, b, c", "correct the types", "fill the nulls"):
            assert act in (caught.value.fix or "")

    def test_a_wide_schema_gives_a_bounded_message(self, csv: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(SchemaMismatch) as caught:
            csv("x" * 5000 + "\n1\n", **{f"column{number}": "integer" for number in range(500)})
        assert len(caught.value.problems) == 500
        assert len(str(caught.value)) < 3000
        assert len(caught.value.fix or "") < 1000

    def test_text_holds_no_bytes(self, csv: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(SchemaMismatch, match="expected binary, found string; 'a' in row 0"):
            csv("x\na\n", x="binary")

    def test_a_declared_column_that_the_header_has_twice_is_refused(self, csv: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(DatasetUnreadable, match="names the column 'x' 2 times"):
            csv("x,y,x\n1,2,3\n", x="integer")
        assert list(csv("x,y,x\n1,2,3\n", y="integer").columns) == ["x", "y", "x.1"]

    def test_rows_with_more_fields_than_the_header_are_not_shifted(self, csv: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(DatasetUnreadable, match="more fields than its header"):
            csv("a,b\n1,2,3\n", a="integer")
        with pytest.raises(DatasetUnreadable, match="more fields than its header"):
            csv("a,b\n1,2,3\n")
        assert csv("a,b\n1,2,3\n", {"index_col": 0}, a="integer")["a"].tolist() == [2]

    def test_a_header_without_rows_gives_typed_columns(self, csv: Callable[..., pd.DataFrame]) -> None:
        found = csv("a,b,c\n", a="integer", b="datetime", c="category")
        assert found.shape == (0, 3)
        assert found["a"].dtype == "int64"
        assert str(found["b"].dtype).startswith("datetime64")
        assert found["c"].dtype == "category"

    def test_pandas_reads_the_spelling_that_an_option_tells_it(self, csv: Callable[..., pd.DataFrame]) -> None:
        options = {"sep": ";", "decimal": ",", "thousands": ".", "date_format": "%d.%m.%Y"}
        found = csv("f;i;d\n1.234,5;1.000;29.02.2024\n2,5;;01.03.2024\n", options, f="float", i="integer", d="date")
        assert found["f"].tolist() == [1234.5, 2.5]
        assert found["i"].dtype == "Int64"
        assert found["i"][0] == 1000
        exact = csv("i;f\n9.007.199.254.740.993;1,5\n;\n", options, i="integer", f="float")
        assert exact["i"][0] == 2**53 + 1
        assert exact["f"][0] == 1.5
        assert found["d"].tolist() == [dt.date(2024, 2, 29), dt.date(2024, 3, 1)]

    def test_a_dtype_option_holds_for_the_other_columns(self, csv: Callable[..., pd.DataFrame]) -> None:
        assert csv("a,b\n1,01\n", {"dtype": "str"}, a="integer")["b"][0] == "01"
        assert csv("a,b\n1,01\n", {"dtype": {"b": "str"}}, a="integer")["b"][0] == "01"

    def test_offsets_become_utc(self, csv: Callable[..., pd.DataFrame]) -> None:
        found = csv("x\n2024-01-01T00:00:00+02:00\n2024-01-01T00:00:00Z\n", x="datetime")
        assert found["x"][0] == pd.Timestamp("2023-12-31T22:00:00Z")


class TestTyped:
    def test_a_kind_takes_every_width_and_layout(self, arrow: Callable[..., Catalog]) -> None:
        columns = {
            "i": pa.array([1], pa.uint16()),
            "f": pa.array([0.5], pa.float32()),
            "s": pa.array(["x"], pa.large_string()),
            "b": pa.array([b"x"], pa.large_binary()),
            "t": pa.array([0], pa.timestamp("ns", tz="Europe/Berlin")),
        }
        catalog = arrow(columns, i="integer", f="float", s="string", b="binary", t="datetime")
        found = catalog.load("t")
        assert catalog.check("t") == []
        assert found["i"].dtype == "uint16"
        assert found["f"].dtype == "float32"
        assert str(found["t"].dtype) == "datetime64[ns, Europe/Berlin]"

    def test_an_arrow_name_takes_itself_alone(self, arrow: Callable[..., Catalog]) -> None:
        columns = {"a": pa.array([1], pa.int32()), "s": pa.array(["x"]), "t": pa.array([0], pa.timestamp("us"))}
        found = arrow(columns, a="int32", s="large_string", t="timestamp[us]")
        assert found.check("t") == []
        assert found.load("t").shape == (1, 3)
        wrong = arrow(columns, a="int64", t="timestamp[ns]")
        with pytest.raises(SchemaMismatch) as caught:
            wrong.load("t")
        assert caught.value.problems == (
            "column 'a': expected int64, found int32; 1 in row 0",
            "column 't': expected timestamp[ns], found timestamp[us]; datetime.datetime(1970, 1, 1, 0, 0) in row 0",
        )
        assert len(wrong.check("t")) == 1

    @pytest.mark.parametrize(
        ("kind", "column"),
        [
            ("integer", pa.array([1.0])),
            ("integer", pa.array(["1"])),
            ("boolean", pa.array([1])),
            ("string", pa.array([1])),
            ("datetime", pa.array(["2024-01-01"])),
            ("date", pa.array([0], pa.timestamp("us"))),
            ("binary", pa.array(["x"])),
            ("category", pa.array([0.5])),
        ],
    )
    def test_a_file_with_types_is_not_converted_to_another(
        self, arrow: Callable[..., Catalog], kind: str, column: pa.Array
    ) -> None:
        catalog = arrow({"x": column}, x=kind)
        with pytest.raises(SchemaMismatch, match=f"expected {kind}, found .* in row 0"):
            catalog.load("t")
        assert [type(problem) for problem in catalog.check("t")] == [SchemaMismatch]

    def test_what_loses_nothing_is_widened(self, arrow: Callable[..., Catalog]) -> None:
        columns = {
            "f": pa.array([1, None]),
            "t": pa.array([0], pa.date32()).take(pa.array([0, 0])),
            "c": pa.array(["u", "v"]),
        }
        found = arrow(columns, f="float", t="datetime", c="category").load("t")
        assert found["f"].dtype == "float64"
        assert str(found["t"].dtype).startswith("datetime64")
        assert found["c"].dtype == "category"

    def test_an_integer_that_a_float_cannot_hold_is_refused(self, arrow: Callable[..., Catalog]) -> None:
        with pytest.raises(SchemaMismatch, match="expected float, found 9007199254740993 in row 1"):
            arrow({"f": pa.array([1, 2**53 + 1])}, f="float").load("t")

    def test_nulls_are_counted_where_they_are_forbidden(self, arrow: Callable[..., Catalog]) -> None:
        columns = {"a": pa.array([1, None, None]), "f": pa.array([0.5, 1.0, float("nan")])}
        with pytest.raises(SchemaMismatch) as caught:
            arrow(columns, nullable=False, a="integer", f="float").load("t")
        assert caught.value.problems == (
            "column 'a': 2 nulls, the first in row 1, and it is not nullable",
            "column 'f': a null in row 2, and it is not nullable",
        )

    def test_integers_and_booleans_with_nulls_get_nullable_types_with_and_without_a_schema(
        self, arrow: Callable[..., Catalog]
    ) -> None:
        columns = {"i": pa.array([2**53 + 1, None]), "b": pa.array([True, None]), "w": pa.array([1, 2])}
        for types in ({}, {"i": "integer", "b": "boolean"}):
            found = arrow(columns, **types).load("t")
            assert [str(kind) for kind in found.dtypes] == ["Int64", "boolean", "int64"]
            assert found["i"][0] == 2**53 + 1

    def test_a_column_of_nulls_alone_gets_the_declared_type(self, arrow: Callable[..., Catalog]) -> None:
        found = arrow(
            {"a": pa.nulls(2), "t": pa.nulls(2), "c": pa.nulls(2)}, a="integer", t="datetime", c="category"
        ).load("t")
        assert [str(kind) for kind in found.dtypes] == ["Int64", "datetime64[us]", "category"]

    def test_a_column_that_occurs_twice_is_refused(self, tmp_path: Path, project: Project) -> None:
        table = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
        pq.write_table(table, tmp_path / "t")
        schema = [{"name": "x", "type": "integer"}]
        catalog = project({"t": {"path": "t", "format": "parquet", "schema": schema}})
        with pytest.raises(DatasetUnreadable, match="the column 'x' occurs 2 times"):
            catalog.load("t")
        assert ["column 'x' occurs 2 times" in problem.message for problem in catalog.check("t")] == [True]

    def test_a_categorical_and_its_order_survive(self, project: Project) -> None:
        order = pd.CategoricalDtype(["low", "high"], ordered=True)
        schema = [{"name": "c", "type": "category"}]
        catalog = project({}, {"t": {"path": "t", "format": "parquet", "schema": schema}})
        catalog.save("t", pd.DataFrame({"c": pd.Series(["high"], dtype=order)}))
        assert catalog.load("t")["c"].dtype == order
        assert catalog.check("t") == []

    def test_an_index_survives_also_where_the_schema_names_it(self, project: Project) -> None:
        schema = [{"name": "id", "type": "integer"}, {"name": "a", "type": "float"}]
        catalog = project({}, {"t": {"path": "t", "format": "parquet", "schema": schema}})
        catalog.save("t", pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 7], name="id")))
        found = catalog.load("t")
        assert found.index.tolist() == [5, 7]
        assert found["a"].dtype == "float64"

    def test_a_table_without_rows_or_columns_loads(self, arrow: Callable[..., Catalog], project: Project) -> None:
        assert arrow({"a": pa.array([], pa.int64())}, a="integer").load("t").shape == (0, 1)
        catalog = project({}, {"t": {"path": "none", "format": "parquet"}})
        catalog.save("t", pd.DataFrame())
        assert catalog.load("t").shape == (0, 0)

    def test_a_pickled_table_is_checked_and_another_object_refused(self, project: Project) -> None:
        entry = {"path": "t", "format": "pickle", "allow_pickle": True, "schema": [{"name": "a", "type": "integer"}]}
        catalog = project({}, {"t": entry})
        catalog.save("t", pd.DataFrame({"a": [1, 2], 7: ["x", 2.5]}))
        assert catalog.load("t")["a"].tolist() == [1, 2]
        catalog.save("t", pd.DataFrame({"a": ["x", 1]}))
        with pytest.raises(SchemaMismatch, match="values of several types"):
            catalog.load("t")
        catalog.save("t", {"a": [1]})
        with pytest.raises(SchemaMismatch, match="holds a dict, and a schema needs a table"):
            catalog.load("t")


class TestJson:
    @pytest.mark.parametrize(
        ("kind", "values", "found"),
        [
            ("integer", ["1", "2.0"], [1, 2]),
            ("float", ["1", "0.5"], [1.0, 0.5]),
            ("boolean", ["true", "false"], [True, False]),
            ("string", ['"1"', '"b"'], ["1", "b"]),
            ("date", ['"2024-02-29"'], [dt.date(2024, 2, 29)]),
            ("datetime", ['"2024-02-29T01:00:00"'], [pd.Timestamp("2024-02-29T01:00:00")]),
            ("category", ["1", "2"], [1, 2]),
            ("uint64", ["18446744073709551615"], [2**64 - 1]),
            ("integer", ["18446744073709551615"], [2**64 - 1]),
        ],
    )
    def test_values_of_the_kind_pass(
        self, jsonl: Callable[..., pd.DataFrame], kind: str, values: list[str], found: list[Any]
    ) -> None:
        assert jsonl(kind, *values)["x"].tolist() == found

    @pytest.mark.parametrize(
        ("kind", "good", "bad"),
        [
            ("integer", "1", "1.5"),
            ("integer", "1", '"1"'),
            ("integer", "1", "true"),
            ("float", "1", "9007199254740993"),
            ("boolean", "true", "1"),
            ("string", '"a"', "1"),
            ("date", '"2024-02-29"', '"2023-02-29"'),
            ("category", '"a"', "1"),
            ("int8", "1", "300"),
        ],
    )
    def test_values_of_another_kind_are_named(
        self, jsonl: Callable[..., pd.DataFrame], kind: str, good: str, bad: str
    ) -> None:
        with pytest.raises(SchemaMismatch, match=rf"column 'x': expected {kind}, found .* in row 3$"):
            jsonl(kind, good, "null", good, bad, bad)

    def test_json_holds_no_bytes(self, jsonl: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(SchemaMismatch, match="expected binary, found JSON"):
            jsonl("binary", '"a"')

    def test_a_key_that_the_first_line_lacks_is_no_problem(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").write_text('{"a": 1}\n{"a": 2, "b": 3}\n', encoding="utf-8")
        schema = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]
        catalog = project({"t": {"path": "t", "format": "jsonl", "schema": schema}})
        assert catalog.check("t") == []
        assert [str(kind) for kind in catalog.load("t").dtypes] == ["int64", "Int64"]

    def test_a_line_that_is_no_object_is_named(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").write_text('{"a": 1}\n\n[1]\n', encoding="utf-8")
        with pytest.raises(DatasetUnreadable, match="line 3: a list where an object has to be"):
            project({"t": {"path": "t", "format": "jsonl"}}).load("t")
