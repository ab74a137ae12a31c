"""CSV: text in columns, read and written by pandas with that library's own options.

A file of this kind has no types: pandas guesses them. Where a guess may have lost something of a column that the schema
declares (digits, leading zeros), that column is read again as text, which the schema check converts exactly.
"""

from __future__ import annotations

import csv
import inspect
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tauro_nb.config.schema import FieldConfig
from tauro_nb.io import field_types
from tauro_nb.io.formats import tables
from tauro_nb.io.formats.files import open_text
from tauro_nb.io.formats.protocol import Header, Holds, OptionNames

_NO_READ_OPTIONS = {"filepath_or_buffer", "iterator", "chunksize", "storage_options", "converters"}
_NO_WRITE_OPTIONS = {"self", "path_or_buf", "mode", "storage_options", "chunksize"}
_LAYOUT = {
    "sep", "delimiter", "quotechar", "quoting", "doublequote", "escapechar", "comment", "encoding", "encoding_errors",
    "compression", "skiprows", "skip_blank_lines", "skipinitialspace", "engine",
}  # fmt: skip
"""Options that say how the text is laid out, and so hold for the header line too."""

_ROUNDS_FLOATS = tuple(int(part) for part in pd.__version__.split(".")[:2]) < (3, 1)
"""Whether this pandas may miss a float's last bit unless told to be exact; later ones are always, and warn if told."""

_EXACT = 2**53
"""Below it every whole number is a float of its own."""

_NO_TEXT = (list, tuple, set, dict, bytes, bytearray, memoryview)


class Csv:
    """Comma-separated values, UTF-8, with a header line."""

    name = "csv"
    holds: Holds = "text"
    runs_code = False
    appends = True

    def option_names(self) -> OptionNames:
        """Return those of ``pandas.read_csv`` and ``DataFrame.to_csv``."""
        read = frozenset(inspect.signature(pd.read_csv).parameters) - _NO_READ_OPTIONS
        write = frozenset(inspect.signature(pd.DataFrame.to_csv).parameters) - _NO_WRITE_OPTIONS
        return OptionNames(read, write)

    def read(self, path: Path, options: Mapping[str, Any], fields: Sequence[FieldConfig]) -> Any:
        """Return a frame whose declared columns are as pandas parsed them, or text where that may be lossy."""
        settings = _for_reader(options)
        if fields:
            names = self._names(path, options)
            _refuse_doubles(names, {field.name for field in fields})
            if {"date_format", "dayfirst"} & settings.keys():
                dates = [field.name for field in fields if field.type in ("date", "datetime") and field.name in names]
                settings.setdefault("parse_dates", dates)
        if "engine" not in settings:
            settings.setdefault("low_memory", False)  # else the type of a column may depend on how it was cut
            if _ROUNDS_FLOATS:
                settings.setdefault("float_precision", "round_trip")
        frame = pd.read_csv(path, **settings)
        if "index_col" not in settings and not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("its rows have more fields than its header; name all of them, or set the option index_col")
        present = [field for field in fields if field.name in frame.columns]
        lossy = {field.name: field.type for field in present if not _is_exact(frame[field.name], field.type)}
        if lossy:
            other = {key: value for key, value in settings.items() if key not in ("index_col", "parse_dates")}
            text = pd.read_csv(path, **{**other, "usecols": list(lossy), "dtype": str})
            for name, declared in lossy.items():
                frame[name] = _spelled_plainly(text[name], declared, settings).array
        return frame

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write a table; its index becomes columns, save an unnamed one of integers."""
        frame, settings = _for_writer(value, options)
        if not frame.shape[1]:
            raise ValueError("it has no columns")
        frame.to_csv(path, **settings)

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Copy the old text, then write the new rows in the order of its columns."""
        frame, settings = _for_writer(value, options)
        header = settings.pop("header", True)
        if isinstance(header, list):
            frame = frame.set_axis(header, axis="columns")
        known = self._names(old, options)
        if header is False:
            if len(known) != frame.shape[1]:
                raise ValueError(f"the file has {len(known)} columns, the new rows {frame.shape[1]}")
        else:
            frame.columns = frame.columns.map(str)
            tables.agree(known, list(frame.columns))
            frame = frame[known]
        how = {"encoding": settings.pop("encoding", None) or "utf-8"}
        how["compression"] = settings.pop("compression", "infer")
        with open_text(old, "r", **how) as source, open_text(path, "w", **how) as sink:
            shutil.copyfileobj(source, sink)
            if not self._ends_line(old, how):
                sink.write(settings["lineterminator"])
            frame.to_csv(sink, header=False, **settings)

    def header(self, path: Path, options: Mapping[str, Any]) -> Header:
        """Read the header line."""
        return Header(tuple((name, None) for name in self._names(path, options)))

    @staticmethod
    def _names(path: Path, options: Mapping[str, Any]) -> list[str]:
        settings = _for_reader(options)
        if "names" in settings or settings.get("header", 0) not in (0, "infer"):
            settings["nrows"] = 0 if settings.get("header", 0) is not None else 1
            return [str(name) for name in pd.read_csv(path, **settings).columns]
        layout = {key: value for key, value in settings.items() if key in _LAYOUT}
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **layout).iloc[0]
        return [text or f"Unnamed: {place}" for place, text in enumerate(first)]

    @staticmethod
    def _ends_line(path: Path, how: Mapping[str, Any]) -> bool:
        last = "\n"
        with open_text(path, "r", **how) as file:
            while part := file.read(1 << 20):
                last = part[-1]
        return last in "\r\n"


