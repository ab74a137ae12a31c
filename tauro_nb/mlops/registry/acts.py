"""Doing an act on a version and telling of it, in this order: decide, write, then count and emit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tauro_nb.events import Event, EventEmitter, EventType
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.claims import Trail
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.nonces import nonce
from tauro_nb.mlops.registry.origin import here
from tauro_nb.mlops.registry.records import Act, EventRecord, State
from tauro_nb.mlops.registry.version import ModelVersion

TOLD = {
    Act.PROMOTED: EventType.MODEL_PROMOTED,
    Act.ROLLED_BACK: EventType.MODEL_ROLLED_BACK,
    Act.ALIAS_SET: EventType.ALIAS_SET,
}
"""The acts of which listeners hear."""


class Acts:
    """The writing half of a registry, but for registering."""

    def __init__(
        self,
        trail: Trail,
        lookup: Lookup,
        *,
        collector: MetricsCollector,
        emitter: EventEmitter,
        clock: Callable[[], int],
        environment: str | None,
        location: str,
    ) -> None:
        self._trail = trail
        self._lookup = lookup
        self._collector = collector
        self._emitter = emitter
        self._clock = clock
        self._environment = environment
        self._location = location

    def do(self, name: str, number: int, decide: Callable[[State], EventRecord | None]) -> ModelVersion:
        """Do what is decided, tell it if it was anything, and return the version as it is now.

        Parameters
        ----------
        number : int
            The version to return where nothing is to be done.
        decide : callable
            As `Trail.act` takes it.
        """
        event = self._trail.act(name, decide)
        state = self._trail.state(name)
        version = self._lookup.shown(self._lookup.record(name, event.version if event else number), state)
        if event is not None and event.act in TOLD:
            if event.act is Act.PROMOTED:
                self._collector.increment("models_promoted", environment=event.origin.environment)
            told = {"stage": event.stage, "alias": event.alias, "former": event.former, "comment": event.comment}
            self.tell(TOLD[event.act], version, event.origin.environment, told)
        return version

    def event(self, act: Act, version: int, **fields: Any) -> EventRecord:
        """Return the record of an act of this caller, now."""
        return EventRecord(
            sequence=0,
            nonce=nonce(),
            at_ns=self._clock(),
            act=act,
            version=version,
            origin=here(self._environment),
            **fields,
        )

    def tell(self, kind: EventType, version: ModelVersion, environment: str | None, told: Mapping[str, Any]) -> None:
        """Tell listeners what was done to a version."""
        data = {"model": version.name, "version": version.version, "run_id": version.run_id, **told}
        self._emitter.emit(
            Event(
                type=kind,
                environment=environment,
                store=self._location,
                at_ns=self._clock(),
                data=data,
                subject=version,
            )
        )
