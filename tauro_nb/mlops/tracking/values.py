"""What may be logged: metric keys and values, parameters, tags and names; each turned into what is kept, or refused.

A metric value is any real number, of Python, NumPy or a tensor library, or an array of no dimension; NaN and the
infinities are kept, because a diverging loss must be seen. A parameter is any JSON value; NumPy's scalars and arrays
are taken as the numbers they hold, dates as their ISO text, a member of an enumeration as its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

from tauro_nb.confidential import hidden
from tauro_nb.errors import InvalidMetric, InvalidName, InvalidParam
from tauro_nb.mlops import encoding

KEY_CHARS = 250
NOTES_CHARS = 100_000


def text(value: object) -> str:
    """Return `value` as text that can be kept: no secret, and what UTF-8 cannot hold is spelled with backslashes."""
    told = hidden(value) if isinstance(value, str) else str(value)
    return told.encode("utf-8", "backslashreplace").decode("utf-8")


def named(kind: str, value: object) -> str:
    """Return a run's, experiment's or tag's name: any text but the empty one.

    Raises
    ------
    InvalidName
    """
    if not isinstance(value, str):
        raise InvalidName(f"{kind} {value!r} is a {type(value).__name__}", fix="give it as text")
    if not value.strip():
        raise InvalidName(f"{kind} {value!r} is empty", fix="give it a name")
    return text(value)


def metric_key(key: object) -> str:
    """Return `key` if points can be logged under it.

    Raises
    ------
    InvalidMetric
    """
    problem = _key_problem(key)
    if problem:
        raise InvalidMetric(
            f"metric key {_short(key)} {problem}", fix=f"use printable text, at most {KEY_CHARS} characters"
        )
    return str(key)


def metric_value(key: str, value: Any) -> float:
    """Return `value` as the float that is logged.

    Raises
    ------
    InvalidMetric
        It is no real number.
    """
    if isinstance(value, (float, int)):
        return _as_float(key, value)
    kind = type(value)
    if isinstance(value, (str, bytes, bytearray)):
        raise InvalidMetric(
            f"metric {key!r}: {_short(value)} is text, not a number", fix="log float(value), or set a tag"
        )
    if getattr(value, "ndim", 0):
        shape = tuple(getattr(value, "shape", ()))
        raise InvalidMetric(
            f"metric {key!r}: an array of shape {shape} is not one number",
            fix="log one element, or a summary such as value.mean()",
        )
    if getattr(getattr(value, "dtype", None), "kind", "f") not in "biufO" or not hasattr(value, "__float__"):
        raise InvalidMetric(
            f"metric {key!r}: {_short(value)} is a {kind.__name__}, not a real number", fix="log a number"
        )
    return _as_float(key, value)


def metric_step(step: Any) -> int:
    """Return `step` as the integer that is logged.

    Raises
    ------
    InvalidMetric
        It is no integer of 64 bits.
    """
    try:
        number = step.__index__()
    except (AttributeError, TypeError):
        raise InvalidMetric(f"step {_short(step)} is no integer", fix="count steps in whole numbers") from None
    if not -(2**63) <= number < 2**63:
        raise InvalidMetric(f"step {number} does not fit into 64 bits", fix="count from 0")
    return int(number)


def param(key: object, value: Any) -> tuple[str, Any]:
    """Return a parameter as it is kept: its key, and a plain JSON value.

    Raises
    ------
    InvalidParam
    """
    problem = _key_problem(key)
    if problem:
        raise InvalidParam(
            f"parameter {_short(key)} {problem}", fix=f"use printable text, at most {KEY_CHARS} characters"
        )
    return str(key), plain(str(key), value)


def same(one: Any, other: Any) -> bool:
    """Tell whether two parameters, as they are kept, are the same: a bool is no number, and 3 is 3.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def tags(given: Mapping[str, object]) -> dict[str, str]:
    """Return tags as they are kept.

    Raises
    ------
    InvalidName
    """
    if not isinstance(given, Mapping):
        raise InvalidName(f"tags are a dict, not a {type(given).__name__}", fix="write {'name': 'value'}")
    return {named("tag", key): text(value) for key, value in given.items()}


def notes(given: object) -> str:
    """Return a run's notes as they are kept.

    Raises
    ------
    InvalidParam
    """
    if not isinstance(given, str):
        raise InvalidParam(f"notes are text, not a {type(given).__name__}", fix="pass a str")
    if len(given) > NOTES_CHARS:
        raise InvalidParam(
            f"notes of {len(given):,} characters; they have at most {NOTES_CHARS:,}",
            fix="log a longer text as an artifact, and name it in the notes",
        )
    return text(given)


def _as_float(key: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InvalidMetric(
            f"metric {key!r}: {_short(value)} is too large for a float", fix="log its logarithm"
        ) from None
    except (TypeError, ValueError) as error:
        raise InvalidMetric(
            f"metric {key!r}: {_short(value)} is no real number ({error})", fix="log a number"
        ) from error


def _key_problem(key: object) -> str | None:
    if not isinstance(key, str):
        return f"is a {type(key).__name__}, not text"
    if not key.strip():
        return "is empty"
    if len(key) > KEY_CHARS:
        return f"has {len(key)} characters"
    if not key.isprintable():
        return "has characters that cannot be printed"
    return None


def plain(key: str, value: Any, *, depth: int = 0) -> Any:
    """Return `value` as a plain JSON value; `key` says in an error whose it is.

    Raises
    ------
    InvalidParam
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(key, value.value, depth=depth + 1)
    if isinstance(value, (str, PurePath)):
        return text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return encoding.number(float(value))
    if depth > 50:
        raise InvalidParam(f"parameter {key!r} is nested more than 50 deep", fix="log it as an artifact")
    if isinstance(value, Mapping):
        return {text(name): plain(key, item, depth=depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(key, item, depth=depth + 1) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m"):  # times and spans of NumPy
        return [plain(key, item, depth=depth + 1) for item in value] if value.ndim else text(value)
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        held = _held(value)
        if isinstance(held, (bool, int, float, str, list)):
            return plain(key, held, depth=depth + 1)
    raise InvalidParam(
        f"parameter {key!r}: {_short(value)} is a {type(value).__name__}, not a JSON value",
        fix="log str(value), or the numbers and names that it stands for",
    )


def _held(value: Any) -> Any:
    held = value.tolist()
    is_long_double = getattr(getattr(held, "dtype", None), "kind", "") == "f"
    return float(held) if is_long_double else held  # Python has none, so NumPy leaves it as it is


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
