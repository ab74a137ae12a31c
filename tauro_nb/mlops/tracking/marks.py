"""Which runs of a distant store were changed after they had ended: a mark each, an object whose time tells.

It does for a store without locks what `changes` does for a local one: whoever has read an ended run need not read it
again while its mark is the same. A mark is put before the change itself, and again after one that took long; so a
change whose process died in between is seen too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import msgspec

from tauro_nb.store import keys
from tauro_nb.store.protocol import RemoteStore

SETTLED_S = 60.0
"""A mark younger than this may stand before its change: what is read meanwhile is not kept."""

Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, and 1."""


class Marks(msgspec.Struct, frozen=True):
    """The marks of an experiment's runs, by the runs' folders."""

    stamps: dict[str, Stamp]
    unsettled: frozenset[str]
    """Those whose change may be under way."""


class ChangeMarks:
    """The marks of one experiment; safe to share between threads and between processes."""

    def __init__(self, store: RemoteStore, experiment: str) -> None:
        self._store = store
        self._experiment = experiment

    @contextlib.contextmanager
    def noted(self, run_id: str) -> Iterator[None]:
        """Mark a run before the block changes it, and again if that took long."""
        key = keys.change_mark(self._experiment, run_id)
        began = time.monotonic()
        self._store.put(key, b"")
        yield
        if time.monotonic() - began > SETTLED_S / 3:
            self._store.put(key, b"")

    def read(self) -> Marks:
        """Return all marks, at the cost of a listing."""
        found = self._store.stats(keys.change_marks(self._experiment))
        young_ns = time.time_ns() - SETTLED_S * 1e9
        return Marks(
            stamps={name: (stat.modified_ns, stat.size_bytes, 1) for name, stat in found.items()},
            unsettled=frozenset(name for name, stat in found.items() if stat.modified_ns > young_ns),
        )
