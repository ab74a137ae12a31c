from __future__ import annotations

import itertools

import pytest

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.events import Event, EventEmitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.protocol import Store


@pytest.fixture
def emitter() -> EventEmitter:
    return EventEmitter()


@pytest.fixture
def collector() -> MetricsCollector:
    return MetricsCollector()


@pytest.fixture
def heard(emitter: EventEmitter) -> list[Event]:
    """Every event that the registry emits, in order."""
    events: list[Event] = []
    emitter.on_event("*", events.append)
    return events


@pytest.fixture
def make(store: Store, emitter: EventEmitter, collector: MetricsCollector):
    """Make a registry on the one store; a clock that ticks a second a look."""
    ticks = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)

    def make_registry(**settings: object) -> ModelRegistry:
        return ModelRegistry(
            store,
            RegistrySettings(**settings),  # type: ignore[arg-type]
            environment="dev",
            clock=lambda: next(ticks),
            emitter=emitter,
            collector=collector,
        )

    return make_registry


@pytest.fixture
def registry(make) -> ModelRegistry:
    return make()
