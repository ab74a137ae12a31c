"""What goes into a model and comes out of it: names, types and shapes, taken from examples.

Types are as pandas and NumPy write them (``int64``, ``str``, ``datetime64[us]``, ``category``). `inputs` holds data
against a signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.kinds import known
from tauro_nb.mlops import encoding

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_ROWS = 5
MOST_CATEGORIES = 1000
"""A column with more has them not in the signature, and takes any."""


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column of a table, or one array."""

    name: str
    """Empty for an array that has none."""
    dtype: str
    shape: tuple[int | None, ...] = (None,)
    """None: any length."""
    categories: tuple[str | int | float | bool, ...] | None = None
    """Of a column of categories, in order; None: any."""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The input that a model expects, and what it gave for an example of it."""

    kind: Literal["table", "array", "arrays", "value"]
    """A table, one array, arrays by name, or any other value, of which nothing is said."""
    columns: tuple[Column, ...] = ()
    """In order; an array has one, without a name."""
    outputs: tuple[Column, ...] = ()
    """Those of the table that came out, or the array; empty where it is not known."""


def infer(example: Any) -> Signature:
    """Return the signature of an example.

    Parameters
    ----------
    example : DataFrame, array, mapping of arrays, list of mappings, mapping of lists, or another JSON value
        The two forms of records are a table.

    Raises
    ------
    UsageError
        Two columns have the same name.
    """
    if isinstance(example, Mapping) and example and all(is_array(value) for value in example.values()):
        return Signature(kind="arrays", columns=_columns(example))
    if is_records(example):
        example = as_frame(example)
    if is_table(example):
        columns = _columns(example)
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"the example has two columns {twice[0]!r}", fix="give each column a name of its own")
        return Signature(kind="table", columns=columns)
    if is_array(example):
        return Signature(kind="array", columns=_columns(example))
    return Signature(kind="value")


def outputs(answer: Any) -> tuple[Column, ...]:
    """Describe what a model gave: the columns of a table, an array, arrays by name; nothing of anything else."""
    return _columns(answer) if is_table(answer) or is_array(answer) or isinstance(answer, Mapping) else ()


def checked(signature: Any) -> Signature:
    """Return a signature that a caller gave: one of `infer`'s, its fields as a mapping, or the training data.

    Raises
    ------
    UsageError
    """
    if isinstance(signature, Signature):
        return signature
    if is_table(signature) or is_array(signature):
        return infer(signature)
    try:
        return msgspec.convert(signature, known(Signature))
    except msgspec.ValidationError as error:
        raise UsageError(
            f"signature: {error}",
            fix="leave it out and pass input_example=, or pass the training frame, or what signature.infer gives",
        ) from error


def example_bytes(example: Any) -> bytes:
    """Return the first rows of an example as JSON.

    Raises
    ------
    UsageError
        It is neither table nor array nor JSON value.
    """
    if hasattr(example, "to_json") and hasattr(example, "columns"):
        told: str = example.head(EXAMPLE_ROWS).to_json(orient="split", date_format="iso", index=False)
        return told.encode()
    try:
        return encoding.encode(_plain(example))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"input_example is a {type(example).__name__}, neither table nor array nor JSON value ({error})",
            fix="pass a few rows as a DataFrame or an array",
        ) from error


def head(example: Any) -> Any:
    """Return the first rows of an example."""
    if is_table(example):
        return example.head(EXAMPLE_ROWS)
    if isinstance(example, Mapping):
        return {name: value[:EXAMPLE_ROWS] if hasattr(value, "__len__") else value for name, value in example.items()}
    return example[:EXAMPLE_ROWS] if is_array(example) or isinstance(example, list) else example


def is_table(value: Any) -> bool:
    """Tell whether this is a DataFrame, of whichever library."""
    return hasattr(type(value), "dtypes") and hasattr(type(value), "columns")


def is_array(value: Any) -> bool:
    """Tell whether this is an array, a tensor, or one column."""
    return hasattr(value, "dtype") and hasattr(value, "shape") and hasattr(value, "tolist") and bool(value.shape)


def is_records(value: Any) -> bool:
    """Tell whether this is a list of mappings or a mapping of lists: rows or columns of a table, as JSON has them."""
    if isinstance(value, Mapping):
        return bool(value) and all(isinstance(each, (list, tuple)) for each in value.values())
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def as_frame(records: Any) -> pd.DataFrame:
    """Return records as a DataFrame.

    Raises
    ------
    UsageError
        The lists differ in length.
    """
    import pandas as pd

    try:
        return pd.DataFrame(records)
    except ValueError as error:
        raise UsageError(f"these records are no table: {error}", fix="give each column as many values") from error


def _columns(example: Any) -> tuple[Column, ...]:
    if is_table(example):
        named = zip(example.columns, example.dtypes, strict=True)
        return tuple(Column(name=str(name), dtype=str(each), categories=_categories(each)) for name, each in named)
    if isinstance(example, Mapping):
        return tuple(_of_array(str(name), value) for name, value in example.items() if is_array(value))
    return (_of_array("", example),)


def _of_array(name: str, array: Any) -> Column:
    shape = (None, *(int(each) for each in array.shape[1:]))
    return Column(name=name, dtype=str(array.dtype), shape=shape, categories=_categories(array.dtype))


def _categories(dtype: Any) -> tuple[str | int | float | bool, ...] | None:
    known = getattr(dtype, "categories", None)
    if known is None or not hasattr(known, "tolist") or len(known) > MOST_CATEGORIES:
        return None
    told = tuple(known.tolist())
    return told if all(isinstance(each, (str, int, float, bool)) for each in told) else None


def _plain(value: Any) -> Any:
    if is_array(value):
        return value[:EXAMPLE_ROWS].tolist()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
