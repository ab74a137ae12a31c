"""Parquet and Feather: files that carry their own types, read and written through Arrow."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import dataset, feather
from pyarrow import parquet as pq

from tauro_nb.config.schema import FieldConfig
from tauro_nb.io.formats import tables
from tauro_nb.io.formats.protocol import Header, Holds, OptionNames

_OURS = {"source", "table", "where", "df", "dest", "schema", "filesystem", "kwargs"}
"""Arguments of pyarrow's functions that are no options: what is read and written, and where."""


class Parquet:
    """Parquet, a file or a folder of files; integers, text and time stamps as pandas has them."""

    name = "parquet"
    holds: Holds = "typed"
    runs_code = False
    appends = True

    def option_names(self) -> OptionNames:
        """Return those of ``pyarrow.parquet.read_table`` and ``write_table``."""
        return OptionNames(_arguments(pq.read_table), _arguments(pq.write_table))

    def read(self, path: Path, options: Mapping[str, Any], _fields: Sequence[FieldConfig]) -> Any:
        """Return an Arrow table."""
        try:
            return pq.read_table(path, **options)
        except pa.ArrowInvalid:
            for name, times in Counter(name for name, _ in self.header(path, options).columns).items():
                if times > 1:  # what Arrow says then is not understood by anybody
                    raise ValueError(f"the column {name!r} occurs {times} times") from None
            raise

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write a table, its index included."""
        pq.write_table(tables.to_arrow(tables.as_frame(value)), path, **options)

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Write the old rows, then the new ones, in the old columns and types."""
        new = tables.to_arrow(tables.as_frame(value))
        pq.write_table(tables.joined(pq.read_table(old), new), path, **options)

    def header(self, path: Path, _options: Mapping[str, Any]) -> Header:
        """Read the footer; of a folder, that of its first file."""
        if path.is_dir():
            return _header(dataset.dataset(path, format="parquet", partitioning="hive").schema, None)
        with pq.ParquetFile(path) as file:
            return _header(file.schema_arrow, file.metadata.num_rows)


class Feather:
    """Feather, which is Arrow's own file format."""

    name = "feather"
    holds: Holds = "typed"
    runs_code = False
    appends = True

    def option_names(self) -> OptionNames:
        """Return those of ``pyarrow.feather.read_table`` and ``write_feather``."""
        return OptionNames(_arguments(feather.read_table), _arguments(feather.write_feather))

    def read(self, path: Path, options: Mapping[str, Any], _fields: Sequence[FieldConfig]) -> Any:
        """Return an Arrow table."""
        return feather.read_table(str(path), **options)

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write a table, its index included."""
        feather.write_feather(tables.to_arrow(tables.as_frame(value)), str(path), **options)

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Write the old rows, then the new ones, in the old columns and types."""
        new = tables.to_arrow(tables.as_frame(value))
        feather.write_feather(tables.joined(feather.read_table(str(old)), new), str(path), **options)

    def header(self, path: Path, _options: Mapping[str, Any]) -> Header:
        """Read the footer and the heads of the batches."""
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            schema = reader.schema
        return _header(schema, dataset.dataset(path, format="feather").count_rows())


def _header(schema: Any, rows: int | None) -> Header:
    return Header(tuple((field.name, str(field.type)) for field in schema), rows, schema)


@cache
def _arguments(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters) - _OURS
