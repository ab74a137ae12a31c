"""What makes finding runs fast: a `Snapshot` of each experiment's ended runs, derived from theirs and disposable.

It may be old, missing or torn, and what is found is right all the same, because each search looks at every run that may
be another than it says: runs that go on, runs that `changes` names, and folders that came or went since. Where nobody
can note changes, and in a small experiment, it looks at every file. What was changed behind the back of all this, by
hand or by a copy over what is there, is found by the look at all files that follows a search in the background.

Only a store with a local folder has an index: elsewhere telling whether a file is the same costs as much as reading it.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.changes import ChangeLog, Noted
from tauro_nb.mlops.tracking.columns import Block, Rows
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.mlops.tracking.snapshot import Entry, Seen, Snapshot, Stamp, made, opened
from tauro_nb.store import keys
from tauro_nb.store.protocol import Lockable, Store

LOOK_AT_ALL = 500
"""Of so many runs each search looks at all files: it takes 3 ms."""
CHECK_AFTER_S = 30.0
"""A search after which nobody has looked at all files for so long has the background do it."""
_SETTLED_NS = 100_000_000
"""What changed less than this ago may change again within one tick of the disk's clock: it is not kept."""
_WORTH_WRITING = 16

_INODE = (1 << 63) - 1
_RECORD = keys.run_record("any", "any").rpartition("/")[2]


class Listing(msgspec.Struct, frozen=True, eq=False):
    """Every run of one experiment, in no particular order."""

    block: Block | None
    rows: Rows
    """Of the block, those that still hold; all of them have ended."""
    fresh: list[RunRecord]
    """The others."""

    def records(self) -> Iterator[RunRecord]:
        """Yield the record of each."""
        if self.block is not None:
            yield from map(self.block.record, self.rows.tolist())
        yield from self.fresh


class _Line(msgspec.Struct, frozen=True):
    stamp: Stamp
    record: RunRecord

    @property
    def belongs(self) -> bool:
        """Whether it is for a snapshot."""
        return self.record.ended_at_ns is not None


class _Known(msgspec.Struct, eq=False):
    """What this process has of an experiment."""

    file: tuple[int, int] | None
    """Device and inode of the snapshot."""
    snapshot: Snapshot | None
    checked_ns: int
    lines: dict[str, _Line]
    """By folder, what was read beside the snapshot."""


