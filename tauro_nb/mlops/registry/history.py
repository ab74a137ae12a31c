"""A model's registrations and acts as one table, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tauro_nb.mlops.registry.records import Act, EventRecord, VersionRecord

if TYPE_CHECKING:
    import pandas as pd


def in_order(records: Sequence[VersionRecord], events: Sequence[EventRecord]) -> Iterator[VersionRecord | EventRecord]:
    """Yield versions and acts, oldest first.

    Both keep the order of their numbers, and no act comes before the registration of its version, whatever the clocks
    of the machines said that took part.
    """
    waiting = list(reversed(records))
    for event in events:
        while waiting and (waiting[-1].version <= event.version or waiting[-1].created_at_ns <= event.at_ns):
            yield waiting.pop()
        yield event
    yield from reversed(waiting)


def history_frame(records: Sequence[VersionRecord], events: Sequence[EventRecord]) -> pd.DataFrame:
    """Return the table that `ModelRegistry.history` describes."""
    import pandas as pd

    runs = {record.version: record.run_id for record in records}
    rows = []
    for each in in_order(records, events):
        if isinstance(each, EventRecord):
            event, details = each, _details(each)
        else:
            event, details = _registration(each), _imported(each)
        rows.append(
            {
                "at": event.at_ns,
                "act": event.act.value,
                "version": event.version,
                "former": event.former,
                "stage": event.stage,
                "alias": event.alias,
                "details": details,
                "comment": event.comment,
                "user": event.origin.user,
                "host": event.origin.host,
                "environment": event.origin.environment,
                "pipeline": event.origin.pipeline,
                "node": event.origin.node,
                "run_id": runs.get(event.version),
            }
        )
    frame = pd.DataFrame(rows, dtype=object)
    frame["at"] = pd.to_datetime(frame["at"].astype("int64"), utc=True, unit="ns")
    return frame.astype({"version": "int64", "former": "Int64"})


def _details(event: EventRecord) -> str | None:
    if event.description is not None:
        return f"description={event.description!r}"
    if event.tags is None:
        return None
    return ", ".join(f"{key}={value!r}" for key, value in event.tags.items())


def _imported(record: VersionRecord) -> str | None:
    return f"imported from {record.imported_from}" if record.imported_from else None


def _registration(record: VersionRecord) -> EventRecord:
    return EventRecord(
        sequence=0,
        nonce=record.nonce,
        at_ns=record.created_at_ns,
        act=Act.REGISTERED,
        version=record.version,
        origin=record.origin,
    )
