"""Signs of life of runs that go on for long: by them another host tells a crash from work that goes on.

A run that is open for `BEAT_S` writes a small file into its folder, and again each `BEAT_S`, from one daemon thread for
all runs of this process. It is read only where the process itself cannot be looked at. A run whose owner was held for
gone in error, because the machine slept or the store was out of reach, is taken back with its next beat.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from tauro_nb.errors import KeyMissing, TauroError
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run

MISSED_BEATS = 10
"""A process that has given no sign of life for as many beats is held for gone."""


def is_silent(store: Store, record: RunRecord) -> bool:
    """Tell whether the owner of a run that goes on has given no sign of life for too long."""
    if record.owner is None or record.owner.beat_s is None:
        return False
    since_ns = time.time_ns() - silence_ns(record.owner.beat_s)
    return not any(
        _modified_ns(store, key) > since_ns
        for key in (keys.beat(record.experiment, record.run_id), keys.run_record(record.experiment, record.run_id))
    )


def silence_ns(beat_s: float) -> int:
    """Return for how long a process that beats so often may be silent."""
    return round(MISSED_BEATS * beat_s * 1e9)


class Heart:
    """Has the runs of this process that are open give signs of life; safe to share between threads."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def add(self, run: Run) -> None:
        """Let a run beat until `drop`, for the first time when it has been open for `BEAT_S`."""
        with self._changed:
            self._due_s[run] = time.monotonic() + owner.BEAT_S
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tauro-heartbeat", daemon=True)
                self._thread.start()

    def drop(self, run: Run) -> None:
        """Let a run beat no more."""
        with self._changed:
            self._due_s.pop(run, None)

    def _reset(self) -> None:
        """Begin anew; a forked child owns none of its parent's runs."""
        self._changed = threading.Condition()
        self._due_s: dict[Run, float] = {}
        self._thread = None

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._due_s:
                    self._thread = None
                    return
                # what is dropped is not told: the thread stays to the end of its pause, so that a loop over short runs
                # starts one thread and not one a run
                self._changed.wait(max(0.0, min(self._due_s.values()) - time.monotonic()))
                now = time.monotonic()
                due = [run for run, at_s in self._due_s.items() if at_s <= now]
                self._due_s.update(dict.fromkeys(due, now + owner.BEAT_S))
            for run in due:
                try:
                    run.beat()
                except TauroError as error:
                    warn("%r could give no sign of life: %s", run, error)


heart = Heart()
"""This process's own."""


def _modified_ns(store: Store, key: str) -> int:
    try:
        return store.stat(key).modified_ns
    except KeyMissing:
        return 0
