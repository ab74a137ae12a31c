"""The experiment tracker: starts runs, finds them again, and resumes them."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tauro_nb import faces
from tauro_nb.config.schema import TrackingSettings
from tauro_nb.errors import StoreError, UsageError
from tauro_nb.events import EventEmitter, get_event_emitter
from tauro_nb.mlops.monitoring import places
from tauro_nb.mlops.monitoring.counters import MetricsCollector, get_metrics_collector
from tauro_nb.mlops.scope import scope
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.cell import current_cell
from tauro_nb.mlops.tracking.lifetime import open_runs
from tauro_nb.mlops.tracking.owner import this_process
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.view import RunView, Surroundings
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.mirror import Mirror
    from tauro_nb.mlops.tracking.deletion import Removal
    from tauro_nb.mlops.tracking.run_table import RunTable
    from tauro_nb.mlops.tracking.usage import Usage

_ATTEMPTS = 100


class ExperimentTracker(faces.Shown):
    """Experiments and runs of one store.

    No run is ever "active" in a way that stops another: any number can be open at the same time, in one thread or many.

    Parameters
    ----------
    store : Store
    settings : TrackingSettings, optional
        How metrics are buffered.
    default_experiment : str
        Where runs go that name none.
    environment : str, optional
        Label of the events and counters.
    clock : callable
        Gives UTC in nanoseconds since the epoch.
    ids : callable, optional
        Gives the end of a run's id, letters and digits; asked again where that id is taken. Default: eight random
        hexadecimal digits.
    emitter, collector : optional
        Who hears of it; default: this process's own.
    mirror : Mirror, optional
        Keeps a copy of the runs elsewhere.
    """

    def __init__(
        self,
        store: Store,
        settings: TrackingSettings | None = None,
        *,
        default_experiment: str = "default",
        environment: str | None = None,
        clock: Callable[[], int] = time.time_ns,
        ids: Callable[[], str] | None = None,
        emitter: EventEmitter | None = None,
        collector: MetricsCollector | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        self.store = store
        self.default_experiment = default_experiment
        self._ids = ids or _random_id
        self._archive = RunArchive(store, mirror)
        self._surroundings = Surroundings(
            archive=self._archive,
            settings=settings or TrackingSettings(),
            clock=clock,
            emitter=emitter or get_event_emitter(),
            collector=collector or get_metrics_collector(),
            environment=environment,
        )
        self._active: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        places.opened(store)

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have a tracker of its own on the same store; it tells events and counters there."""
        return _rebuilt, (
            self.store,
            self._surroundings.settings,
            self.default_experiment,
            self._surroundings.environment,
        )

    def __repr__(self) -> str:
        return f"<ExperimentTracker {self.store.location}>"

    def start_run(
        self,
        run_name: str | None = None,
        experiment: str | None = None,
        tags: Mapping[str, object] | None = None,
        parent: Run | str | None = None,
        *,
        system_metrics: bool | float | None = None,
    ) -> Run:
        """Start a run; use it with ``with``, or call `Run.end`.

        Parameters
        ----------
        run_name : str, optional
            Any text; need not be unique. Default: the node that is executed, or the run's id.
        experiment : str, optional
            Made if there is none of this name. Default: `default_experiment`.
        tags : mapping, optional
            Any text. Within a pipeline the run is also tagged with pipeline, node, environment and execution_id.
        parent : Run or str, optional
            The run, or its id, that this one is a part of. Nesting ``with`` blocks alone makes no child, as in MLflow
            without ``nested=True``; only a run that a node starts belongs to the run that the executor started for it.

        system_metrics : bool or float, optional
            Whether the machine is sampled too (processor, memory, disk, network, GPUs), or every how many seconds;
            True: every ten. It is logged as metrics ``system/cpu_percent`` and the like. Default: the setting.

        Raises
        ------
        InvalidName
        RunNotFound
            There is no such parent.
        UsageError
            `parent` is neither a run nor text.
        MissingDependency
            The machine is to be sampled, and psutil is not installed.
        StoreError
        """
        cell = current_cell()
        open_runs.end_left_open(cell)
        within = scope.get()
        labels = within.tags() if within is not None else {}
        own = values.tags(tags or {})
        place = values.named("experiment", self.default_experiment if experiment is None else experiment)
        if run_name is not None:
            run_name = values.named("run", run_name)
        elif within is not None:
            run_name = within.node
        above = parent if parent is not None else within.run if within is not None else None
        sample_s = self._sample_s(system_metrics)
        at_ns = self._surroundings.clock()
        record = RunRecord(
            run_id="",
            name=run_name or "",
            experiment=place,
            status=RunStatus.RUNNING,
            started_at_ns=at_ns,
            tags={**labels, **own},
            parent_id=None if above is None else self._id_of(above),
            owner=this_process(),
        )
        self._archive.open_experiment(place, at_ns)
        run = Run(self._surroundings, self._created(record), active=True, scope=within, sample_s=sample_s)
        try:
            self._surroundings.collector.increment("runs_started", 1, self._surroundings.environment)
            self._active[run.run_id] = run
            run.begin()
        except BaseException as error:
            run.end_by(error)
            raise
        return run

    def get_run(self, run_id: str) -> Run:
        """Return a run of any experiment: the object that logs to it if that was made by this tracker, else a view.

        A deleted one too, until `gc` has removed it: `Run.deleted_at_ns` tells.

        Raises
        ------
        RunNotFound
        """
        run = self._active.get(run_id)
        if run is not None and run.is_active:
            return run
        return Run(self._surroundings, self._archive.observed(self._archive.find(run_id)))

    def resume_run(self, run_id: str) -> Run:
        """Return a run that takes what is logged again: one that ended, or whose process died, or that still goes on.

        A run that ended is RUNNING again, with this process as its owner. Of one that goes on in another process this
        one becomes a second writer: ending it here leaves its status to its owner.

        Raises
        ------
        RunNotFound
        RunEnded
            It was deleted.
        """
        run = self._active.get(run_id)
        if run is not None and run.is_active:
            return run
        run = Run(
            self._surroundings,
            self._archive.find(run_id),
            active=True,
            scope=scope.get(),
            sample_s=self._sample_s(None),
        )
        run.resume()
        self._active[run_id] = run
        return run

    def search_runs(
        self,
        filter_string: str = "",
        order_by: Iterable[str] | None = None,
        max_results: int | None = None,
        experiment_names: Iterable[str] | None = None,
        *,
        deleted: bool = False,
    ) -> RunTable:
        """Find runs.

        Parameters
        ----------
        filter_string : str
            In MLflow's grammar: ``metrics.accuracy > 0.9 and params.model = 'RandomForestClassifier'``.
        order_by : list of str, optional
            Such as ``["metrics.f1_score DESC"]``. Default: newest first.
        max_results : int, optional
            None: all.
        experiment_names : list of str, optional
            None: all.
        deleted : bool
            Find those that `delete_run` has put aside, instead of all others.

        Raises
        ------
        FilterError
            The filter or an order cannot be read: it says where, and what was expected.
        """
        from tauro_nb.mlops.tracking.run_table import FoundRuns, RunTable
        from tauro_nb.mlops.tracking.search import select

        names = [experiment_names] if isinstance(experiment_names, str) else experiment_names
        found = select(self._archive, filter_string, order_by, max_results, names, deleted=deleted)
        return RunTable(FoundRuns(found, self._shown))

    def experiments(self) -> list[Experiment]:
        """Return every experiment, sorted by name."""
        return self._archive.experiments()

    def recover(self) -> RunTable:
        """Finish the runs whose process is gone: they end as INTERRUPTED, with all that was logged to them.

        Their end is the last sign of life: a point, a beat or a change. Points that wait on this machine on their way
        to the store are sent, and manifests that are missing are written. Opening a session does this in the
        background; doing it twice, or in several processes at once, is harmless. A run can be resumed afterwards.

        Returns
        -------
        RunTable
            The runs that this call ended.

        Raises
        ------
        StoreError
        """
        from tauro_nb.mlops.tracking import recovery

        ended = recovery.recover(self._archive)
        if ended:
            self._surroundings.collector.increment("runs_interrupted", len(ended), self._surroundings.environment)
        return self._table(ended)

    def delete_run(self, run_id: str) -> None:
        """Put a run aside: `search_runs` finds it no more, `restore_run` brings it back, `gc` removes it for good.

        Its children stay, as in MLflow. To delete a deleted run changes nothing.

        Raises
        ------
        RunNotFound
        RunActive
            It goes on, here or elsewhere, or another process still logs to it after its owner's end.
        """
        from tauro_nb.mlops.tracking import deletion

        deletion.put_aside(self._archive, run_id, self._surroundings.clock())

    def restore_run(self, run_id: str) -> Run:
        """Bring back a run that was deleted; of another nothing changes.

        Raises
        ------
        RunNotFound
            There is no such run, or `gc` has removed it.
        """
        from tauro_nb.mlops.tracking import deletion

        return self._shown(self._archive.observed(deletion.bring_back(self._archive, run_id)))

    def deleted_runs(self) -> RunTable:
        """Return the runs that were deleted and not yet removed, newest first."""
        return self.search_runs(deleted=True)

    def gc(self, older_than_days: float = 30.0, *, dry_run: bool = True, force: bool = False) -> Removal:
        """Remove for good, with all files, the runs that were deleted long ago; unless told so, only say which.

        Parameters
        ----------
        older_than_days : float
            Runs deleted at least so long ago; 0: all that are deleted.
        dry_run : bool
            True: nothing is removed, and what is returned says what would be.
        force : bool
            Remove those too to which a registered version leads back, or whose child is one. Without it they stay, as
            those always do to which some process still logs.

        Raises
        ------
        StoreError
        """
        from tauro_nb.mlops.tracking import deletion

        return deletion.clear(
            self._archive,
            self._surroundings.clock(),
            older_than_days=older_than_days,
            dry_run=dry_run,
            force=force,
        )

    def usage(self) -> Usage:
        """Tell what takes how much room in the store: by part, experiment and run.

        Where the store has no local folder this asks for the size of each of its values.
        """
        from tauro_nb.mlops.tracking import usage

        return usage.usage(self._archive)

    def _id_of(self, run: RunView | str) -> str:
        if isinstance(run, str):
            return self._archive.find(run).run_id
        if not isinstance(run, RunView):
            raise UsageError(f"parent={run!r} is no run", fix="pass the run, or its run_id as text")
        return run.run_id

    def _sample_s(self, asked: bool | float | None) -> float | None:
        asked = self._surroundings.settings.system_metrics if asked is None else asked
        if asked is False:
            return None
        from tauro_nb.mlops.tracking import system

        return system.period_of(asked)

    def _table(self, records: Iterable[RunRecord]) -> RunTable:
        from tauro_nb.mlops.tracking.run_table import RunTable

        return RunTable([self._shown(record) for record in records])

    def _shown(self, record: RunRecord) -> Run:
        run = self._active.get(record.run_id)
        return run if run is not None and run.is_active else Run(self._surroundings, record)

    def _created(self, record: RunRecord) -> RunRecord:
        began = f"{datetime.fromtimestamp(record.started_at_ns // 1_000_000_000, UTC):%Y%m%d-%H%M%S}"
        for _ in range(_ATTEMPTS):
            run_id = f"{began}-{self._ids()}"
            named = msgspec.structs.replace(record, run_id=run_id, name=record.name or run_id)
            try:
                if self._archive.create(named):
                    return named
            except BaseException:  # an interrupt may come when the record is there, and nobody would end the run
                self._archive.discard(named)
                raise
        raise StoreError(
            f"{self.store.location}: no free id for a run that starts at {began}", fix="pass ids= that differ each time"
        )


def _rebuilt(
    store: Store, settings: TrackingSettings, default_experiment: str, environment: str | None
) -> ExperimentTracker:
    return ExperimentTracker(store, settings, default_experiment=default_experiment, environment=environment)


def _random_id() -> str:
    return os.urandom(4).hex()
