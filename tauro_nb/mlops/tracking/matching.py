"""Whether one value meets a condition, and where it stands in an order; the rules are those of MLflow.

A comparison with nothing does not hold, ``!=`` neither; ``IS NULL`` finds it. Of several values (the aliases of a
version) one is enough, and for ``!=`` and ``NOT IN`` all must differ.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tauro_nb.mlops.tracking.filters import Condition


def _is_nan(value: Any) -> Any:
    return value != value  # noqa: PLR0124 - NaN is the one number that is not itself


def _equal(one: Any, other: Any) -> Any:
    return (one == other) | (_is_nan(one) & _is_nan(other))


def _differ(one: Any, other: Any) -> Any:
    return True ^ _equal(one, other)


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": _equal,
    "!=": _differ,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Of numbers, or arrays of them. NaN equals NaN: nobody could ask for it otherwise."""


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether a value meets a condition."""
    how, wanted = condition.operator, condition.value
    if how == "IS NULL":
        return value is None
    if how == "IS NOT NULL":
        return value is not None
    if value is None:
        return False
    if how in ("IN", "NOT IN"):
        found = any(_compare(value, "=", each) for each in wanted)  # type: ignore[union-attr]
        return found is (how == "IN")
    return _compare(value, how, wanted)


def _compare(value: Any, how: str, wanted: Any) -> bool:
    if isinstance(wanted, float):
        number = _number(value)
        return number is not None and bool(COMPARE[how](number, wanted))
    texts = _texts(value)
    if how in ("LIKE", "ILIKE"):
        pattern = _pattern(wanted, how)
        return any(pattern.fullmatch(text) is not None for text in texts)
    return (wanted in texts) is (how == "=")


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _texts(value: Any) -> tuple[str, ...]:
    """How a value may be written: as Python and as JSON write it; of several values each."""
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) else (str(value), json.dumps(value))


@lru_cache(maxsize=256)
def _pattern(like: str, how: str) -> re.Pattern[str]:
    body = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in like)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if how == "ILIKE" else 0))


def rank(value: Any) -> tuple[int, int, float, str]:
    """Return what sorts a value: what comes last whichever way, numbers before texts, the value itself."""
    if value is None:
        return 2, 0, 0.0, ""
    if isinstance(value, (int, float)):
        return (1, 0, 0.0, "") if math.isnan(value) else (0, 0, float(value), "")
    return 0, 1, 0.0, value if isinstance(value, str) else json.dumps(value, sort_keys=True)
