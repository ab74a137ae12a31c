"""Runs and points as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.mlops.tracking.points import Points
    from tauro_nb.mlops.tracking.run import Run


def points_frame(points: Points) -> pd.DataFrame:
    """Return points as columns ``key``, ``step``, ``value`` and ``at``."""
    import numpy as np
    import pandas as pd

    steps, values, at_ns = (
        np.require(column, requirements="W") for column in (points.steps, points.values, points.at_ns)
    )
    at = pd.array(at_ns, dtype="datetime64[ns, UTC]", copy=False)
    return pd.DataFrame({"key": _keys(points), "step": steps, "value": values, "at": at}, copy=False)


def _keys(points: Points) -> Any:
    """Return the key of each point; where pandas keeps texts in Arrow, without making one Python object a point."""
    import numpy as np
    import pandas as pd

    text: Any = pd.api.types.pandas_dtype("str")
    if getattr(text, "storage", None) == "pyarrow":
        import pyarrow as pa

        from tauro_nb.mlops.tracking.parquet import coded

        return text.__from_arrow__(coded(points.key_ids, points.keys).cast(pa.large_string()))
    names = np.array(points.keys, dtype=object)
    return pd.Series(names[points.key_ids] if len(names) else [], dtype="str")


def runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row a run: what it is, then ``params.*``, ``metrics.*`` (last values) and ``tags.*``, each sorted."""
    import pandas as pd

    records = [run.record for run in runs]
    columns: dict[str, Any] = {
        "run_id": _texts(record.run_id for record in records),
        "run_name": _texts(record.name for record in records),
        "experiment": _texts(record.experiment for record in records),
        "status": _texts(str(record.status) for record in records),
        "start_time": _times(record.started_at_ns for record in records),
        "end_time": _times(record.ended_at_ns for record in records),
    }
    params = [record.params for record in records]
    for key in _names(params):
        columns[f"params.{key}"] = pd.Series([each.get(key) for each in params], dtype=object).infer_objects()
    metrics = [run.metrics for run in runs]
    for key in _names(metrics):
        columns[f"metrics.{key}"] = pd.Series([each.get(key) for each in metrics], dtype="float64")
    tags = [record.tags for record in records]
    for key in _names(tags):
        columns[f"tags.{key}"] = pd.Series([each.get(key) for each in tags], dtype="str")
    return pd.DataFrame(columns)


def _names(held: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({key for each in held for key in each})


def _texts(values: Iterable[str]) -> pd.Series[str]:
    import pandas as pd

    return pd.Series(list(values), dtype="str")


def _times(values: Iterable[int | None]) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex([pd.NaT if value is None else pd.Timestamp(value, tz="UTC") for value in values], tz="UTC")
