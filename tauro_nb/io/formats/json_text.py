"""JSON and JSON Lines: standard JSON only, so that every reader takes it.

An array whose items are all objects is a table; any other JSON value is a Python value. In a table, missing values are
null; NaN and infinity, which JSON has not, are refused in place of being changed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tauro_nb.config.schema import FieldConfig
from tauro_nb.io.formats import tables
from tauro_nb.io.formats.files import open_text
from tauro_nb.io.formats.protocol import Header, Holds, OptionNames

_WRITE_OPTIONS = frozenset({"encoding", "ensure_ascii", "sort_keys"})


class Json:
    """One JSON value a file; options ``encoding``, ``ensure_ascii``, ``sort_keys``, ``indent``."""

    name = "json"
    holds: Holds = "json"
    runs_code = False
    appends = True

    def option_names(self) -> OptionNames:
        """Return the encoding, and how the text is written."""
        return OptionNames(frozenset({"encoding"}), _WRITE_OPTIONS | {"indent"})

    def read(self, path: Path, options: Mapping[str, Any], fields: Sequence[FieldConfig]) -> Any:
        """Return a frame for an array of objects, else the value itself."""
        value = self._value(path, options)
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return tables.frame_of_records(value, {field.name for field in fields})
        return value

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write a table as an array of objects, one a line; any other value as it is."""
        encode = _encoder(options)
        with _open(path, "w", options) as file:
            if isinstance(value, (pd.DataFrame, pd.Series, pa.Table)):
                _write_array(file, map(encode, _records(value)))
            else:
                file.write(_encoder({"indent": 2, **options})(value) + "\n")

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Write the old array with the new rows, items or item behind it."""
        known = self._value(old, options)
        if not isinstance(known, list):
            raise TypeError(f"the file holds a {type(known).__name__}; only an array can be appended to")
        if isinstance(value, (pd.DataFrame, pd.Series, pa.Table)):
            new = list(_records(value))
            if known and new:
                if not all(isinstance(item, dict) for item in known):
                    raise ValueError("the file's array holds other things than objects; a table cannot follow")
                tables.agree(list(dict.fromkeys(key for item in known for key in item)), list(new[0]))
        else:
            new = value if isinstance(value, list) else [value]
        with _open(path, "w", options) as file:
            _write_array(file, map(_encoder(options), [*known, *new]))

    def header(self, _path: Path, _options: Mapping[str, Any]) -> Header | None:
        """Tell nothing: JSON has no header."""
        return None

    @staticmethod
    def _value(path: Path, options: Mapping[str, Any]) -> Any:
        with _open(path, "r", options) as file:
            return json.load(file)


class JsonLines:
    """One JSON object a line, each a row; options ``encoding``, ``ensure_ascii``, ``sort_keys``."""

    name = "jsonl"
    holds: Holds = "json"
    runs_code = False
    appends = True

    def option_names(self) -> OptionNames:
        """Return the encoding, and how the text is written."""
        return OptionNames(frozenset({"encoding"}), _WRITE_OPTIONS)

    def read(self, path: Path, options: Mapping[str, Any], fields: Sequence[FieldConfig]) -> Any:
        """Return a frame with the keys of all lines as columns."""
        with _open(path, "r", options) as file:
            records = [item for _, item in _objects(file)]
        return tables.frame_of_records(records, {field.name for field in fields})

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write a table, one row a line."""
        with _open(path, "w", options) as file:
            _write_lines(file, _records(value), options)

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Copy the old lines, which are checked, then write the new ones."""
        new = list(_records(value))
        known: dict[str, None] = {}
        with _open(old, "r", options) as source, _open(path, "w", options) as sink:
            for line, item in _objects(source):
                known.update(dict.fromkeys(item))
                sink.write(f"{line}\n")
            if known and new:
                tables.agree(list(known), list(new[0]))
            _write_lines(sink, new, options)

    def header(self, path: Path, options: Mapping[str, Any]) -> Header | None:
        """Take the keys of the first line; the others may have more. None without a line."""
        with _open(path, "r", options) as file:
            first = next(_objects(file), None)
        return None if first is None else Header(tuple((key, None) for key in first[1]))


def _open(path: Path, mode: Any, options: Mapping[str, Any]) -> Any:
    return open_text(path, mode, encoding=options.get("encoding", "utf-8"))


def _objects(lines: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each line that is not blank, and what it says."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                item = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(item, dict):
                raise ValueError(f"line {number}: a {type(item).__name__} where an object has to be")
            yield line.strip(), item


def _records(value: Any) -> Iterator[dict[str, Any]]:
    """Yield one dict a row, missing values as None."""
    frame = tables.flat(tables.as_frame(value))
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ValueError("two of its columns have the same name as text")
    columns = [_values(frame.iloc[:, place]) for place in range(len(names))]
    if not columns:
        yield from ({} for _ in range(len(frame)))
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _values(column: pd.Series[Any]) -> list[Any]:
    missing = column.isna()
    values = column.tolist()
    return [None if gone else value for gone, value in zip(missing, values, strict=True)] if missing.any() else values


def _encoder(options: Mapping[str, Any]) -> Callable[[Any], str]:
    settings = {key: value for key, value in options.items() if key != "encoding"}
    return json.JSONEncoder(default=_plain, allow_nan=False, **{"ensure_ascii": False, **settings}).encode


def _plain(value: Any) -> Any:
    """What stands for a value that JSON has not, where nothing is lost by it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    raise TypeError(f"JSON has nothing for a value of type {type(value).__qualname__}")


def _write_array(file: Any, items: Iterator[str]) -> None:
    file.write("[")
    before = "\n"
    for item in items:
        file.write(f"{before}{item}")
        before = ",\n"
    file.write("]\n" if before == "\n" else "\n]\n")


def _write_lines(file: Any, records: Any, options: Mapping[str, Any]) -> None:
    encode = _encoder(options)
    file.writelines(f"{encode(record)}\n" for record in records)
