"""Which runs a filter keeps, and in what order.

As in MLflow, a comparison with something that a run does not have does not hold, ``!=`` neither; ``IS NULL`` finds such
runs. In an order they come last, after NaN, whichever way it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.columns import Block, Rows
from tauro_nb.mlops.tracking.filters import Condition, Field, Order, parse_filter, parse_orders
from tauro_nb.mlops.tracking.found import Found, Numbers, Values
from tauro_nb.mlops.tracking.matching import COMPARE, holds, rank
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys


def select(
    archive: RunArchive,
    filter_string: str,
    order_by: Iterable[str] | None,
    max_results: int | None,
    experiment_names: Iterable[str] | None,
    *,
    deleted: bool | None = False,
) -> Found:
    """Return the runs that `filter_string` keeps, in order, at most `max_results`.

    Parameters
    ----------
    deleted : bool or None
        Those that were deleted, instead of all others; None: both.

    Raises
    ------
    FilterError, StoreError
    """
    conditions = parse_filter(filter_string or "")
    orders = parse_orders(order_by)
    if max_results is not None and not (hasattr(max_results, "__index__") and max_results >= 1):
        raise UsageError(f"max_results={max_results!r}", fix="ask for at least one run, or None for all")
    fields = [each.field for each in conditions] + [each.field for each in orders]
    found = _everything(archive, experiment_names, metrics=any(field.section == "metrics" for field in fields))
    if deleted is not None:
        found = found.take(found.numbers(("run", "deleted_at_ns")).has == deleted)
    for condition in conditions:
        found = found.take(_meets(condition, found))
    return _ordered(found, orders).take(slice(max_results))


def _everything(archive: RunArchive, experiment_names: Iterable[str] | None, *, metrics: bool) -> Found:
    """Return all runs; those that go on as they should be seen, where asked for with their last values."""
    blocks: list[tuple[Block, Rows]] = []
    fresh = []
    for listing in archive.listings(experiment_names):
        if listing.block is not None:
            blocks.append((listing.block, listing.rows))
        for record in listing.fresh:
            seen = archive.observed(record)
            if metrics and seen.ended_at_ns is None:
                seen = msgspec.structs.replace(seen, metrics=_last(archive, seen))
            fresh.append(seen)
    return Found.all([*blocks, (Block.of(fresh), np.arange(len(fresh), dtype=np.int32))])


def _meets(condition: Condition, found: Found) -> NDArray[np.bool_]:
    """Tell of each run whether it meets a condition."""
    column = _column_of(condition.field, found)
    if isinstance(column, Numbers):
        return _numbers_meet(condition, column)
    used, place = np.unique(column.codes, return_inverse=True)
    verdicts = [holds(condition, None if code < 0 else column.values[code]) for code in used.tolist()]
    return np.asarray(np.array(verdicts, np.bool_)[place])


def _numbers_meet(condition: Condition, column: Numbers) -> NDArray[np.bool_]:
    how, wanted = condition.operator, condition.value
    if how == "IS NULL":
        return np.logical_not(column.has)
    if how == "IS NOT NULL":
        return column.has
    if isinstance(wanted, tuple):
        verdicts = np.logical_or.reduce([COMPARE["="](column.data, each) for each in wanted]) == (how == "IN")
    else:
        verdicts = np.asarray(COMPARE[how](column.data, wanted))
    met: NDArray[np.bool_] = column.has & verdicts
    return met


def _ordered(found: Found, orders: Sequence[Order]) -> Found:
    """Return runs sorted by the orders, the first of them first; what they leave equal, newest first."""
    started = found.numbers(("run", "started_at_ns")).data
    newest_first = np.argsort(-started, kind="stable")
    if len(found) and not np.diff(started[newest_first]).all():
        ids = found.values(("run", "run_id"))
        newest_first = np.lexsort((np.array(ids.values)[ids.codes], started))[::-1]
    found = found.take(newest_first)
    if not orders:
        return found
    sorted_by: list[NDArray[Any]] = []
    for order in reversed(orders):
        place, last = _sortable(_column_of(order.field, found))
        sorted_by += [-place if order.descending else place, last]
    return found.take(np.lexsort(sorted_by))


def _sortable(column: Numbers | Values) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return of each run a number to sort by, and whether it comes last whichever way: 1 for NaN, 2 for nothing."""
    if isinstance(column, Values):
        used, place = np.unique(column.codes, return_inverse=True)
        ranks = [rank(None if code < 0 else column.values[code]) for code in used.tolist()]
        found = {each: number for number, each in enumerate(sorted(set(ranks)))}
        numbers = np.array([found[each] for each in ranks], np.int64)
        return numbers[place], np.array([each[0] for each in ranks], np.int8)[place]
    nan = np.isnan(column.data)
    last = np.where(column.has, nan, 2).astype(np.int8)
    return np.where(last == 0, column.data, 0.0), last


def _column_of(field: Field, found: Found) -> Numbers | Values:
    """Return what the field holds of each run."""
    if field.section == "attributes":
        return _ATTRIBUTES[field.name](found)
    if field.section == "metrics":
        return found.numbers(("metrics", field.name))
    column = found.values((field.section, field.name))
    if field.section == "tags" and field.name in _MLFLOW_TAGS:
        other = _MLFLOW_TAGS[field.name](found)
        shifted = np.where(other.codes < 0, -1, other.codes + len(column.values))
        return Values(np.where(column.codes < 0, shifted, column.codes), column.values + other.values)
    return column


def _last(archive: RunArchive, record: RunRecord) -> dict[str, float]:
    from tauro_nb.mlops.tracking.metric_log import MetricLog

    return MetricLog.reader(archive.store, keys.metrics(record.experiment, record.run_id)).last()


def _milliseconds(found: Found, name: str) -> Numbers:
    times = found.numbers(("run", name))
    return Numbers(times.data / 1e6, times.has)


def _duration_s(found: Found) -> Numbers:
    ended = found.numbers(("run", "ended_at_ns"))
    return Numbers((ended.data - found.numbers(("run", "started_at_ns")).data) / 1e9, ended.has)


def _of_source(found: Found, name: str) -> Values:
    sources = found.values(("run", "source"))
    return Values(sources.codes, [each[name] for each in sources.values])


_MLFLOW_TAGS: dict[str, Callable[[Found], Values]] = {
    "mlflow.runName": lambda found: found.values(("run", "name")),
    "mlflow.parentRunId": lambda found: found.values(("run", "parent_id")),
    "mlflow.user": lambda found: _of_source(found, "user"),
    "mlflow.source.git.commit": lambda found: _of_source(found, "git_commit"),
    "mlflow.note.content": lambda found: found.values(("run", "notes")),
}
"""What MLflow keeps as tags and filters are used to find there."""

_ATTRIBUTES: dict[str, Callable[[Found], Numbers | Values]] = {
    "run_id": lambda found: found.values(("run", "run_id")),
    "run_name": lambda found: found.values(("run", "name")),
    "experiment": lambda found: found.values(("run", "experiment")),
    "status": lambda found: found.values(("run", "status")),
    "start_time": lambda found: _milliseconds(found, "started_at_ns"),
    "end_time": lambda found: _milliseconds(found, "ended_at_ns"),
    "duration_s": _duration_s,
    "user_id": lambda found: _of_source(found, "user"),
    "parent_id": lambda found: found.values(("run", "parent_id")),
}
