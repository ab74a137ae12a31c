"""Finding runs for MLflow by the store's own search, and what else is asked of many runs at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.mlflow_plugin import entities, terms
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.filters import Condition, Field, Value, parse_filter
from tauro_nb.mlops.tracking.records import RunRecord

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.found import Found

_STATUS = Field("attributes", "status")
_DATASET_CONTEXT = "mlflow.data.context"
_MOST_DATASETS = 1000


def is_shown(view_type: int, deleted_at_ns: int | None) -> bool:
    """Tell whether a view has what was deleted at this time, or never."""
    wanted = _deleted(view_type)
    return wanted is None or wanted is (deleted_at_ns is not None)


def find_runs(
    archive: RunArchive, filter_string: str | None, order_by: list[str] | None, names: list[str], view_type: int
) -> Found:
    """Return the runs that a filter keeps, in order.

    Raises
    ------
    FilterError
    """
    from tauro_nb.mlops.tracking.search import select

    conditions = map(_translated, parse_filter(filter_string or ""))
    return select(archive, " AND ".join(map(str, conditions)), order_by, None, names, deleted=_deleted(view_type))


def datasets(records: Iterable[RunRecord]) -> list[Any]:
    """Return, each once, the datasets that these runs have read."""
    from mlflow.entities import _DatasetSummary

    from tauro_nb.mlflow_plugin.experiments import id_of

    found: dict[tuple[str, str, str, str | None], Any] = {}
    for record in records:
        for each in entities.datasets(record):
            context = next((tag.value for tag in each.tags if tag.key == _DATASET_CONTEXT), None)
            place = id_of(record.experiment), each.dataset.name, each.dataset.digest, context
            found.setdefault(place, _DatasetSummary(*place))
        if len(found) >= _MOST_DATASETS:
            break
    return list(found.values())[:_MOST_DATASETS]


def _translated(condition: Condition) -> Condition:
    """Return a condition with MLflow's statuses as Tauro's."""
    if condition.field != _STATUS or condition.value is None:
        return condition
    several = isinstance(condition.value, tuple)
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    own = tuple(_own_status(each) for each in values)
    return msgspec.structs.replace(condition, value=own if several else own[0])


def _own_status(value: Value) -> Value:
    return str(terms.FROM_MLFLOW.get(str(value).upper(), value))


def _deleted(view_type: int) -> bool | None:
    from mlflow.entities import ViewType

    return {ViewType.ACTIVE_ONLY: False, ViewType.DELETED_ONLY: True}.get(view_type)
