"""Runs and points as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from tauro_nb.mlops.tracking.found import Found, Numbers, Values
    from tauro_nb.mlops.tracking.points import Points


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


def runs_frame(found: Found) -> pd.DataFrame:
    """Return one row a run: what it is, then ``params.*``, ``metrics.*`` (last values) and ``tags.*``, each sorted."""
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {
        "run_id": _texts(found.values(("run", "run_id"))),
        "run_name": _texts(found.values(("run", "name"))),
        "experiment": _texts(found.values(("run", "experiment"))),
        "status": _texts(found.values(("run", "status"))),
        "start_time": _times(found.numbers(("run", "started_at_ns"))),
        "end_time": _times(found.numbers(("run", "ended_at_ns"))),
    }
    for key in found.names("params"):
        columns[f"params.{key}"] = pd.Series(_objects(found.values(("params", key))), dtype=object).infer_objects()
    for key in found.names("metrics"):
        metric = found.numbers(("metrics", key))
        columns[f"metrics.{key}"] = np.where(metric.has, metric.data, np.nan)
    for key in found.names("tags"):
        columns[f"tags.{key}"] = _texts(found.values(("tags", key)))
    return pd.DataFrame(columns)


def _objects(column: Values) -> NDArray[np.object_]:
    """Return a value each, None where a run has none."""
    import numpy as np

    values = np.empty(len(column.values) + 1, object)
    for place, value in enumerate(column.values):
        values[place] = value
    return values[column.codes]


def _texts(column: Values) -> Any:
    """Return a text each; where pandas keeps texts in Arrow, without making one Python object a run."""
    import pandas as pd

    text: Any = pd.api.types.pandas_dtype("str")
    if getattr(text, "storage", None) == "pyarrow":
        import pyarrow as pa

        codes = pa.array(column.codes, mask=column.codes < 0)
        coded = pa.DictionaryArray.from_arrays(codes, pa.array(column.values, pa.large_string()))
        return text.__from_arrow__(coded.cast(pa.large_string()))
    return pd.Series(_objects(column), dtype="str")


def _times(column: Numbers) -> pd.DatetimeIndex:
    import numpy as np
    import pandas as pd

    times = np.where(column.has, column.data, np.iinfo(np.int64).min)  # which is how NumPy writes "no time"
    return pd.DatetimeIndex(times.view("M8[ns]")).tz_localize("UTC")
