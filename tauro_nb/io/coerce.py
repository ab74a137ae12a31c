"""Column by column into the declared type, losing nothing.

Three kinds of columns come here: typed ones (Parquet, Feather, a pickled table), text that is still to be parsed
(CSV), and JSON's own values. A converter takes a whole column and raises where any of its values does not fit; which
one that is, is found by `first_misfit`, and only then. Imports pandas and pyarrow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tauro_nb.io import field_types

Converter = Callable[[Any], Any]

MISFIT = (pa.ArrowException, ValueError, TypeError, OverflowError)
"""What a converter raises."""

_TRUE, _FALSE = ["true", "1"], ["false", "0"]


def first_misfit(column: Any, convert: Converter) -> int:
    """Return the position of the value with which `convert`, which fails on the whole `column`, first fails."""
    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            convert(column[:middle])
        except MISFIT:
            bad = middle
        else:
            good = middle
    return bad - 1


def of_typed(declared: str, found: pa.DataType) -> Converter | None:
    """Return the converter for a typed column; None if the type is another one."""
    if pa.types.is_null(found):
        return _cast(field_types.arrow_type(declared))
    if not field_types.accepts(declared, found):
        return None
    if declared == "float" and pa.types.is_integer(found):
        return _cast(pa.float64())
    if declared == "datetime" and pa.types.is_date(found):
        return _cast(pa.timestamp("us"))
    if declared == "string" and pa.types.is_dictionary(found):
        return _cast(found.value_type)
    if declared == "category" and not pa.types.is_dictionary(found):
        return _encode
    return _keep


def of_text(declared: str, found: pa.DataType) -> Converter | None:
    """Return the converter for a column of text; None if text cannot say such a thing.

    A column that the reader has parsed already, as its options told it to, is converted if nothing is lost by it.
    """
    if not field_types.is_text(found):
        return of_typed(declared, found) or _of_parsed(declared, found)
    wanted = field_types.arrow_type(declared)
    if pa.types.is_boolean(wanted):
        return _boolean
    if pa.types.is_integer(wanted):
        return _any_integer if declared == "integer" else lambda text: _digits(text).cast(wanted)
    if pa.types.is_floating(wanted):
        return lambda text: _float(text).cast(wanted, safe=False)  # decimal text is rounded in any case
    if pa.types.is_timestamp(wanted):
        return _datetime if declared == "datetime" else lambda text: _datetime(text).cast(wanted)
    if pa.types.is_date(wanted):
        return lambda text: _date(text).cast(wanted)
    if pa.types.is_time(wanted):
        return lambda text: _time(text).cast(wanted)
    if field_types.family(wanted) == "binary" or pa.types.is_duration(wanted):
        return None
    return {"string": _keep, "category": _encode}.get(field_types.family(wanted), _cast(wanted))


def _of_parsed(declared: str, found: pa.DataType) -> Converter | None:
    wanted, family = field_types.arrow_type(declared), field_types.family(found)
    if pa.types.is_floating(wanted) and family in ("integer", "float"):
        return lambda column: column.cast(wanted, safe=False)
    if pa.types.is_integer(wanted) and family in ("integer", "float"):
        return _cast_back(wanted)
    if (pa.types.is_date(wanted) or pa.types.is_timestamp(wanted)) and family == "datetime":
        return _cast_back(wanted)
    return None


def of_json(declared: str) -> Converter | None:
    """Return the converter for a list of JSON values; None if JSON cannot say such a thing."""
    wanted = field_types.arrow_type(declared)
    if pa.types.is_boolean(wanted):
        return lambda values: pa.array(_all_of(values, bool), pa.bool_())
    if pa.types.is_integer(wanted):
        return lambda values: _integers([_whole(value) for value in values], None if declared == "integer" else wanted)
    if pa.types.is_floating(wanted):
        return lambda values: pa.array([_number(value) for value in values], pa.float64()).cast(wanted, safe=False)
    if declared == "category":
        return _json_category
    from_text = of_text(declared, pa.string())
    return from_text and (lambda values: from_text(pa.array(_all_of(values, str), pa.string())))


def _keep(column: Any) -> Any:
    return column


def _encode(column: Any) -> Any:
    return column.dictionary_encode()


def _cast(wanted: pa.DataType) -> Converter:
    return lambda column: column.cast(wanted)


def _cast_back(wanted: pa.DataType) -> Converter:
    """Cast only if the values are the same again after casting them back."""

    def convert(column: Any) -> Any:
        made = column.cast(wanted)
        if not made.cast(column.type).equals(column):
            raise ValueError("values would be lost")
        return made

    return convert


def _boolean(text: Any) -> Any:
    word = pc.utf8_lower(pc.utf8_trim_whitespace(text))
    true, false = pc.is_in(word, pa.array(_TRUE, word.type)), pc.is_in(word, pa.array(_FALSE, word.type))
    _demand(pc.or_(true, false), text)
    return pc.if_else(pc.is_valid(text), true, pa.scalar(None, pa.bool_()))


def _digits(text: Any) -> Any:
    """Whole numbers as an optional minus and digits, however they were written: ``+1``, ``1.0``, ``1e3``."""
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^\+?(-?[0-9]+)(\.0*)?$", r"\1")
    if pc.all(pc.match_substring_regex(plain, r"^-?[0-9]+$")).as_py():
        return plain
    _demand(pc.match_substring_regex(plain, r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"), text)
    return pa.chunked_array([pa.array([_whole_digits(value) for value in plain.to_pylist()], pa.string())])


def _whole_digits(text: str | None) -> str | None:
    if text is None:
        return None
    number = Decimal(text)
    if number != number.to_integral_value():
        raise ValueError(text)
    return str(int(number))


def _any_integer(text: Any) -> Any:
    digits = _digits(text)
    try:
        return digits.cast(pa.int64())
    except pa.ArrowInvalid:
        return digits.cast(pa.uint64())


def _float(text: Any) -> Any:
    plain = pc.utf8_trim_whitespace(text)
    try:
        return plain.cast(pa.float64())
    except pa.ArrowInvalid:  # a sign +, "Infinity": Python knows more spellings
        return pa.chunked_array([pa.array([_python_float(value) for value in plain.to_pylist()], pa.float64())])


def _python_float(text: str | None) -> float | None:
    if text is not None and "_" in text:
        raise ValueError(text)
    return None if text is None else float(text)


def _datetime(text: Any) -> Any:
    """ISO 8601; either all values have an offset, and become UTC, or none has."""
    plain = pc.utf8_trim_whitespace(text)
    _demand(pc.match_substring_regex(plain, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"), text)
    aware = pc.match_substring_regex(plain, _OFFSET)
    first = next((value.as_py() for value in aware if value.is_valid), False)
    _demand(aware if first else pc.invert(aware), text)
    parsed = pd.to_datetime(pd.Series(plain.to_pandas()), format="ISO8601", utc=first)
    made = pa.array(parsed.dt.tz_localize(None) if first else parsed, from_pandas=True)
    return pa.chunked_array([made.cast(pa.timestamp(made.type.unit, "UTC")) if first else made])


_OFFSET = r"[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$"


def _date(text: Any) -> Any:
    """``YYYY-MM-DD``, which midnight may follow."""
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"[T ]00:00(:00(\.0+)?)?$", "")
    _demand(pc.match_substring_regex(plain, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), text)
    return plain.cast(pa.date32())


def _time(text: Any) -> Any:
    values = [None if value is None else dt.time.fromisoformat(value) for value in text.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.time64("us"))])


def _demand(holds: Any, text: Any) -> None:
    """Raise if the condition is false for any value that is not null."""
    if pc.any(pc.and_(pc.is_valid(text), pc.invert(holds))).as_py():
        raise ValueError("a value does not fit")


def _json_category(values: list[Any]) -> Any:
    made = pa.array(values)
    return (made.cast(pa.string()) if pa.types.is_null(made.type) else made).dictionary_encode()


def _all_of(values: list[Any], kind: type) -> list[Any]:
    if any(value is not None and type(value) is not kind for value in values):
        raise TypeError("a value of another type")
    return values


def _whole(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise TypeError("not a whole number")


def _integers(values: list[int | None], wanted: pa.DataType | None) -> Any:
    try:
        return pa.array(values, wanted or pa.int64())
    except (pa.ArrowInvalid, OverflowError):
        return pa.array(values, wanted or pa.uint64())


def _number(value: Any) -> float | None:
    if value is None or type(value) is float:
        return value
    if type(value) is int and int(float(value)) == value:
        return float(value)
    raise TypeError("not a number that a float holds")
