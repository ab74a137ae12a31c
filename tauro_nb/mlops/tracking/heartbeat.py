"""Signs of life of runs that go on for long: by them another host tells a crash from work that goes on.

A run that is open for `BEAT_S` writes a small file into its folder, and again each `BEAT_S`, from one daemon thread for
all runs of this process. It is read only where the process itself cannot be looked at. A run whose owner was held for
gone in error, because the machine slept or the store was out of reach, is taken back with its next beat.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tauro_nb.errors import KeyMissing, TauroError
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.mlops.tracking.rounds import Rounds
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


_silenced: set[str] = set()
"""Runs whose beat failed the last time: each is told of once."""


def _beat(runs: list[Run]) -> None:
    for run in runs:
        try:
            run.beat()
        except TauroError as error:
            if run.run_id not in _silenced:
                warn("%r could give no sign of life: %s", run, error)
            _silenced.add(run.run_id)
        else:
            _silenced.discard(run.run_id)


heart = Rounds("tauro-heartbeat", _beat)
"""This process's own."""


def _modified_ns(store: Store, key: str) -> int:
    try:
        return store.stat(key).modified_ns
    except KeyMissing:
        return 0
