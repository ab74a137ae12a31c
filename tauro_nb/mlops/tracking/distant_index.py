"""What makes finding runs in a distant store fast: the records of ended runs, kept on this machine.

A listing tells which runs there are, and another one which of them were changed after their end (see `marks`). So what
was read once of a run that has ended holds until its mark is another one, and a search of thousands of runs is some
pages of listings and the records of those that are new or go on. The first search reads every record, several at once.

Nothing here is trusted: a file that is missing, damaged or of another version is made again from the store.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tauro_nb.errors import StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.columns import Rows
from tauro_nb.mlops.tracking.index import Listing
from tauro_nb.mlops.tracking.marks import ChangeMarks
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.mlops.tracking.snapshot import Entry, Seen, Snapshot, Stamp, made, opened
from tauro_nb.store import keys
from tauro_nb.store.caching import cache_of, user_cache
from tauro_nb.store.protocol import RemoteStore
from tauro_nb.store.publish import whole_file

_NOTHING_SEEN = Seen(boot="", folder=(0, 0), mark=None, others=())
_UNMARKED: Stamp = (0, 0, 0)
_RECORD = keys.run_record("any", "any").rpartition("/")[2]


class DistantIndex:
    """The records of a distant store's runs; safe to share between threads.

    Parameters
    ----------
    store : RemoteStore
    root : Path, optional
        Where records are kept; by default in the user's cache.
    """

    def __init__(self, store: RemoteStore, root: Path | None = None) -> None:
        self._store = store
        self._root = root or user_cache() / "index"
        self._known: dict[str, tuple[tuple[int, int], Snapshot | None]] = {}

    def listing(self, experiment: str) -> Listing:
        """Return every run of an experiment as it stands."""
        names = {entry.name for entry in self._store.list(keys.runs(experiment)) if entry.is_folder}
        marks = ChangeMarks(self._store, experiment).read()
        snapshot = self._loaded(experiment)
        rows = np.array([], np.int32)
        if snapshot is not None:
            held = [
                row
                for row, (name, stamp) in enumerate(zip(snapshot.folders, snapshot.stamps(), strict=True))
                if name in names and stamp == marks.stamps.get(name, _UNMARKED)
            ]
            names.difference_update(snapshot.folders[row] for row in held)
            rows = np.array(held, np.int32)
        doubtful = sorted(names)
        fresh = self._read(experiment, doubtful)
        entries = [
            entry
            for name, record in zip(doubtful, fresh, strict=True)
            if record is not None and record.ended_at_ns is not None and name not in marks.unsettled
            if (entry := Entry.of(name, marks.stamps.get(name, _UNMARKED), record)) is not None
        ]
        if entries or (snapshot is not None and len(rows) < snapshot.block.count):
            background.later(partial(self._keep, experiment, snapshot, rows, entries))
        block = None if snapshot is None else snapshot.block
        return Listing(block, rows, [record for record in fresh if record is not None])

    def _read(self, experiment: str, names: Sequence[str]) -> list[RunRecord | None]:
        """Return the record of each folder; None where there is none, or a damaged one."""
        places = [f"{keys.runs(experiment)}/{name}/{_RECORD}" for name in names]
        found: list[RunRecord | None] = []
        for key, data in zip(places, self._store.get_many(places), strict=True):
            try:
                found.append(None if data is None else encoding.decode(data, RunRecord, store=self._store, key=key))
            except StoreError as error:  # one damaged run must not hide all the others
                warnings.warn(f"{error.message}: the run is left out", RuntimeWarning, stacklevel=3)
                found.append(None)
        return found

    def _loaded(self, experiment: str) -> Snapshot | None:
        """Return what is kept, as the file in place now has it."""
        path = self._path(experiment)
        try:
            found = path.lstat()
        except OSError:
            self._known.pop(experiment, None)
            return None
        file = (found.st_dev, found.st_ino)
        known = self._known.get(experiment)
        if known is not None and known[0] == file:
            return known[1]
        snapshot = opened(path, partial(self._read_instead, experiment))
        self._known[experiment] = file, snapshot
        return snapshot

    def _read_instead(self, experiment: str, name: str) -> RunRecord:
        """Return the record in a run's folder, where what is kept is damaged: that goes away, to be made anew."""
        self._path(experiment).unlink(missing_ok=True)
        return encoding.read(self._store, f"{keys.runs(experiment)}/{name}/{_RECORD}", RunRecord)

    def _keep(self, experiment: str, before: Snapshot | None, rows: Rows, entries: Sequence[Entry]) -> None:
        path = self._path(experiment)
        with contextlib.suppress(OSError):  # nothing hangs on it
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(path) as file:
                file.write(made(_NOTHING_SEEN, before, rows, entries))

    def _path(self, experiment: str) -> Path:
        return cache_of(self._root, self._store) / f"{keys.segment(experiment)}.snapshot"
