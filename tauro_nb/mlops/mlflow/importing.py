"""Taking what an MLflow server has into a store: once, resumably, with its histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tauro_nb.errors import TauroError
from tauro_nb.mlops.mlflow import turn
from tauro_nb.mlops.mlflow.model_import import ModelImporter
from tauro_nb.mlops.mlflow.run_import import RunImporter
from tauro_nb.mlops.mlflow.source import MlflowSource
from tauro_nb.mlops.moving import at_once
from tauro_nb.mlops.moving.at_once import Tell
from tauro_nb.mlops.moving.copied import Copied, Moved, Outcome
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store.protocol import Lockable, Store


def import_mlflow(
    store: Store, uri: str, *, experiments: Iterable[str] = (), dry_run: bool = False, tell: Tell | None = None
) -> Copied:
    """Take runs and registered models of MLflow into `store`; what is here already is not taken again.

    Runs come with parameters, tags, notes, all points with their times, files, start, end and parent; models with
    their versions, files, tags, descriptions, stages and aliases. What has changed there since the last time follows,
    unless it was changed here too. Whether a model that was imported may be loaded, ``mlops.registry.trust`` decides.

    Parameters
    ----------
    uri : str
        A server (``http://HOST:PORT``), ``databricks``, ``sqlite:///mlflow.db`` or another database, or a folder
        ``mlruns``. Nothing is written there, and a password in it is kept nowhere.
    experiments : iterable of str, optional
        Only the runs of these, and the versions that came from them.
    dry_run : bool
        Only find out what would be taken.
    tell : callable, optional
        Called now and then with how much is done, of how much, and what that is.

    Returns
    -------
    Copied
        What became of each; what failed of one holds up no other.

    Raises
    ------
    UnknownName
        There is no such experiment.
    UsageError
        There is nothing at `uri`.
    MirrorUnreachable
        The server does not answer as it should.
    MissingDependency
        MLflow is not installed.
    LockTimeout
        Another import into this store is under way.
    StoreError
    """
    tell = tell or (lambda *_: None)
    wanted = tuple(experiments)
    with MlflowSource.opened(uri) as source, _alone(store, dry_run=dry_run) as still_alone:
        if not dry_run:
            MetricLog.recover(store)
        runs = RunImporter(source, store)
        given = [(each, run) for each in source.experiments(wanted) for run in source.runs(each.experiment_id)]
        moved = at_once.each(
            given,
            lambda one: _taken(runs, *one, still_alone, dry_run=dry_run),
            "runs",
            tell,
            at_once=at_once.AT_ONCE if source.is_remote else 1,
        )
        models = ModelImporter(source, store, runs)
        only_of = {run.info.run_id for _, run in given} if wanted else None
        names = source.models()
        for count, name in enumerate(names):
            tell(count, len(names), f"{count:,} of {len(names):,} models")
            still_alone()
            moved += _model(models, name, only_of, dry_run=dry_run)
        return Copied(source=source.address.shown, target=store.location, moved=tuple(moved), dry_run=dry_run)


def _taken(runs: RunImporter, experiment: Any, run: Any, still_alone: Callable[[], None], *, dry_run: bool) -> Moved:
    still_alone()
    try:
        return runs.take(experiment, run, dry_run=dry_run)
    except TauroError as error:
        return Moved(
            kind="run",
            name=run.info.run_name or run.info.run_id,
            experiment=experiment.name,
            outcome=Outcome.FAILED,
            why=f"run {run.info.run_id} of {experiment.name}: {error.message}",
            fix=error.fix,
        )


def _model(models: ModelImporter, name: str, only_of: set[str] | None, *, dry_run: bool) -> list[Moved]:
    try:
        return models.take(name, only_of, dry_run=dry_run)
    except TauroError as error:
        why = f"model {name}: {error.message}"
        return [Moved(kind="model", name=name, outcome=Outcome.FAILED, why=why, fix=error.fix)]


@contextmanager
def _alone(store: Store, *, dry_run: bool) -> Iterator[Callable[[], None]]:
    """Keep other imports into this store out, which might log a point twice; give what raises if one got in."""
    if dry_run:
        yield lambda: None
    elif isinstance(store, Lockable):
        with store.lock("import from mlflow"):
            yield lambda: None
    else:
        with turn.held(store) as check:
            yield check
