"""Where runs are kept: which experiments and runs a store holds, and how their records are read and changed.

A record is changed by reading it, editing it and putting it back, one changer at a time: threads by a lock of this
process, processes by the store's own lock where it has one. So several writers of one run lose nothing of each other.
It opens no artifact and knows no metric but the last values.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import msgspec

from tauro_nb.errors import KeyMissing, RunNotFound, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.index import RunIndex
from tauro_nb.mlops.tracking.owner import is_gone
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.store import keys
from tauro_nb.store.protocol import Lockable, Store

_LANES = 64
_RECORD = keys.experiment_record("any").rpartition("/")[2]
_turns: list[threading.RLock] = []


def _fresh_turns() -> None:
    """Make the locks; a forked child makes its own, for nobody there would free one that was held."""
    _turns[:] = [threading.RLock() for _ in range(_LANES)]


_fresh_turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_turns)


class RunArchive:
    """The experiments and runs of one store; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._experiments: dict[str, Experiment] = {}
        self._index = RunIndex(store)

    def experiments(self) -> list[Experiment]:
        """Return every experiment, sorted by name."""
        found = []
        for entry in self.store.list(keys.EXPERIMENTS):
            if entry.is_folder:
                experiment = self._experiments.get(entry.name) or self._experiment_in(entry.name)
                if experiment is not None:
                    found.append(experiment)
        return sorted(found, key=lambda each: each.name)

    def open_experiment(self, name: str, at_ns: int) -> None:
        """Make the experiment if there is none of this name."""
        folder = keys.segment(name)
        if folder not in self._experiments:
            record = Experiment(name=name, created_at_ns=at_ns)
            key = keys.experiment_record(name)
            if not self.store.create(key, encoding.encode(record)):
                record = encoding.read(self.store, key, Experiment)
            self._experiments[folder] = record

    def create(self, record: RunRecord) -> bool:
        """Keep a new run; False where its id is taken."""
        return self.store.create(keys.run_record(record.experiment, record.run_id), encoding.encode(record))

    def discard(self, record: RunRecord) -> None:
        """Take back a record that `create` may have kept, as far as the store allows; never another one."""
        with suppress(StoreError, RunNotFound):
            if self.read(record.experiment, record.run_id) == record:
                self.store.delete(keys.run_record(record.experiment, record.run_id))

    def read(self, experiment: str, run_id: str) -> RunRecord:
        """Return the record as it stands.

        Raises
        ------
        RunNotFound
        """
        try:
            return encoding.read(self.store, keys.run_record(experiment, run_id), RunRecord)
        except KeyMissing:
            raise _not_found(self.store, run_id) from None

    def find(self, run_id: str) -> RunRecord:
        """Return the record of this run, whichever experiment it is in.

        Raises
        ------
        RunNotFound
        """
        if run_id and keys.segment(run_id) == run_id:
            for experiment in self.experiments():
                try:
                    return encoding.read(self.store, keys.run_record(experiment.name, run_id), RunRecord)
                except KeyMissing:
                    continue
        raise _not_found(self.store, run_id)

    def change(self, experiment: str, run_id: str, edit: Callable[[RunRecord], RunRecord]) -> RunRecord:
        """Replace the record by `edit` of what it is now, and return it.

        Raises
        ------
        RunNotFound
            The run was deleted meanwhile.
        LockTimeout, StoreError
        """
        with self._turn(run_id):
            before = self.read(experiment, run_id)
            after = edit(before)
            if after != before:
                self.store.put(keys.run_record(experiment, run_id), encoding.encode(after))
            return after

    def records(self, experiments: Iterable[str] | None = None) -> Iterator[RunRecord]:
        """Yield the record of every run of these experiments (None: of all), in no particular order."""
        wanted = None if experiments is None else set(experiments)
        for experiment in self.experiments():
            if wanted is None or experiment.name in wanted:
                yield from self._index.records(experiment.name)

    def _experiment_in(self, folder: str) -> Experiment | None:
        try:
            experiment = encoding.read(self.store, f"{keys.EXPERIMENTS}/{folder}/{_RECORD}", Experiment)
        except KeyMissing:
            name = keys.unsegment(folder)
            return None if name is None else Experiment(name=name, created_at_ns=0)
        self._experiments[folder] = experiment
        return experiment

    @contextmanager
    def _turn(self, run_id: str) -> Iterator[None]:
        lane = zlib.crc32(run_id.encode()) % _LANES
        store = self.store
        with _turns[lane], store.lock(f"runs-{lane:02}") if isinstance(store, Lockable) else nullcontext():
            yield


def observed(record: RunRecord) -> RunRecord:
    """Return the record as a reader should see it: INTERRUPTED if it says RUNNING but its process is gone."""
    if record.status is RunStatus.RUNNING and is_gone(record.owner):
        return msgspec.structs.replace(record, status=RunStatus.INTERRUPTED)
    return record


def _not_found(store: Store, run_id: str) -> RunNotFound:
    return RunNotFound(f"{store.location}: no run {run_id!r}", fix="tracker.search_runs() lists the runs there are")