class RunIndex:
    """The records of a store's runs; safe to share between threads.

    Parameters
    ----------
    store : Store
    turn : callable
        Keeps everybody who changes the run of this id out for a ``with`` block.
    """

    def __init__(self, store: Store, turn: Callable[[str], AbstractContextManager[None]]) -> None:
        self._store = store
        self._turn = turn
        self._known: dict[str, _Known] = {}
        self._queued: set[tuple[int, str]] = set()

    def listing(self, experiment: str) -> Listing:
        """Return every run of an experiment as it stands."""
        folder = self._store.local_dir(keys.runs(experiment))
        if folder is None:
            names = [entry.name for entry in self._store.list(keys.runs(experiment))]
            found = (self._read(experiment, name) for name in names)
            return Listing(None, _NONE, [record for record in found if record is not None])
        known = self._loaded(experiment)
        snapshot = known.snapshot
        log = None if snapshot is None or snapshot.seen.mark is None else ChangeLog.of(self._store, experiment)
        noted = None if snapshot is None or log is None else _noted(log, snapshot)
        small = snapshot is None or snapshot.block.count <= LOOK_AT_ALL
        rows, doubtful = _looked(folder, snapshot, None if small else noted)
        lines = self._lines(experiment, doubtful, known)
        count = 0 if snapshot is None else snapshot.block.count
        changes = sum(line.belongs for line in known.lines.values()) + count - len(rows)
        stale = log is not None and (noted is None or known.checked_ns < time.time_ns() - CHECK_AFTER_S * 1e9)
        if changes >= max(_WORTH_WRITING, count // 100) or (stale and not small):
            self._renew_later(experiment)
        return Listing(None if snapshot is None else snapshot.block, rows, [line.record for line in lines])

    def _lines(self, experiment: str, doubtful: dict[str, Stamp], known: _Known) -> list[_Line]:
        """Return the records of these folders, and keep those that may be kept."""
        settled_ns = time.time_ns() - _SETTLED_NS
        before, kept, lines = known.lines, {}, []
        for name, stamp in doubtful.items():
            line = before.get(name)
            if line is None or line.stamp != stamp:
                record = self._read(experiment, name)
                if record is None:
                    continue
                line = _Line(stamp, record)
            if stamp[0] < settled_ns:
                kept[name] = line
            lines.append(line)
        known.lines = kept
        return lines

    def _loaded(self, experiment: str) -> _Known:
        """Return what is known of an experiment, with the snapshot that is in place now."""
        known = self._known.get(experiment)
        file, checked_ns = None, 0
        path = self._path(experiment)
        if path is not None:
            with contextlib.suppress(OSError):
                found = path.lstat()
                file, checked_ns = (found.st_dev, found.st_ino), found.st_mtime_ns
        if known is not None and known.file == file:
            known.checked_ns = checked_ns
            return known
        instead = partial(self._read_instead, experiment)
        snapshot = opened(path, instead) if path is not None and file is not None else None
        known = _Known(file, snapshot, checked_ns, {} if known is None else known.lines)
        self._known[experiment] = known
        return known

    def _path(self, experiment: str) -> Path | None:
        key = _key(experiment)
        with contextlib.suppress(StoreError):  # a store that cannot have an index is read all the same
            folder = self._store.local_dir(key.rpartition("/")[0])
            return None if folder is None else folder / key.rpartition("/")[2]
        return None

    def _renew_later(self, experiment: str) -> None:
        due = (os.getpid(), experiment)
        if due not in self._queued:
            self._queued.add(due)
            background.later(lambda: self._renew(due))

    def _renew(self, due: tuple[int, str]) -> None:
        self._queued.discard(due)
        store, experiment = self._store, due[1]
        alone = store.lock(f"index {experiment}", timeout_s=0) if isinstance(store, Lockable) else nullcontext()
        with contextlib.suppress(StoreError), alone:  # another does it, or it cannot be: nothing hangs on it
            self._rewrite(experiment)

    def _rewrite(self, experiment: str) -> None:
        """Look at all files, and write a snapshot of what was found; only one at a time does so."""
        folder = self._store.local_dir(keys.runs(experiment))
        if folder is None:
            return
        before = self._loaded(experiment).snapshot
        log = ChangeLog.of(self._store, experiment)
        # first how far the changes are in it, then what the folder is like, last the files: what comes later is seen
        noted = _settled(log)
        now_ns, times = time.time_ns(), _times(folder)
        names = set(os.listdir(folder))  # noqa: PTH208 - thousands
        rows, doubtful = _looked(folder, before, None)
        if log is not None and noted is not None:
            recent = _noted(log, before) if before is not None else None
            rows, doubtful = self._waited(folder, before, rows, doubtful, recent or noted)
        entries = []
        for name, stamp in doubtful.items():
            record = self._read(experiment, name) if stamp[0] < now_ns - _SETTLED_NS else None
            entry = Entry.of(name, stamp, record) if record is not None and record.ended_at_ns is not None else None
            if entry is not None:
                entries.append(entry)
        kept = {before.folders[row] for row in rows.tolist()} if before is not None else set()
        seen = Seen(
            boot=owner.this_process().boot,
            folder=times if max(times) < now_ns - _SETTLED_NS else (0, 0),
            mark=None if noted is None else noted.end,
            others=tuple(sorted(names - kept - {entry.folder for entry in entries})),
        )
        if before is not None and seen == before.seen and not entries and len(rows) == before.block.count:
            path = self._path(experiment)
            if path is not None:
                os.utime(path)
            return
        self._store.put(_key(experiment), made(seen, before, rows, entries))

    def _waited(
        self, folder: Path, before: Snapshot | None, rows: Rows, doubtful: dict[str, Stamp], noted: Noted
    ) -> tuple[Rows, dict[str, Stamp]]:
        """Look again at what was noted, when its changers have let go of it."""
        dropped = set()
        for name in noted.names:
            with self._turn(name):
                found = dict(_stamps(folder, [name]))
            row = before.places.get(name) if before is not None else None
            if row is not None and before is not None and found.get(name) != before.stamp(row):
                dropped.add(row)
                doubtful.update(found)
            elif row is None:
                doubtful.update(found)
        return np.array([row for row in rows.tolist() if row not in dropped], np.int32), doubtful

    def _read_instead(self, experiment: str, name: str) -> RunRecord:
        """Return the record in a run's folder, of an index that is damaged: it goes away, to be made anew."""
        self._store.delete(_key(experiment))
        return encoding.read(self._store, f"{keys.runs(experiment)}/{name}/{_RECORD}", RunRecord)

    def _read(self, experiment: str, name: str) -> RunRecord | None:
        """Return the record in a run's folder; None where there is none yet or no longer, or a damaged one."""
        try:
            return encoding.read(self._store, f"{keys.runs(experiment)}/{name}/{_RECORD}", RunRecord)
        except KeyMissing:
            return None
        except StoreError as error:  # one damaged run must not hide all the others
            warnings.warn(f"{error.message}: the run is left out", RuntimeWarning, stacklevel=2)
            return None


_NONE = np.empty(0, np.int32)


def _looked(folder: Path, snapshot: Snapshot | None, noted: Noted | None) -> tuple[Rows, dict[str, Stamp]]:
    """Return the rows of a snapshot that hold, and what the files of all other runs are like, by folder.

    Parameters
    ----------
    noted : Noted, optional
        What may have changed since the snapshot was made; None: anything.
    """
    if snapshot is None:
        return _NONE, dict(_stamps(folder))
    count = snapshot.block.count
    if noted is None:
        found = dict(_stamps(folder))
        same = [found.get(name) == stamp for name, stamp in zip(snapshot.folders, snapshot.stamps(), strict=True)]
        for name, holds in zip(snapshot.folders, same, strict=True):
            if holds:
                del found[name]
        return np.flatnonzero(same).astype(np.int32), found
    names = noted.names | set(snapshot.seen.others)
    if _times(folder) != snapshot.seen.folder:
        names |= snapshot.places.keys() ^ set(os.listdir(folder))  # noqa: PTH208 - thousands
    found = dict(_stamps(folder, names))
    still = np.ones(count, np.bool_)
    places = snapshot.places if names - set(snapshot.seen.others) else {}
    for name in names & places.keys():
        row = places[name]
        if found.get(name) == snapshot.stamp(row):
            del found[name]
        else:
            still[row] = False
    return np.flatnonzero(still).astype(np.int32), found


def _stamps(folder: Path, names: Iterable[str] | None = None) -> Iterator[tuple[str, Stamp]]:
    """Yield what the records in these folders (None: in all) are like; none where there is no record."""
    for name in os.listdir(folder) if names is None else names:  # noqa: PTH208 - thousands
        try:
            found = os.stat(f"{folder}/{name}/{_RECORD}", follow_symlinks=False)  # noqa: PTH116 - one of thousands
        except OSError:
            continue
        yield name, (found.st_mtime_ns, found.st_size, found.st_ino & _INODE)


def _times(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_mtime_ns, found.st_ctime_ns


def _noted(log: ChangeLog, snapshot: Snapshot) -> Noted | None:
    """Return what was noted since a snapshot was made; None where that cannot be told."""
    mark = snapshot.seen.mark
    return None if mark is None or snapshot.seen.boot != owner.this_process().boot else log.read(mark)


def _settled(log: ChangeLog | None) -> Noted | None:
    with contextlib.suppress(OSError):  # where nothing can be noted each search looks at all files
        return None if log is None else log.settle()
    return None


def _key(experiment: str) -> str:
    return keys.index(f"runs/{keys.segment(experiment)}.snapshot")
