"""Points of a run as MLflow's metrics: the last of each key, the history of one, and a sample of it for a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tauro_nb.mlflow_plugin.opened import Opened
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys

if TYPE_CHECKING:
    import numpy as np
    from mlflow.entities import Metric
    from numpy.typing import NDArray

    from tauro_nb.mlops.tracking.points import Points

_MOST_KEPT = 20_000


class Measured:
    """The metrics of a store's runs."""

    def __init__(self, opened: Opened) -> None:
        self._store = opened.store
        self._kept: dict[str, tuple[RunRecord, list[Metric]]] = {}

    def points(self, record: RunRecord, key: str | None = None) -> Points:
        """Return the points of a run, of one key or of all, in the order in which they were logged."""
        from tauro_nb.mlops.tracking.metric_log import MetricLog

        return MetricLog.reader(self._store, keys.metrics(record.experiment, record.run_id)).read(key)

    def latest(self, record: RunRecord) -> list[Metric]:
        """Return, as MLflow has it, of each key the point of the highest step, then of the latest time and value."""
        known, metrics = self._kept.get(record.run_id, (None, []))
        if known == record and record.ended_at_ns is not None:
            return metrics
        metrics = self._latest(record)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[record.run_id] = record, metrics
        return metrics

    def sample(
        self, record: RunRecord, key: str, most: int, start_step: int | None, end_step: int | None
    ) -> list[Metric]:
        """Return at most about `most` points of one key, evenly taken from these steps, the first and last included."""
        import numpy as np

        points = self.points(record, key)
        chosen = np.ones(len(points), bool)
        if start_step is not None and end_step is not None:
            chosen = (points.steps >= start_step) & (points.steps <= end_step)
        places = np.flatnonzero(chosen)
        places = places[np.lexsort((points.at_ns[places], points.steps[places]))]
        if len(places) > most:
            places = places[np.unique(np.linspace(0, len(places) - 1, most).round().astype(np.intp))]
        return as_metrics(points, record.run_id, places)

    def _latest(self, record: RunRecord) -> list[Metric]:
        import numpy as np

        points = self.points(record)
        if not len(points):
            return []
        order = np.lexsort((points.values, points.at_ns, points.steps, points.key_ids))
        ids = points.key_ids[order]
        return as_metrics(points, record.run_id, order[np.flatnonzero(np.diff(ids, append=-1))])


def as_metrics(points: Points, run_id: str, places: NDArray[np.intp] | slice | None = None) -> list[Metric]:
    """Return points, or those at some places, as MLflow's metrics."""
    from mlflow.entities import Metric

    chosen: Any = slice(None) if places is None else places
    columns = (points.key_ids, points.values, points.at_ns // 1_000_000, points.steps)
    return [
        Metric(points.keys[key], value, at_ms, step, run_id=run_id)
        for key, value, at_ms, step in zip(*(column[chosen].tolist() for column in columns), strict=True)
    ]
