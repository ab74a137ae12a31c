"""Several runs in an order: what `ExperimentTracker.search_runs` finds. It is a DataFrame only when asked for one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from tauro_nb import faces
from tauro_nb.errors import RunNotFound, UnknownName
from tauro_nb.mlops.tracking.comparison import Comparison
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import pandas as pd


class RunTable(faces.Shown):
    """Runs, in the order in which they were given.

    Parameters
    ----------
    runs : iterable of Run
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = list(runs)

    def __repr__(self) -> str:
        return f"<RunTable of {len(self)} runs>" if len(self) != 1 else "<RunTable of 1 run>"

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @overload
    def __getitem__(self, at: int) -> Run: ...

    @overload
    def __getitem__(self, at: slice) -> RunTable: ...

    def __getitem__(self, at: int | slice) -> Run | RunTable:
        return RunTable(self._runs[at]) if isinstance(at, slice) else self._runs[at]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a run: ``run_id``, ``run_name``, ``experiment``, ``status``, ``start_time``, ``end_time``, then
        ``params.*``, ``metrics.*`` (last values) and ``tags.*``. As it stood when it was first asked for.
        """  # noqa: D205 - the columns are the summary
        from tauro_nb.mlops.tracking.frames import runs_frame

        return runs_frame(self._runs)

    def best(self, column: str, mode: Literal["max", "min"] = "max") -> Run:
        """Return the run whose metric is highest, or with ``mode="min"`` lowest; of equals, the first.

        Parameters
        ----------
        column : str
            ``metrics.f1``, or ``f1`` alone. Runs without it, and those where it is NaN, are passed over.

        Raises
        ------
        UnknownName
            No run here has a number under this name.
        RunNotFound
            The table is empty.
        """
        if not self._runs:
            raise RunNotFound("there is no best of no runs", fix="widen the filter")
        if mode not in ("max", "min"):
            raise UnknownName.among("mode", mode, ("max", "min"))
        key = column.removeprefix("metrics.")
        found = [(value, run) for run in self._runs if not math.isnan(value := run.metrics.get(key, math.nan))]
        if not found:
            raise UnknownName.among("metric", key, {name for run in self._runs for name in run.metrics})
        pick = max if mode == "max" else min
        return pick(found, key=lambda each: each[0])[1]

    def compare(self) -> Comparison:
        """Return these runs side by side."""
        return Comparison(self._runs)

    def figure(self, *args: Any, **kwargs: Any) -> Any:
        """Return a ``plotly.graph_objects.Figure`` of these runs, such as ``figure("parallel")``."""
        return faces.answer("figure", self, *args, **kwargs)
