"""What two stores last had in common of a run, so that an edit on one side is told from edits on both.

Whoever has copied a run notes in the target, beside the run, the digest of the record that both have now, under the
name of the source. Of the notes that two stores have of each other the newer one counts. Where there is none, nothing
is known, and every difference is a conflict.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """``copies/<store>.json`` of a run: how it was when it was last copied from that store."""

    store: str
    """The location of the other store."""
    record: str
    """The digest of the run's record."""
    at_ns: int
    format: int = 1


def digest(record: RunRecord) -> str:
    """Return what tells one state of a run from another, in whichever store it is.

    How often a store has changed the record is no part of it, nor is a field that says nothing, which an older version
    of the package did not have.
    """
    plain: dict[str, Any] = msgspec.json.decode(encoding.encode(record))
    del plain["revision"]
    told = {name: value for name, value in plain.items() if value not in (None, "", {}, [])}
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def note(target: Store, source: Store, record: RunRecord, at_ns: int) -> None:
    """Note in `target` that it has this record in common with `source`."""
    trace = Trace(store=source.location, record=digest(record), at_ns=at_ns)
    target.put(_key(record, source), encoding.encode(trace))


def common(source: Store, target: Store, record: RunRecord) -> str | None:
    """Return the digest of what the two stores last had in common of this run; None where that is not known."""
    notes = [each for each in (_noted(target, source, record), _noted(source, target, record)) if each is not None]
    return max(notes, key=lambda each: each.at_ns).record if notes else None


def _noted(store: Store, other: Store, record: RunRecord) -> Trace | None:
    try:
        return encoding.read(store, _key(record, other), Trace)
    except KeyMissing:
        return None


def _key(record: RunRecord, other: Store) -> str:
    return keys.run_copy(record.experiment, record.run_id, hashlib.sha256(other.location.encode()).hexdigest()[:16])
