"""What goes into a model: names, types and shapes, taken from an example of its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.mlops import encoding

EXAMPLE_ROWS = 5


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table, or one named array."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] = (None,)
    """None: any length."""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The input that a model expects."""

    kind: Literal["table", "array", "value"]
    columns: tuple[Column, ...] = ()
    """In order; an array has one, without a name."""


def infer(example: Any) -> Signature:
    """Return the signature of an example: a DataFrame, an array, a mapping of arrays, or another JSON value."""
    if hasattr(example, "dtypes") and hasattr(example, "columns"):
        named = zip(example.columns, example.dtypes, strict=True)
        return Signature(kind="table", columns=tuple(Column(name=str(name), dtype=str(each)) for name, each in named))
    if isinstance(example, Mapping) and all(_is_array(value) for value in example.values()):
        return Signature(kind="table", columns=tuple(_column(str(name), value) for name, value in example.items()))
    if _is_array(example):
        return Signature(kind="array", columns=(_column("", example),))
    return Signature(kind="value")


def checked(signature: Any) -> Signature:
    """Return a signature that a caller gave: one of `infer`'s, or its fields as a mapping.

    Raises
    ------
    UsageError
    """
    try:
        return signature if isinstance(signature, Signature) else msgspec.convert(signature, Signature)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"signature: {error}",
            fix="leave it out and pass input_example=, or pass what signature.infer(example) gives",
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


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape") and hasattr(value, "tolist")


def _column(name: str, array: Any) -> Column:
    return Column(name=name, dtype=str(array.dtype), shape=(None, *(int(each) for each in array.shape[1:])))


def _plain(value: Any) -> Any:
    if _is_array(value):
        return (value[:EXAMPLE_ROWS] if value.shape else value).tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
