"""Which runs a filter keeps, and in what order.

As in MLflow, a comparison with something that a run does not have does not hold, ``!=`` neither; ``IS NULL`` finds such
runs. In an order they come last, after NaN, whichever way it goes.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.filters import Condition, Field, Order, parse_filter, parse_order
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def select(
    archive: RunArchive,
    filter_string: str,
    order_by: Iterable[str] | None,
    max_results: int | None,
    experiment_names: Iterable[str] | None,
) -> list[RunRecord]:
    """Return the records that `filter_string` keeps, in order, at most `max_results`.

    Raises
    ------
    FilterError, StoreError
    """
    conditions = parse_filter(filter_string or "")
    orders = [parse_order(each) for each in ([order_by] if isinstance(order_by, str) else order_by or ())]
    if max_results is not None and max_results < 1:
        raise UsageError(f"max_results={max_results}", fix="ask for at least one run, or None for all")
    fields = [each.field for each in conditions] + [each.field for each in orders]
    looks_at_metrics = any(field.section == "metrics" for field in fields)
    found = []
    for record in archive.records(experiment_names):
        seen = archive.observed(record)
        if looks_at_metrics and seen.ended_at_ns is None:
            seen = msgspec.structs.replace(seen, metrics=_last(archive, seen))
        if all(holds(condition, seen) for condition in conditions):
            found.append(seen)
    return ordered(found, orders)[:max_results]


def holds(condition: Condition, record: RunRecord) -> bool:
    """Tell whether a run meets a condition."""
    value, how, wanted = value_of(condition.field, record), condition.operator, condition.value
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


def ordered(records: Sequence[RunRecord], orders: Sequence[Order]) -> list[RunRecord]:
    """Return records sorted by the orders, the first of them first; what they leave equal, newest first."""
    result = sorted(records, key=lambda record: (record.started_at_ns, record.run_id), reverse=True)
    for order in reversed(orders):
        numbered = [(value_of(order.field, record), record) for record in result]
        missing = [record for value, record in numbered if value is None]
        nan = [record for value, record in numbered if isinstance(value, float) and math.isnan(value)]
        rest = [pair for pair in numbered if pair[0] is not None and pair[0] == pair[0]]
        rest.sort(key=lambda pair: _sortable(pair[0]), reverse=order.descending)
        result = [record for _, record in rest] + nan + missing
    return result


def value_of(field: Field, record: RunRecord) -> Any:
    """Return what a field of a run holds; None where the run has none."""
    if field.section == "attributes":
        return _ATTRIBUTES[field.name](record)
    if field.section == "metrics":
        return record.metrics.get(field.name)
    if field.section == "params":
        return record.params.get(field.name)
    if field.name in _MLFLOW_TAGS and field.name not in record.tags:
        return _MLFLOW_TAGS[field.name](record)
    return record.tags.get(field.name)


def _compare(value: Any, how: str, wanted: Any) -> bool:
    if isinstance(wanted, float):
        number = _number(value)
        return number is not None and _COMPARE[how](number, wanted)
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
    """How a value may be written: as Python and as JSON write it."""
    return (value,) if isinstance(value, str) else (str(value), json.dumps(value))


@lru_cache(maxsize=256)
def _pattern(like: str, how: str) -> re.Pattern[str]:
    body = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in like)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if how == "ILIKE" else 0))


def _sortable(value: Any) -> tuple[int, float, str]:
    if isinstance(value, (int, float)):
        return 0, float(value), ""
    return 1, 0.0, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _last(archive: RunArchive, record: RunRecord) -> dict[str, float]:
    from tauro_nb.mlops.tracking.metric_log import MetricLog

    return MetricLog.reader(archive.store, keys.metrics(record.experiment, record.run_id)).last()


def _duration_s(record: RunRecord) -> float | None:
    return None if record.ended_at_ns is None else (record.ended_at_ns - record.started_at_ns) / 1e9


_MLFLOW_TAGS: dict[str, Callable[[RunRecord], Any]] = {
    "mlflow.runName": lambda record: record.name,
    "mlflow.parentRunId": lambda record: record.parent_id,
    "mlflow.user": lambda record: record.source.user if record.source else None,
    "mlflow.source.git.commit": lambda record: record.source.git_commit if record.source else None,
}
"""What MLflow keeps as tags and filters are used to find there."""

_ATTRIBUTES: dict[str, Callable[[RunRecord], Any]] = {
    "run_id": lambda record: record.run_id,
    "run_name": lambda record: record.name,
    "experiment": lambda record: record.experiment,
    "status": lambda record: str(record.status),
    "start_time": lambda record: record.started_at_ns / 1e6,
    "end_time": lambda record: None if record.ended_at_ns is None else record.ended_at_ns / 1e6,
    "duration_s": _duration_s,
    "user_id": lambda record: record.source.user if record.source else None,
    "parent_id": lambda record: record.parent_id,
}
