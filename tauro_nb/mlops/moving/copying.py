"""Copying runs and models between two stores, any two: everything is read and written through the `Store` protocol.

Each run and each model is compared, then copied, on its own: what fails of one does not hold up the others, and a copy
that was broken off goes on where it was. Several are under way at once, for a store may be far away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

from tauro_nb.errors import RunNotFound, TauroError, UnknownName, UsageError
from tauro_nb.mlops.moving import at_once
from tauro_nb.mlops.moving.at_once import Tell
from tauro_nb.mlops.moving.carrier import Carrier
from tauro_nb.mlops.moving.copied import Copied, Moved, Outcome
from tauro_nb.mlops.moving.models import ModelCopier, ModelStep
from tauro_nb.mlops.moving.runs import RunCopier, RunStep
from tauro_nb.mlops.registry.claims import Numbers, Trail
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store

_FEW = 20
"""Of so many chosen runs of an experiment each is looked up in the target by itself."""

Step = RunStep | ModelStep


class Wanted(TypedDict, total=False):
    """What `copy_store` can be told."""

    experiments: Iterable[str]
    runs: Iterable[str]
    models: Iterable[str]
    dry_run: bool
    overwrite: bool
    tell: Tell | None


def copy_store(
    source: Store,
    target: Store,
    *,
    experiments: Iterable[str] = (),
    runs: Iterable[str] = (),
    models: Iterable[str] = (),
    dry_run: bool = False,
    overwrite: bool = False,
    tell: Tell | None = None,
) -> Copied:
    """Copy runs and models that `target` does not have, or has as they were; what is there already stays.

    Runs keep their ids, points, artifacts and edits; models their numbers, acts, aliases and stages. Every file is
    compared with its SHA-256 after it has arrived. A copy that was broken off, however, goes on with the next call.

    Parameters
    ----------
    experiments, runs, models : iterable of str, optional
        Only these: names of experiments and models, ids of runs. A model brings the runs of its versions with it.
        Default: everything.
    dry_run : bool
        Only find out what would be copied.
    overwrite : bool
        Where a run was edited on both sides, take it as the source has it. Models are never overwritten.
    tell : callable, optional
        Called now and then, in this thread.

    Returns
    -------
    Copied
        What became of each; what failed of one holds up no other. `Copied.raise_if_problems` raises that.

    Raises
    ------
    UnknownName
        The source has no such experiment or model.
    RunNotFound
    UsageError
        The two are one store, or the source is none.
    StoreError
        A store is out of reach.
    """
    if source.location == target.location:
        raise UsageError(f"{source.location} is both source and target", fix="name another store")
    if isinstance(source, LocalStore) and not source.root.is_dir():
        raise UsageError(f"{source.location}: there is no store", fix="name the folder that has format.json in it")
    carrier = Carrier(source, target)
    work = _Work(carrier, overwrite=overwrite, tell=tell or (lambda *_: None))
    chosen = work.choose(tuple(experiments), tuple(runs), tuple(models))
    return Copied(
        source=source.location, target=target.location, moved=tuple(work.do(*chosen, dry_run=dry_run)), dry_run=dry_run
    )


class _Work:
    """One call of `copy_store`."""

    def __init__(self, carrier: Carrier, *, overwrite: bool, tell: Tell) -> None:
        self._carrier = carrier
        self._tell = tell
        self._runs = RunCopier(carrier, time.time_ns, overwrite=overwrite)
        self._models = ModelCopier(carrier)
        source = carrier.source
        self._lookup = Lookup(source, Trail(source), Numbers(source), ModelRegistry(source))

    def choose(
        self, experiments: tuple[str, ...], runs: tuple[str, ...], models: tuple[str, ...]
    ) -> tuple[list[RunRecord], list[str]]:
        """Return the runs and models that are meant."""
        archive, everything = self._runs.source, not (experiments or runs or models)
        found: dict[str, RunRecord] = {}
        if everything or experiments:
            _refuse_unknown("experiment", experiments, [each.name for each in archive.experiments()])
            found = {each.run_id: each for each in archive.records(experiments or None)}
        names = self._lookup.names() if everything or models else []
        _refuse_unknown("model", models, names)
        found |= {run_id: archive.find(run_id) for run_id in runs if run_id not in found}
        for model in models:
            for run_id, experiment in self._runs_of(model) - found.keys():
                try:
                    found[run_id] = archive.read(experiment, run_id) if experiment else archive.find(run_id)
                except RunNotFound:  # it was removed for good
                    continue
        return sorted(found.values(), key=lambda each: (each.experiment, each.run_id)), list(models or names)

    def do(self, records: list[RunRecord], models: list[str], *, dry_run: bool) -> Iterator[Moved]:
        """Compare and copy; yield what became of each, in order."""
        there = self._there(records)
        everything: list[RunRecord | str] = [*records, *models]
        compared = at_once.each(everything, lambda one: self._compare(one, there), "looked at", self._tell)
        if dry_run:
            yield from (
                step if isinstance(step, Moved) else step.moved(size_bytes=step.size_bytes) for step in compared
            )
            return
        carrier, weights = self._carrier, [max(1, getattr(step, "size_bytes", 0)) for step in compared]
        yield from at_once.each(
            compared,
            self._copy,
            "copied",
            self._tell,
            weights=weights,
            passed=lambda: carrier.passed,
            stop=carrier.stopping.set,
        )

    def _runs_of(self, model: str) -> set[tuple[str, str | None]]:
        records = (self._lookup.record(model, number) for number in self._lookup.numbers(model))
        return {(record.run_id, record.experiment) for record in records if record.run_id is not None}

    def _there(self, records: Sequence[RunRecord]) -> dict[str, RunRecord]:
        """Return what the target has of the runs of each experiment of which many are meant."""
        counts: dict[str, int] = {}
        for record in records:
            counts[record.experiment] = counts.get(record.experiment, 0) + 1
        self._looked_up = {experiment for experiment, count in counts.items() if count <= _FEW}
        wanted = set(counts) - self._looked_up
        return {each.run_id: each for each in self._runs.target.records(wanted)} if wanted else {}

    def _compare(self, one: RunRecord | str, there: dict[str, RunRecord]) -> Step | Moved:
        try:
            if isinstance(one, str):
                return self._models.compare(one)
            known = there.get(one.run_id)
            if one.experiment in self._looked_up:
                known = _read(self._runs.target, one)
            return self._runs.compare(one, known)
        except TauroError as error:
            return _failed(one, error)

    def _copy(self, step: Step | Moved) -> Moved:
        if isinstance(step, Moved):
            return step
        try:
            return self._runs.copy(step) if isinstance(step, RunStep) else self._models.copy(step)
        except TauroError as error:
            return _failed(step.record if isinstance(step, RunStep) else step.model, error)


def _read(archive: RunArchive, record: RunRecord) -> RunRecord | None:
    try:
        return archive.read(record.experiment, record.run_id)
    except RunNotFound:
        return None


def _failed(one: RunRecord | str, error: TauroError) -> Moved:
    if isinstance(one, str):
        return Moved(kind="model", name=one, outcome=Outcome.FAILED, why=f"model {one}: {error.message}", fix=error.fix)
    return Moved(
        kind="run",
        name=one.name,
        run_id=one.run_id,
        experiment=one.experiment,
        outcome=Outcome.FAILED,
        why=f"run {one.run_id}: {error.message}",
        fix=error.fix,
    )


def _refuse_unknown(kind: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise UnknownName.among(kind, name, known)
