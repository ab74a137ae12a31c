"""Several runs in an order: what `ExperimentTracker.search_runs` finds. It is a DataFrame only when asked for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from tauro_nb import faces
from tauro_nb.errors import RunNotFound, UnknownName
from tauro_nb.mlops.tracking.comparison import Comparison
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.mlops.tracking.found import Found
    from tauro_nb.mlops.tracking.records import RunRecord


class FoundRuns(Sequence[Run]):
    """What a search found, as runs that are made when they are asked for.

    Parameters
    ----------
    found : Found
    shown : callable
        Makes a run of its record.
    """

    def __init__(self, found: Found, shown: Callable[[RunRecord], Run]) -> None:
        self.found = found
        self._shown = shown
        self._made: dict[tuple[int, int], Run] = {}

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, at: int) -> Run: ...

    @overload
    def __getitem__(self, at: slice) -> FoundRuns: ...

    def __getitem__(self, at: int | slice) -> Run | FoundRuns:
        if isinstance(at, slice):
            part = FoundRuns(self.found.take(at), self._shown)
            part._made = self._made
            return part
        block, row = self.found.places[at].tolist()
        run = self._made.get((block, row))
        if run is None:
            run = self._made.setdefault((block, row), self._shown(self.found.record(at)))
        return run

    def as_they_stand(self) -> Found:
        """Return them with what those that had not ended when they were found are like now."""
        ended = self.found.numbers(("run", "ended_at_ns")).has
        return self.found.changed({at: _now(self[at]) for at in (~ended).nonzero()[0].tolist()})


class RunTable(faces.Shown):
    """Runs, in the order in which they were given.

    Parameters
    ----------
    runs : iterable of Run
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs: Sequence[Run] = runs if isinstance(runs, FoundRuns) else list(runs)

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have the runs, each as `Run` says."""
        return RunTable, (list(self._runs),)

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

        return runs_frame(self._as_they_stand())

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
            The table is empty, or the metric is NaN in all of its runs.
        """
        if not self._runs:
            raise RunNotFound("there is no best of no runs", fix="widen the filter")
        if mode not in ("max", "min"):
            raise UnknownName.among("mode", mode, ("max", "min"))
        key = column.removeprefix("metrics.")
        found = self._as_they_stand()
        values = found.numbers(("metrics", key))
        rows = (values.has & (values.data == values.data)).nonzero()[0]
        if not len(rows) and values.has.any():
            raise RunNotFound(f"metric {key!r} is NaN in all of these runs", fix="widen the filter, or name another")
        if not len(rows):
            raise UnknownName.among("metric", key, found.names("metrics"))
        data = values.data[rows]
        return self._runs[int(rows[data.argmax() if mode == "max" else data.argmin()])]

    def names(self, section: Literal["params", "metrics", "tags"]) -> list[str]:
        """Return, sorted, the names under which at least one of these runs has something."""
        return self._as_they_stand().names(section)

    @property
    def experiments(self) -> set[str]:
        """The experiments that these runs are of."""
        found = self._runs.found if isinstance(self._runs, FoundRuns) else self._as_they_stand()
        column = found.values(("run", "experiment"))
        return {column.values[code] for code in set(column.codes.tolist())}

    def compare(self) -> Comparison:
        """Return these runs side by side."""
        return Comparison(self._runs)

    def figure(self, *args: Any, **kwargs: Any) -> Any:
        """Return a ``plotly.graph_objects.Figure`` of these runs, such as ``figure("parallel")``."""
        return faces.answer("figure", self, *args, **kwargs)

    def _as_they_stand(self) -> Found:
        from tauro_nb.mlops.tracking.found import Found  # NumPy

        runs = self._runs
        return runs.as_they_stand() if isinstance(runs, FoundRuns) else Found.of([_now(run) for run in runs])


def _now(run: Run) -> RunRecord:
    """Return a run's record with the last values that its metrics have now."""
    record = run.record
    return record if record.ended_at_ns is not None else msgspec.structs.replace(record, metrics=run.metrics)
