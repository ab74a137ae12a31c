"""Tables as pandas and Arrow see them; what the tabular formats share.

The rule of all: no value is changed silently. Integers stay integers though some are missing (pandas' nullable types,
not floats), and what a format cannot hold is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from tauro_nb.io import field_types

_NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}
_EXACT_IN_FLOAT = 2**53


def as_frame(value: Any) -> pd.DataFrame:
    """Return `value` as a table with unique column names.

    Raises
    ------
    TypeError
        It is no DataFrame, Series, ``pyarrow.Table`` or list of dicts.
    ValueError
        A column name occurs twice.
    """
    if isinstance(value, pd.DataFrame):
        frame = value
    elif isinstance(value, pd.Series):
        frame = value.to_frame(name="value" if value.name is None else value.name)
    elif isinstance(value, pa.Table):
        frame = to_pandas(value)
    elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        frame = frame_of_records(value)
    else:
        kind = type(value).__qualname__
        raise TypeError(f"it holds tables (DataFrame, Series, list of dicts), and was given a value of type {kind}")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"the column {twice[0]!r} occurs twice")
    return frame


def flat(frame: pd.DataFrame, *, index: bool | None = None) -> pd.DataFrame:
    """Return `frame` with a plain index: its levels become columns, save unnamed integers, which only count rows.

    Parameters
    ----------
    index : bool, optional
        True: keep every level; False: drop all.

    Raises
    ------
    ValueError
        The columns have several levels.
    """
    if frame.columns.nlevels > 1:
        raise ValueError("its columns have several levels; give each one name")
    if index is True:
        return frame.reset_index()
    if index is False:
        return frame.reset_index(drop=True)
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    kept = [place for place, level in enumerate(levels) if level.name is not None or not _counts(level)]
    return (frame.reset_index(level=kept) if kept else frame).reset_index(drop=True)


def _counts(level: pd.Index[Any]) -> bool:
    return pd.api.types.is_integer_dtype(level.dtype) or not len(level)


def frame_of_records(records: Sequence[Mapping[Any, Any]], unparsed: Collection[str] = ()) -> pd.DataFrame:
    """Return a table with one row a record and the keys of all as columns; a missing key is a missing value.

    Parameters
    ----------
    unparsed : collection of str
        Columns whose values stay the Python objects that they are.
    """
    keys = dict.fromkeys(key for record in records for key in record)
    columns = {}
    for key in keys:
        values = [record.get(key) for record in records]
        columns[key] = pd.Series(values, dtype=object) if key in unparsed else _series(values)
    return pd.DataFrame(columns, columns=list(keys), index=pd.RangeIndex(len(records)))


def _series(values: list[Any]) -> pd.Series[Any]:
    """Let pandas choose the type, save where that would lose digits."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool} and None in values:
        return pd.Series(values, dtype="boolean")
    if kinds == {int} and None in values:
        fits = all(value is None or -(2**63) <= value < 2**63 for value in values)
        return pd.Series(values, dtype="Int64" if fits else object)
    if kinds == {int, float} and any(type(value) is int and abs(value) > _EXACT_IN_FLOAT for value in values):
        return pd.Series(values, dtype=object)
    if len(kinds) > 1 and bool in kinds:
        return pd.Series(values, dtype=object)
    return pd.Series(values)


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return an Arrow table that gives the same frame back, index included.

    Raises
    ------
    ValueError, pyarrow.ArrowException
        A column mixes types, or there are rows without columns.
    """
    table = pa.Table.from_pandas(frame)
    if len(frame) and not table.num_columns:
        raise ValueError("it has rows but no columns")
    return table


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return the frame, its index restored; whole numbers and booleans with nulls get pandas' nullable types."""
    frame: pd.DataFrame = table.to_pandas()
    if frame.columns.has_duplicates:
        return frame
    for field, column in zip(table.schema, table.columns, strict=True):
        if column.null_count and field.type in _NULLABLE and field.name in frame.columns:
            stored = frame[field.name].dtype
            if stored != _NULLABLE[field.type]:
                frame[field.name] = series(column).array
    return frame


def series(column: pa.ChunkedArray) -> pd.Series[Any]:
    """Return one Arrow column as pandas, by the rule of `to_pandas`."""
    mapper = _NULLABLE.get if column.null_count else None
    made: pd.Series[Any] = column.to_pandas(types_mapper=mapper)
    return made


def joined(old: pa.Table, new: pa.Table) -> pa.Table:
    """Return the rows of `old`, then those of `new`, in the columns and types of `old`.

    Raises
    ------
    ValueError
        The columns do not agree in name, or one's types do not, or its values do not fit.
    """
    agree(old.column_names, new.column_names)
    columns = {name: _appended(name, old[name], new[name]) for name in old.column_names}
    return pa.table(columns).replace_schema_metadata(old.schema.metadata)


def agree(old: Sequence[str], new: Sequence[str]) -> None:
    """Refuse column names that are not the same, whatever their order."""
    missing = [name for name in old if name not in new]
    extra = [name for name in new if name not in old]
    if missing or extra:
        said = [f"{label} {', '.join(map(repr, names[:8]))}" for label, names in _differences(missing, extra)]
        raise ValueError(f"the columns do not agree with the file's: {'; '.join(said)}")


def _differences(missing: list[str], extra: list[str]) -> list[tuple[str, list[str]]]:
    return [pair for pair in (("missing", missing), ("new", extra)) if pair[1]]


def _appended(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_null(old.type):
        old = old.cast(new.type)
    if not field_types.compatible(old.type, new.type):
        raise ValueError(
            f"column {name!r}: the file holds {field_types.spoken(old.type)}, "
            f"the new rows {field_types.spoken(new.type)}"
        )
    try:
        if pa.types.is_dictionary(old.type):
            return _categories(name, old, new)
        return pa.chunked_array([*old.chunks, *new.cast(old.type).chunks], type=old.type)
    except pa.ArrowException as error:
        raise ValueError(f"column {name!r}: {error}") from error


def _categories(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray) -> pa.ChunkedArray:
    if old.type.ordered:
        if not len(old):
            return new
        if not (pa.types.is_dictionary(new.type) and _categories_of(old) == _categories_of(new)):
            raise ValueError(f"column {name!r}: its categories are ordered, and the new rows have other ones")
        chunks = [chunk.indices.cast(old.type.index_type) for chunk in new.unify_dictionaries().chunks]
        known = old.unify_dictionaries()
        same = [pa.DictionaryArray.from_arrays(chunk, known.chunk(0).dictionary, ordered=True) for chunk in chunks]
        return pa.chunked_array([*known.chunks, *same], type=old.type)
    values = [*old.cast(old.type.value_type).chunks, *new.cast(old.type.value_type).chunks]
    return pa.chunked_array(values, type=old.type.value_type).dictionary_encode()


def _categories_of(column: pa.ChunkedArray) -> list[Any]:
    return [chunk.dictionary.to_pylist() for chunk in column.unify_dictionaries().chunks[:1]]
