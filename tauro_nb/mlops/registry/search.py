"""Which versions a filter keeps, and in what order; grammar and rules are those of `search_runs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tauro_nb.errors import UsageError
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.runs import Runs
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.filters import VERSIONS, Condition, Field, parse_filter, parse_orders
from tauro_nb.mlops.tracking.matching import holds, rank


def select(
    lookup: Lookup,
    runs: Runs,
    filter_string: str,
    order_by: Iterable[str] | None,
    max_results: int | None,
) -> list[ModelVersion]:
    """Return the versions that `filter_string` keeps, in order, at most `max_results`; removed ones are left out.

    Raises
    ------
    FilterError, StoreError
    """
    conditions = parse_filter(filter_string or "", VERSIONS)
    orders = parse_orders(order_by, VERSIONS)
    if max_results is not None and not (hasattr(max_results, "__index__") and max_results >= 1):
        raise UsageError(f"max_results={max_results!r}", fix="ask for at least one version, or None for all")
    found = [
        version
        for version in _every(lookup, conditions)
        if all(holds(condition, _value(condition.field, version, runs)) for condition in conditions)
    ]
    found.sort(key=lambda version: (version.record.created_at_ns, version.name, version.version), reverse=True)
    for order in reversed(orders):
        ranked = [(rank(_value(order.field, version, runs)), version) for version in found]
        # what has no value comes last whichever way it goes
        ranked.sort(key=lambda each: each[0][1:], reverse=order.descending)
        ranked.sort(key=lambda each: each[0][0])
        found = [version for _, version in ranked]
    return found[:max_results]


def _every(lookup: Lookup, conditions: Iterable[Condition]) -> Iterator[ModelVersion]:
    """Yield the versions of those models whose names meet the conditions: only their records are read."""
    named = [each for each in conditions if each.field == Field("attributes", "name")]
    for name in lookup.names():
        if all(holds(condition, name) for condition in named):
            yield from lookup.live_versions(name)


def _value(field: Field, version: ModelVersion, runs: Runs) -> Any:
    """Return what a field of a version holds; None where it has none."""
    if field.section == "attributes":
        return _ATTRIBUTES[field.name](version)
    if field.section == "metrics":
        return version.record.metrics.get(field.name)
    if field.section == "tags":
        return version.tags.get(field.name)
    run = runs.of(version.record)
    return None if run is None else run.params.get(field.name)


_ATTRIBUTES: dict[str, Callable[[ModelVersion], Any]] = {
    "name": lambda version: version.name,
    "version": lambda version: version.version,
    "stage": lambda version: version.stage,
    "alias": lambda version: version.aliases or None,
    "flavor": lambda version: version.flavor,
    "description": lambda version: version.description,
    "created_at": lambda version: version.record.created_at_ns / 1e6,
    "run_id": lambda version: version.run_id,
    "experiment": lambda version: version.experiment,
    "user": lambda version: version.record.origin.user,
    "size_bytes": lambda version: version.size_bytes,
}
