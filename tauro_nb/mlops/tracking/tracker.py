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
from tauro_nb.errors import StoreError
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
from tauro_nb.mlops.tracking.view import Surroundings
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run_table import RunTable

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
    ) -> None:
        self.store = store
        self.default_experiment = default_experiment
        self._ids = ids or _random_id
        self._archive = RunArchive(store)
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

        Raises
        ------
        InvalidName
        RunNotFound
            There is no such parent.
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
        at_ns = self._surroundings.clock()
        record = RunRecord(
            run_id="",
            name=run_name or "",
            experiment=place,
            status=RunStatus.RUNNING,
            started_at_ns=at_ns,
            tags={**labels, **own},
            parent_id=self._archive.find(above).run_id if isinstance(above, str) else above.run_id if above else None,
            owner=this_process(),
        )
        self._archive.open_experiment(place, at_ns)
        run = Run(self._surroundings, self._created(record), active=True, scope=within)
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
        """
        run = self._active.get(run_id)
        if run is not None and run.is_active:
            return run
        found = self._archive.find(run_id)
        here = this_process()
        joins = found.status is RunStatus.RUNNING and (
            open_runs.has(self.store, run_id) if found.owner == here else not self._archive.is_gone(found)
        )
        if not joins:
            found = self._archive.change(
                found.experiment,
                run_id,
                lambda record: msgspec.structs.replace(
                    record, status=RunStatus.RUNNING, ended_at_ns=None, error=None, owner=here
                ),
            )
        run = Run(self._surroundings, found, active=True, guest=joins, scope=scope.get())
        self._active[run_id] = run
        run.begin(resumed=True)
        return run

    def search_runs(
        self,
        filter_string: str = "",
        order_by: Iterable[str] | None = None,
        max_results: int | None = None,
        experiment_names: Iterable[str] | None = None,
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

        Raises
        ------
        FilterError
            The filter or an order cannot be read: it says where, and what was expected.
        """
        from tauro_nb.mlops.tracking.run_table import RunTable
        from tauro_nb.mlops.tracking.search import select

        names = [experiment_names] if isinstance(experiment_names, str) else experiment_names
        records = select(self._archive, filter_string, order_by, max_results, names)
        return RunTable([self._shown(record) for record in records])

    def experiments(self) -> list[Experiment]:
        """Return every experiment, sorted by name."""
        return self._archive.experiments()

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
