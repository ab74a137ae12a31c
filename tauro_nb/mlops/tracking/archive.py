"""Where runs are kept: which experiments and runs a store holds, and how their records are read and changed.

A record is changed by reading it, editing it and putting it back, one changer at a time: threads by a lock of this
process, processes by the store's own lock. Where the store has none, each change is first created under the next number
(``changes/<n>.json``): of two that would be the same one, the second reads again and edits what the first has left. So
several writers of one run lose nothing of each other. It opens no artifact and knows no metric but the last values.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import KeyMissing, RunNotFound, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import heartbeat, owner
from tauro_nb.mlops.tracking.changes import ChangeLog
from tauro_nb.mlops.tracking.marks import ChangeMarks
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.store import keys
from tauro_nb.store.protocol import FolderStore, Lockable, RemoteStore, Store
from tauro_nb.store.walk import walk

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.mirror import Mirror
    from tauro_nb.mlops.tracking.distant_index import DistantIndex
    from tauro_nb.mlops.tracking.index import Listing, RunIndex

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
    """The experiments and runs of one store; safe to share between threads.

    Parameters
    ----------
    store : Store
    mirror : Mirror, optional
        Hears of every run that changed here, when that is durable.
    """

    def __init__(self, store: Store, mirror: Mirror | None = None) -> None:
        self.store = store
        self._mirror = mirror
        self._experiments: dict[str, Experiment] = {}
        self._logs: dict[str, ChangeLog | None] = {}

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
        created = self.store.create(keys.run_record(record.experiment, record.run_id), encoding.encode(record))
        if created:
            self._tell(record)
        return created

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
        record = self._current(experiment, run_id)
        if record is None:
            raise _not_found(self.store, run_id)
        return record

    def find(self, run_id: str) -> RunRecord:
        """Return the record of this run, whichever experiment it is in.

        Raises
        ------
        RunNotFound
        """
        if isinstance(run_id, str) and run_id and keys.segment(run_id) == run_id:
            names = [experiment.name for experiment in self.experiments()]
            if isinstance(self.store, RemoteStore):
                found = self.store.get_many([keys.run_record(name, run_id) for name in names])
                names = [name for name, data in zip(names, found, strict=True) if data is not None]
            for name in names:
                record = self._current(name, run_id)
                if record is not None:
                    return record
        raise _not_found(self.store, run_id)

    def change(self, experiment: str, run_id: str, edit: Callable[[RunRecord], RunRecord]) -> RunRecord:
        """Replace the record by `edit` of what it is now, and return it; `edit` may be asked several times.

        Raises
        ------
        RunNotFound
            The run was deleted meanwhile.
        LockTimeout, StoreError
        """
        with self._turn(run_id):
            while True:
                before = self.read(experiment, run_id)
                after = edit(before)
                if after == before:
                    return after
                if isinstance(self.store, Lockable):
                    with self._noted(before):
                        self.store.put(keys.run_record(experiment, run_id), encoding.encode(after))
                    self._tell(after)
                    return after
                after = msgspec.structs.replace(after, revision=before.revision + 1)
                with self._noted(before):
                    key = keys.run_change(experiment, run_id, after.revision)
                    mine = self.store.create(key, encoding.encode(after))
                    if mine:
                        self._publish(after)
                if mine:
                    self._tell(after)
                    return after

    def while_at_rest(self, record: RunRecord, act: Callable[[], None]) -> bool:
        """Do `act` if the run was neither resumed nor ended, deleted or restored since `record`; tell so.

        Where the store has locks, none of it can happen meanwhile.
        """
        with self._turn(record.run_id):
            now = self._current(record.experiment, record.run_id)
            if now is None or _rest(now) != _rest(record):
                return False
            act()
            return True

    def remove(self, record: RunRecord) -> bool:
        """Remove a run that was put aside, with all its files; tell whether it still was."""
        prefix = keys.run(record.experiment, record.run_id)
        key = keys.run_record(record.experiment, record.run_id)

        def act() -> None:
            if isinstance(self.store, FolderStore):
                self.store.remove_tree(prefix)
                return
            for each in list(walk(self.store, prefix)):
                if each != key:  # it goes last: as long as it is there, what was left behind can be found
                    self.store.delete(each)
            self.store.delete(key)
            if isinstance(self.store, RemoteStore):
                self.store.delete(keys.change_mark(record.experiment, record.run_id))

        removed = record.deleted_at_ns is not None and self.while_at_rest(record, act)
        if removed:
            self._tell(record)
        return removed

    def is_gone(self, record: RunRecord) -> bool:
        """Tell whether the process that owns a run is gone, or has given no sign of life for too long."""
        told = owner.judged(record.owner)
        return heartbeat.is_silent(self.store, record) if told is None else told

    def observed(self, record: RunRecord) -> RunRecord:
        """Return the record as a reader should see it: INTERRUPTED if it says RUNNING but its process is gone."""
        if record.status is RunStatus.RUNNING and self.is_gone(record):
            return msgspec.structs.replace(record, status=RunStatus.INTERRUPTED)
        return record

    def records(self, experiments: Iterable[str] | None = None) -> Iterator[RunRecord]:
        """Yield the record of every run of these experiments (None: of all), in no particular order."""
        for listing in self.listings(experiments):
            yield from listing.records()

    def listings(self, experiments: Iterable[str] | None = None) -> Iterator[Listing]:
        """Yield the runs of each of these experiments (None: of all)."""
        wanted = None if experiments is None else set(experiments)
        for experiment in self.experiments():
            if wanted is None or experiment.name in wanted:
                yield self._index.listing(experiment.name)

    @cached_property
    def _index(self) -> RunIndex | DistantIndex:
        if isinstance(self.store, RemoteStore):
            from tauro_nb.mlops.tracking.distant_index import DistantIndex

            return DistantIndex(self.store)
        from tauro_nb.mlops.tracking.index import RunIndex  # NumPy: not needed on the way to the first metric

        return RunIndex(self.store, self._turn)

    def _tell(self, record: RunRecord) -> None:
        if self._mirror is not None:
            self._mirror.run_changed(record.experiment, record.run_id)

    def _noted(self, record: RunRecord) -> AbstractContextManager[None]:
        """Let who searches know that a run which had ended is changed."""
        if record.ended_at_ns is None:
            return nullcontext()
        if isinstance(self.store, RemoteStore):
            return ChangeMarks(self.store, record.experiment).noted(record.run_id)
        if record.experiment not in self._logs:
            self._logs[record.experiment] = ChangeLog.of(self.store, record.experiment)
        log = self._logs[record.experiment]
        return nullcontext() if log is None else log.noted(keys.segment(record.run_id))

    def _current(self, experiment: str, run_id: str) -> RunRecord | None:
        """Return the record as its last change left it; None where there is none."""
        try:
            record = encoding.read(self.store, keys.run_record(experiment, run_id), RunRecord)
        except KeyMissing:
            return None
        return record if isinstance(self.store, Lockable) else self._newest(record) or record

    def _newest(self, record: RunRecord) -> RunRecord | None:
        """Return the last change after this one; None where there is none."""
        newest = None
        while True:
            number = (newest or record).revision + 1
            try:
                key = keys.run_change(record.experiment, record.run_id, number)
                newest = encoding.read(self.store, key, RunRecord)
            except KeyMissing:
                return newest

    def _publish(self, record: RunRecord) -> None:
        """Put a change, or what has come after it, where readers look."""
        shown: RunRecord | None = record
        while shown is not None:
            self.store.put(keys.run_record(record.experiment, record.run_id), encoding.encode(shown))
            # whoever changed it meanwhile may have put his before this was: then it is put again
            shown = self._newest(shown)

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


def _rest(record: RunRecord) -> tuple[RunStatus, int | None, int | None]:
    return record.status, record.ended_at_ns, record.deleted_at_ns


def _not_found(store: Store, run_id: str) -> RunNotFound:
    return RunNotFound(f"{store.location}: no run {run_id!r}", fix="tracker.search_runs() lists the runs there are")
