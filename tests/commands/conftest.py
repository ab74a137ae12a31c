from __future__ import annotations

import itertools

import pytest

from tauro_nb.events import EventEmitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.memory import MemoryStore


@pytest.fixture
def tracker():
    """A tracker whose runs are numbered and start a second apart: ``20261124-060250-run1`` is the first."""
    numbers = itertools.count(1)
    yield ExperimentTracker(
        MemoryStore(),
        clock=itertools.count(1_795_500_170_000_000_000, 1_000_000_000).__next__,
        ids=lambda: f"run{next(numbers)}",
        emitter=EventEmitter(),
        collector=MetricsCollector(),
    )
    background.wait()
