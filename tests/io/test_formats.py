from __future__ import annotations

import importlib.metadata
import io
from importlib.metadata import EntryPoint
from pathlib import Path

import pandas as pd
import pytest

from tauro_nb.errors import DataError, UnknownName
from tauro_nb.io import formats
from tauro_nb.io.formats import Format
from tauro_nb.testing.format_contract import FormatContract


class TestParquet(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("parquet")


class TestFeather(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("feather")


class TestCsv(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("csv")


class TestJson(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("json")


class TestJsonLines(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("jsonl")


class TestPickle(FormatContract):
    @pytest.fixture
    def kind(self) -> Format:
        return formats.find("pickle")


class Fixed(type(formats.find("jsonl"))):  # type: ignore[misc]
    """A third party's format."""

    name = "fixed"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Entry points of other packages, by name."""
    points: dict[str, str] = {}

    def listed(group: str) -> list[EntryPoint]:
        return [EntryPoint(name, value, group) for name, value in points.items()]

    monkeypatch.setattr(importlib.metadata, "entry_points", listed)
    monkeypatch.setattr(formats, "_found", {})
    return points


class TestThirdParty(FormatContract):
    @pytest.fixture
    def kind(self, installed: dict[str, str]) -> Format:
        installed["fixed"] = f"{__name__}:Fixed"
        return formats.find("fixed")


def test_an_unknown_format_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(UnknownName, match=r"config/input.yaml: no dataset format named 'parqet'") as caught:
        formats.find("parqet", where="config/input.yaml")
    assert caught.value.fix == "did you mean 'parquet'?"


def test_a_format_of_another_package_is_listed_and_found(installed: dict[str, str]) -> None:
    installed["fixed"] = f"{__name__}:Fixed"
    assert "fixed" in formats.names()
    assert formats.find("fixed") is formats.find("fixed")


def test_a_format_that_cannot_be_imported_says_so(installed: dict[str, str]) -> None:
    installed["fixed"] = "no_such_package_anywhere:Fixed"
    with pytest.raises(DataError, match="'fixed' cannot be loaded: ModuleNotFoundError"):
        formats.find("fixed")


def test_an_entry_point_that_is_no_format_says_so(installed: dict[str, str]) -> None:
    installed["fixed"] = "io:StringIO"
    with pytest.raises(DataError, match="is no tauro_nb"):
        formats.find("fixed")


def test_a_built_in_format_is_not_replaced_by_another_package(installed: dict[str, str]) -> None:
    installed["csv"] = "io:StringIO"
    assert not isinstance(formats.find("csv"), io.StringIO)


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.bz2", "csv.xz", "csv"])
def test_csv_is_compressed_as_its_suffix_says_also_when_appended(tmp_path: Path, suffix: str) -> None:
    csv, table = formats.find("csv"), pd.DataFrame({"a": [1, 2]})
    old, new = tmp_path / f"old.{suffix}", tmp_path / f"new.{suffix}"
    csv.write(table, old, {})
    csv.append(table, old, new, {})
    assert pd.read_csv(new)["a"].tolist() == [1, 2, 1, 2]


def test_csv_text_that_does_not_end_its_last_line_gets_its_end_before_rows_follow(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("a,b\n1,2", encoding="utf-8")
    formats.find("csv").append(pd.DataFrame({"b": [4], "a": [3]}), old, new, {})
    assert new.read_text(encoding="utf-8") == "a,b\n1,2\n3,4\n"


@pytest.mark.parametrize("name", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("index", "columns"),
    [
        (pd.Index([7, 3]), ["v"]),
        (pd.Index([7, 3], name="id"), ["id", "v"]),
        (pd.Index(["x", "y"]), ["index", "v"]),
        (pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None]), ["k", "v"]),
    ],
)
def test_an_index_that_says_something_becomes_columns(
    tmp_path: Path, name: str, index: pd.Index, columns: list[str]
) -> None:
    kind = formats.find(name)
    kind.write(pd.DataFrame({"v": [1, 2]}, index=index), tmp_path / "t", {})
    assert list(kind.read(tmp_path / "t", {}, ()).columns) == columns


def test_chosen_columns_are_written_and_appended(tmp_path: Path) -> None:
    csv, frame = formats.find("csv"), pd.DataFrame({"a": [1], "b": [2]})
    csv.write(frame, tmp_path / "old", {"columns": ["b"]})
    csv.append(frame, tmp_path / "old", tmp_path / "new", {"columns": ["b"]})
    assert (tmp_path / "new").read_text(encoding="utf-8") == "b\n2\n2\n"


def test_an_option_keeps_or_drops_the_index(tmp_path: Path) -> None:
    csv, frame = formats.find("csv"), pd.DataFrame({"v": [1]}, index=pd.Index(["x"], name="k"))
    csv.write(frame, tmp_path / "t", {"index": False})
    assert (tmp_path / "t").read_text(encoding="utf-8") == "v\n1\n"
    csv.write(frame.reset_index(), tmp_path / "t", {"index": True, "index_label": "row"})
    assert (tmp_path / "t").read_text(encoding="utf-8") == "row,k,v\n0,x,1\n"


@pytest.mark.parametrize("name", ["parquet", "feather"])
def test_appending_keeps_the_types_of_the_file(tmp_path: Path, name: str) -> None:
    kind = formats.find(name)
    old, new = tmp_path / "old", tmp_path / "new"
    kind.write(pd.DataFrame({"x": [0.5], "c": pd.Categorical(["u"]), "s": ["a"]}), old, {})
    kind.append(pd.DataFrame({"x": [2], "c": pd.Categorical(["w"]), "s": [None]}), old, new, {})
    found = kind.read(new, {}, ()).to_pandas()
    assert found["x"].tolist() == [0.5, 2.0]
    assert found["c"].dtype == "category"
    assert found["c"].tolist() == ["u", "w"]
    assert found["s"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["parquet", "feather"])
@pytest.mark.parametrize("values", [["1"], [1.5], [2**40]])
def test_values_of_another_type_are_not_appended(tmp_path: Path, name: str, values: list[object]) -> None:
    kind = formats.find(name)
    kind.write(pd.DataFrame({"x": pd.array([1], dtype="int32")}), tmp_path / "old", {})
    with pytest.raises(ValueError, match="column 'x'"):
        kind.append(pd.DataFrame({"x": values}), tmp_path / "old", tmp_path / "new", {})


def test_ordered_categories_that_differ_are_not_appended(tmp_path: Path) -> None:
    kind = formats.find("parquet")
    order = pd.CategoricalDtype(["low", "high"], ordered=True)
    kind.write(pd.DataFrame({"c": pd.Series(["low"], dtype=order)}), tmp_path / "old", {})
    kind.append(pd.DataFrame({"c": pd.Series(["high"], dtype=order)}), tmp_path / "old", tmp_path / "new", {})
    assert kind.read(tmp_path / "new", {}, ()).to_pandas()["c"].dtype == order
    other = pd.CategoricalDtype(["high", "low"], ordered=True)
    with pytest.raises(ValueError, match="ordered"):
        kind.append(pd.DataFrame({"c": pd.Series(["low"], dtype=other)}), tmp_path / "old", tmp_path / "no", {})
