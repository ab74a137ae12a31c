"""What makes listing runs fast: their records in one file an experiment, derived from the runs' own and disposable.

Each record stands beside size, time and number of the ``run.json`` that it was read from, and counts only while that
file is still the same; so the index may be old, missing or torn, and what is found is right all the same. Only a store
with a local folder has one: elsewhere telling whether a file is the same costs as much as reading it.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

_FORMAT = 1
_SETTLED_NS = 100_000_000
"""A file changed less than this ago may change again within one tick of the disk's clock: its record is not kept."""
_KEPT_IN_MEMORY = 10_000
_WORTH_WRITING = 16

Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, and inode of a ``run.json``."""


class _Line(msgspec.Struct, frozen=True, array_like=True):
    stamp: Stamp
    record: RunRecord


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    format: int
    lines: dict[str, _Line]
    """By the name of the run's folder."""


class RunIndex:
    """The records of a store's runs; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, dict[str, _Line]] = {}

    def records(self, experiment: str) -> Iterator[RunRecord]:
        """Yield the record of every run of an experiment, in no particular order."""
        folder = self._store.local_dir(keys.runs(experiment))
        if folder is None:
            for entry in self._store.list(keys.runs(experiment)):
                record = self._read(experiment, entry.name)
                if record is not None:
                    yield record
            return
        known = self._known.get(experiment)
        if known is None:
            known = self._loaded(experiment)
        now, anew = time.time_ns(), 0
        lines: dict[str, _Line] = {}
        for name, stamp in _stamps(folder):
            line = known.get(name)
            if line is None or line.stamp != stamp:
                record = self._read(experiment, name)
                if record is None:
                    continue
                line = _Line(stamp, record)
                if stamp[0] < now - _SETTLED_NS:
                    lines[name] = line
                    anew += 1
            else:
                lines[name] = line
            yield line.record
        self._keep(experiment, lines, changes=anew + len(known.keys() - lines.keys()))

    def _keep(self, experiment: str, lines: dict[str, _Line], *, changes: int) -> None:
        if len(lines) <= _KEPT_IN_MEMORY:
            self._known[experiment] = lines
        if changes >= max(_WORTH_WRITING, len(lines) // 10):
            background.later(lambda: self._save(experiment, lines))

    def _save(self, experiment: str, lines: dict[str, _Line]) -> None:
        with contextlib.suppress(StoreError):  # nothing hangs on it; a disk that is full is told by what is
            self._store.put(_key(experiment), msgspec.msgpack.encode(_Snapshot(_FORMAT, lines)))

    def _loaded(self, experiment: str) -> dict[str, _Line]:
        try:
            snapshot = msgspec.msgpack.decode(self._store.get(_key(experiment)), type=_Snapshot)
        except (StoreError, msgspec.DecodeError):  # what cannot be read is made anew
            return {}
        return snapshot.lines if snapshot.format == _FORMAT else {}

    def _read(self, experiment: str, name: str) -> RunRecord | None:
        """Return the record in a run's folder; None where there is none yet or no longer, or a damaged one."""
        try:
            return encoding.read(self._store, f"{keys.runs(experiment)}/{name}/{_RECORD}", RunRecord)
        except KeyMissing:
            return None
        except StoreError as error:  # one damaged run must not hide all the others
            warnings.warn(f"{error.message}: the run is left out", RuntimeWarning, stacklevel=2)
            return None


def _stamps(folder: Path) -> Iterator[tuple[str, Stamp]]:
    for entry in os.scandir(folder):
        try:
            found = os.stat(f"{entry.path}/{_RECORD}", follow_symlinks=False)  # noqa: PTH116 - one of thousands
        except OSError:
            continue
        yield entry.name, (found.st_mtime_ns, found.st_size, found.st_ino)


_RECORD = keys.run_record("any", "any").rpartition("/")[2]


def _key(experiment: str) -> str:
    return keys.index(f"runs/{keys.segment(experiment)}.msgpack")
