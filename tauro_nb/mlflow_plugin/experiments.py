"""Experiments as MLflow knows them: by an id, with tags, and deleted or not.

A Tauro experiment is its name. Its id is made of the name alone, so it is the same in every process and in every copy
of the store: ``0`` for ``default``, where MLflow logs what names no experiment, else the first 60 bits of the SHA-256
of the name as a decimal number. A name never changes, therefore, and an experiment cannot be renamed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.mlflow_plugin import terms
from tauro_nb.mlflow_plugin.opened import Opened
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import deletion, values
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.store import keys

if TYPE_CHECKING:
    from mlflow.entities import Experiment as MlflowExperiment

DEFAULT = "default"
DEFAULT_ID = "0"


def id_of(name: str) -> str:
    """Return the id of the experiment of this name."""
    if name == DEFAULT:
        return DEFAULT_ID
    return str(int(hashlib.sha256(name.encode()).hexdigest()[:15], 16))


class Described(Experiment, frozen=True, kw_only=True):
    """An experiment with what MLflow alone says of it: ``experiment.json`` has it where MLflow's client has said it."""

    tags: dict[str, str] = msgspec.field(default_factory=dict)
    deleted_at_ns: int | None = None
    """When it was deleted, with the runs that it had then; Tauro lists it all the same."""


class Experiments:
    """The experiments of a store; what others change is seen at once."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._names: dict[str, str] = {DEFAULT_ID: DEFAULT}

    def every(self) -> list[Described]:
        """Return every experiment, sorted by name; in a store without any the default one, which MLflow always has."""
        found = [self._now(each.name, each.created_at_ns) for each in self._opened.archive.experiments()]
        return found or [Described(name=DEFAULT, created_at_ns=time.time_ns())]

    def named(self, name: str) -> Described | None:
        """Return the experiment of this name; MLflow's name of the default one is good too."""
        there = {each.name: each for each in self.every()}
        found = there.get(name)
        return self.get(DEFAULT_ID) if found is None and name.lower() == DEFAULT else found

    def get(self, experiment_id: str | int | None) -> Described:
        """Return the experiment of this id; the default one for None.

        Raises
        ------
        MlflowException
        """
        wanted = DEFAULT_ID if experiment_id is None else str(experiment_id)
        name = self._names.get(wanted)
        if name is None:
            self._names.update({id_of(each.name): each.name for each in self._opened.archive.experiments()})
            name = self._names.get(wanted)
        if name is None:
            raise terms.not_found(f"No Experiment with id={wanted} exists")
        return self._now(name)

    def names(self, ids: Iterable[str]) -> list[str]:
        """Return the names of these experiments; ids that are nobody's are passed over."""
        wanted = {str(each) for each in ids}
        return [each.name for each in self.every() if id_of(each.name) in wanted]

    def create(self, name: str, tags: dict[str, str], at_ns: int) -> Described:
        """Make an experiment.

        Raises
        ------
        MlflowException
            There is one of this name.
        """
        made = Described(name=values.named("experiment", name), created_at_ns=at_ns, tags=tags)
        there = self.named(made.name)
        if there is not None and (there.name != made.name or there.deleted_at_ns is not None):
            state = "" if there.deleted_at_ns is None else ", deleted; restore it, or take another name"
            raise terms.there_already(f"Experiment '{name}' already exists{state}.")
        if not self._opened.store.create(keys.experiment_record(made.name), encoding.encode(made)):
            raise terms.there_already(f"Experiment '{name}' already exists.")
        return made

    def change(self, experiment_id: str, edit: Callable[[Described], Described]) -> Described:
        """Replace what is kept of an experiment by `edit` of it."""
        name = self.get(experiment_id).name
        with self._opened.store.lock("experiments"):
            before = self.get(experiment_id)
            after = edit(before)
            if after != before:
                self._opened.store.put(keys.experiment_record(name), encoding.encode(after))
        return after

    def delete(self, experiment_id: str, at_ns: int) -> None:
        """Mark an experiment as deleted, and put aside the runs that it has.

        Raises
        ------
        RunActive
            One of its runs goes on; nothing was deleted.
        MlflowException
            It is the default one.
        """
        experiment = self.get(experiment_id)
        if experiment.name == DEFAULT:
            raise terms.invalid("the default experiment cannot be deleted")
        records = [each for each in self._runs(experiment) if each.deleted_at_ns is None]
        for record in records:
            if self._opened.archive.observed(record).status is RunStatus.RUNNING:
                raise terms.wrong_state(f"run {record.run_id} of experiment '{experiment.name}' still goes on: end it")
        for record in records:
            deletion.put_aside(self._opened.archive, record.run_id, at_ns)
        self.change(experiment_id, lambda now: msgspec.structs.replace(now, deleted_at_ns=at_ns))

    def restore(self, experiment_id: str) -> None:
        """Take the mark back, and bring back the runs that went with it."""
        experiment = self.get(experiment_id)
        if experiment.deleted_at_ns is None:
            return
        for record in self._runs(experiment):
            if record.deleted_at_ns == experiment.deleted_at_ns:
                deletion.bring_back(self._opened.archive, record.run_id)
        self.change(experiment_id, lambda now: msgspec.structs.replace(now, deleted_at_ns=None))

    def shown(self, experiment: Described) -> MlflowExperiment:
        """Return an experiment as MLflow's."""
        from mlflow.entities import Experiment as Shown
        from mlflow.entities import ExperimentTag, LifecycleStage

        created_ms = experiment.created_at_ns // 1_000_000
        return Shown(
            experiment_id=id_of(experiment.name),
            name=experiment.name,
            artifact_location=self._opened.uri,
            lifecycle_stage=LifecycleStage.ACTIVE if experiment.deleted_at_ns is None else LifecycleStage.DELETED,
            tags=[ExperimentTag(key, value) for key, value in experiment.tags.items()],
            creation_time=created_ms,
            last_update_time=max(created_ms, (experiment.deleted_at_ns or 0) // 1_000_000),
        )

    def _runs(self, experiment: Described) -> list[RunRecord]:
        return list(self._opened.archive.records([experiment.name]))

    def _now(self, name: str, created_at_ns: int = 0) -> Described:
        """Read the record anew: the archive keeps the name alone up to date."""
        try:
            return encoding.read(self._opened.store, keys.experiment_record(name), Described)
        except KeyMissing:
            return Described(name=name, created_at_ns=created_at_ns)