def _is_exact(column: pd.Series[Any], declared: str) -> bool:
    """Whether pandas' own parsing of a column has lost nothing that its declared type may need."""
    family, kind = _family(declared), column.dtype
    if family in ("integer", "float") and pd.api.types.is_integer_dtype(kind):
        return family == "integer" or bool((column.abs() < _EXACT).all())
    if family == "float" and pd.api.types.is_float_dtype(kind):
        known = column.dropna()
        return len(known) == len(column) or not (known % 1 == 0).all()  # else they were integers first, and had a null
    if family == "boolean":
        return bool(pd.api.types.is_bool_dtype(kind))
    if family in ("date", "datetime") and pd.api.types.is_datetime64_any_dtype(kind):
        return True
    return pd.api.types.infer_dtype(column, skipna=True) == "string"


def _spelled_plainly(text: pd.Series[Any], declared: str, settings: Mapping[str, Any]) -> pd.Series[Any]:
    """Numbers as text without the separators that an option tells of."""
    if _family(declared) in ("integer", "float") and text.notna().any():
        for mark, plain in ((settings.get("thousands"), ""), (settings.get("decimal"), ".")):
            text = text.str.replace(mark, plain, regex=False) if mark else text
    return text


def _family(declared: str) -> str:
    return field_types.family(field_types.arrow_type(declared))


def _refuse_doubles(names: list[str], declared: set[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1 and name in declared:
            raise ValueError(f"the header names the column {name!r} {times} times")


def _for_reader(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as `read_csv` takes them, where the writer spells the same thing otherwise."""
    settings = dict(options)
    if isinstance(settings.get("header"), bool):
        settings["header"] = 0 if settings["header"] else None
    if isinstance(settings.get("header"), list) and settings["header"] and isinstance(settings["header"][0], str):
        settings["header"] = 0
    if len(settings.get("lineterminator") or "") > 1:
        del settings["lineterminator"]
    return settings


def _for_writer(value: Any, options: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The frame with all that is to be written in columns, and the options for `to_csv`."""
    settings: dict[str, Any] = {"lineterminator": "\n", **options}
    frame = tables.flat(tables.as_frame(value), index=settings.pop("index", None))
    if (label := settings.pop("index_label", None)) is not None:
        frame = frame.rename(columns={frame.columns[0]: label})
    if (chosen := settings.pop("columns", None)) is not None:
        frame = frame[chosen]
    settings["index"] = False
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object:
            strange = next((item for item in column if isinstance(item, _NO_TEXT)), None)
            if strange is not None:
                raise TypeError(f"column {name!r}: it holds values of type {type(strange).__name__}, which csv cannot")
    if "quoting" not in settings and _has_carriage_return(frame):
        settings["quoting"] = csv.QUOTE_NONNUMERIC  # else a reader takes it for the end of a line
    return frame, settings


def _has_carriage_return(frame: pd.DataFrame) -> bool:
    if any("\r" in str(name) for name in frame.columns):
        return True
    for name in frame.columns:
        words = frame[name]
        if isinstance(words.dtype, pd.CategoricalDtype):
            words = pd.Series(words.cat.categories)
        if pd.api.types.is_string_dtype(words.dtype) and words.astype(str).str.contains("\r", regex=False).any():
            return True
    return False
