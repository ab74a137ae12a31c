"""What can be read of a run, its own process or another's, while it goes on and after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tauro_nb import faces
from tauro_nb.errors import ArtifactMissing, StoreError, UsageError
from tauro_nb.events import EventEmitter
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import FileRecord, RunError, RunRecord, RunStatus, Source
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.config.schema import TrackingSettings
    from tauro_nb.mlops.monitoring.counters import MetricsCollector
    from tauro_nb.mlops.tracking.evaluation.kept import Evaluation
    from tauro_nb.mlops.tracking.metric_log import Cursor, MetricReader, Points


T = TypeVar("T")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs of the tracker that made it."""

    archive: RunArchive
    settings: TrackingSettings
    clock: Callable[[], int]
    emitter: EventEmitter
    collector: MetricsCollector
    environment: str | None


class RunView(faces.Shown):
    """The reading half of `Run`."""

    def __init__(self, surroundings: Surroundings, record: RunRecord, *, active: bool = False) -> None:
        self._surroundings = surroundings
        self._archive = surroundings.archive
        self._record = record
        self._active = active
        self._compacted = False
        self._metric_reader: MetricReader | None = None
        self._artifacts = Artifacts(self._archive.store, record.experiment, record.run_id)

    def __repr__(self) -> str:
        deleted = " deleted" if self.deleted_at_ns is not None else ""
        return f"<Run {self.name!r} {self.run_id} {self.status}{deleted}>"

    @property
    def store(self) -> Store:
        """Where it is kept."""
        return self._archive.store

    @property
    def run_id(self) -> str:
        """Begins with the UTC time of the start."""
        return self._record.run_id

    @property
    def name(self) -> str:
        """What the user called it."""
        return self._record.name

    @property
    def experiment(self) -> str:
        """The name of its experiment."""
        return self._record.experiment

    @property
    def record(self) -> RunRecord:
        """All that ``run.json`` says of it, as it stands now."""
        if not self._active and self._record.ended_at_ns is None:
            self._record = self._archive.observed(self._archive.read(self.experiment, self.run_id))
        return self._record

    @property
    def status(self) -> RunStatus:
        """RUNNING, FINISHED, FAILED or INTERRUPTED."""
        return self.record.status

    @property
    def is_active(self) -> bool:
        """Whether this object takes what is logged."""
        return self._active

    @property
    def started_at_ns(self) -> int:
        """UTC, nanoseconds since the epoch."""
        return self._record.started_at_ns

    @property
    def ended_at_ns(self) -> int | None:
        """UTC, nanoseconds since the epoch; None while it runs, and where its process died and nobody recovered it."""
        return self.record.ended_at_ns

    @property
    def duration_s(self) -> float | None:
        """From its start to its end, or to now; None where its process died and nobody recovered it."""
        record = self.record
        end = self._surroundings.clock() if record.status is RunStatus.RUNNING else record.ended_at_ns
        return None if end is None else max(0, end - record.started_at_ns) / 1e9

    @property
    def deleted_at_ns(self) -> int | None:
        """When `ExperimentTracker.delete_run` put it aside, in UTC, nanoseconds since the epoch; None: it was not."""
        return self.record.deleted_at_ns

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, as plain JSON values."""
        return dict(self.record.params)

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self.record.tags)

    @property
    def notes(self) -> str:
        """What somebody wrote about it, in Markdown."""
        return self.record.notes

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric; points that are still buffered count."""
        record = self.record
        return dict(record.metrics) if record.ended_at_ns is not None else self._reader().last()

    @property
    def error(self) -> RunError | None:
        """The exception that ended it."""
        return self.record.error

    @property
    def parent_id(self) -> str | None:
        """The run of which it is a part."""
        return self._record.parent_id

    @property
    def source(self) -> Source | None:
        """Who made it, out of which code, with what; waits the moment that finding it out takes."""
        if self._record.source is None:
            background.wait()
        return self.record.source

    @property
    def inputs(self) -> dict[str, Any]:
        """Fingerprint of each dataset that was loaded for it."""
        background.wait()
        return dict(self.record.inputs)

    def artifacts(self) -> list[FileRecord]:
        """Return its files, sorted by path.

        Raises
        ------
        RunNotFound
            It was removed after this object was made.
        """
        return self._artifacts.files() or self._if_there([])

    def evaluations(self) -> list[Evaluation]:
        """Return what `log_evaluation` kept, sorted by prefix."""
        from tauro_nb.mlops.tracking.evaluation import kept

        return kept.found(self._artifacts, self.artifacts())

    def metric_history(self, key: str | None = None, *, last: int | None = None) -> pd.DataFrame:
        """Return the points of one metric, or of all, in the order in which they were logged.

        Parameters
        ----------
        last : int, optional
            Keep only this many newest points; at least 1.

        Returns
        -------
        DataFrame of shape (n_points, 4)
            ``key`` (str), ``step`` (int64), ``value`` (float64), ``at`` (datetime64[ns, UTC]). Buffered points are
            included.

        Raises
        ------
        RunNotFound
            The run was removed after this object was made.
        """
        if last is not None and last < 1:
            raise UsageError(f"last={last}", fix="ask for at least one point")
        from tauro_nb.mlops.tracking.frames import points_frame

        points = self._reader().read(key, last)
        frame = points_frame(points if len(points) else self._if_there(points))
        if self.record.ended_at_ns is not None and not self._compacted:
            self._compacted = True
            background.later(self._compact)
        return frame

    def tail(self, cursor: Cursor | None = None) -> tuple[Points, Cursor]:
        """Return the points that are new since `cursor` (None: all), and the cursor for the next call.

        Raises
        ------
        RunNotFound
            The run was removed after this object was made; not told to those who go on from a cursor.
        """
        points, now = self._reader().tail(cursor)
        return (points if len(points) or cursor is not None else self._if_there(points)), now

    def figure(self, *args: Any, **kwargs: Any) -> Any:
        """Return its curves as a ``plotly.graph_objects.Figure``."""
        return faces.answer("figure", self, *args, **kwargs)

    def load_model(self, artifact_path: str | None = None) -> Any:
        """Return a model that was logged, checked against its SHA-256 (None: the last one logged).

        Raises
        ------
        ArtifactMissing
        ArtifactCorrupt
        """
        models = self.record.models
        path = str(PurePosixPath(artifact_path)) if artifact_path else next(reversed(models), "")
        if path not in models:
            shown = ", ".join(models) or "none"
            raise ArtifactMissing(f"run {self.run_id}: no model {path!r}", fix=f"models logged to it: {shown}")
        return self._artifacts.load_model(path, models[path])

    def _if_there(self, nothing: T) -> T:
        """Return what was found, which is nothing, if that is not because the run has gone."""
        self._archive.read(self.experiment, self.run_id)
        return nothing

    def _compact(self) -> None:
        """Turn the points of a run that ended into one Parquet file, for the next who reads them."""
        from tauro_nb.mlops.tracking.metric_log import MetricLog

        with contextlib.suppress(StoreError):  # they can be read as they are
            MetricLog.compact(self._archive.store, keys.metrics(self.experiment, self.run_id))

    def _reader(self) -> MetricReader:
        if self._metric_reader is None:
            from tauro_nb.mlops.tracking.metric_log import MetricLog

            self._metric_reader = MetricLog.reader(self._archive.store, keys.metrics(self.experiment, self.run_id))
        return self._metric_reader
