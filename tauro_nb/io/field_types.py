"""The types that a schema may declare, and which of Arrow's types each accepts.

A kind (``integer``) stands for a family of Arrow types; an Arrow name (``int64``) for itself alone, whatever the
layout of its text or bytes (``large_string`` is ``string``). Imports pyarrow.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
from pyarrow import types

from tauro_nb.config.schema import FIELD_TYPES
from tauro_nb.errors import UnknownName


def is_text(found: pa.DataType) -> bool:
    """Whether it is text in any layout."""
    return str(found) in ("string", "large_string", "string_view")


def _is_bytes(found: pa.DataType) -> bool:
    return str(found) in ("binary", "large_binary", "binary_view") or bool(types.is_fixed_size_binary(found))


_FAMILIES: dict[str, Callable[[pa.DataType], bool]] = {
    "boolean": types.is_boolean,
    "integer": types.is_integer,
    "float": types.is_floating,
    "string": is_text,
    "datetime": types.is_timestamp,
    "date": types.is_date,
    "category": types.is_dictionary,
    "binary": _is_bytes,
}

_WIDENED = {
    "float": ("integer",),
    "datetime": ("date",),
    "category": ("string", "integer", "boolean"),
}
"""What a kind takes besides its own family, because nothing is lost: values that do not fit are refused one by one."""

_DEFAULTS = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "datetime": pa.timestamp("us"),
    "date": pa.date32(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "binary": pa.binary(),
}


def family(found: pa.DataType) -> str:
    """Return the kind that `found` belongs to, or Arrow's own name."""
    return next((kind for kind, belongs in _FAMILIES.items() if belongs(found)), str(found))


def spoken(found: pa.DataType) -> str:
    """Return how a message names the type."""
    if types.is_dictionary(found):
        return f"category of {spoken(found.value_type)}"
    return "string" if is_text(found) else "binary" if _is_bytes(found) else str(found)


def arrow_type(declared: str) -> pa.DataType:
    """Return the Arrow type that a declared one stands for; for a kind, the one that values are given.

    Raises
    ------
    UnknownName
        It is neither a kind nor an Arrow name.
    """
    if declared in _DEFAULTS:
        return _DEFAULTS[declared]
    if zoned := re.fullmatch(r"timestamp\[(s|ms|us|ns), ?tz=([^\]]+)\]", declared):
        return pa.timestamp(zoned[1], tz=zoned[2])
    if decimal := re.fullmatch(r"decimal(128|256)\((\d+), ?(-?\d+)\)", declared):
        make = pa.decimal128 if decimal[1] == "128" else pa.decimal256
        return make(int(decimal[2]), int(decimal[3]))
    try:
        return pa.type_for_alias(re.sub(r"^(date..)\[.*\]$", r"\1", declared))
    except ValueError:
        raise UnknownName.among("column type", declared, FIELD_TYPES) from None


def accepts(declared: str, found: pa.DataType) -> bool:
    """Whether a typed column of type `found` is what `declared` asks for, or widens to it without loss."""
    own = family(found)
    if declared not in FIELD_TYPES:
        wanted = arrow_type(declared)
        return bool(wanted == found) or (family(wanted) == own and own in ("string", "binary"))
    if own == declared or own in _WIDENED.get(declared, ()):
        return True
    return declared == "string" and types.is_dictionary(found) and is_text(found.value_type)


def compatible(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether values of `new` may be appended to a column of `old`, if each of them fits."""
    if types.is_null(new) or old == new:
        return True
    families = {_value_family(old), _value_family(new)}
    return len(families) == 1 or families in ({"integer", "float"}, {"date", "datetime"})


def _value_family(found: pa.DataType) -> str:
    return family(found.value_type if types.is_dictionary(found) else found)
