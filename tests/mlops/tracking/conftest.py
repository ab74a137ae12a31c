from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro_nb.events import EventEmitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store

START_NS = 1_795_500_170_000_000_000
"""2026-11-24 06:02:50 UTC."""


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def clock() -> Callable[[], int]:
    """A clock that goes on by a millisecond each time it is looked at."""
    return itertools.count(START_NS, 1_000_000).__next__


@pytest.fixture
def emitter() -> EventEmitter:
    return EventEmitter()


@pytest.fixture
def collector() -> MetricsCollector:
    return MetricsCollector()


@pytest.fixture
def tracker(
    store: Store, clock: Callable[[], int], emitter: EventEmitter, collector: MetricsCollector
) -> Iterator[ExperimentTracker]:
    numbers = itertools.count(1)
    yield ExperimentTracker(
        store, clock=clock, ids=lambda: f"{next(numbers):08x}", emitter=emitter, collector=collector, environment="dev"
    )
    background.wait()


@pytest.fixture
def again(store: Store) -> ExperimentTracker:
    """Another tracker on the same store, which sees only what is kept there."""
    return ExperimentTracker(store)
