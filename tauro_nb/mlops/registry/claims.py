"""How a number becomes one's own when many want it: versions of a model, and acts in its trail.

The store's `create` is the arbiter: whoever creates ``versions/<n>.json`` has version n, and numbers have no gaps
because nobody tries n + 1 before n is taken. A `create` that is refused may have been one's own (an acknowledgement
that was lost on the way), so what lies there is read back; the nonce in it tells.

Where the store can move folders (a local disk), a version's files get the folder ``<n>`` before its record is written.
The two steps are one under the store's lock, so a folder without a record is what a killed registrant left: it is moved
aside. Elsewhere the files stay where they were uploaded, and the record says where that is.

Nobody lists a folder to find the next number: the last one known is looked at, and from there the end is found by
doubling steps.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry import reading
from tauro_nb.mlops.registry.records import EventRecord, State, VersionRecord, replay
from tauro_nb.store import keys
from tauro_nb.store.protocol import FolderStore, Store

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.mirror import Mirror

LOCK_TIMEOUT_S = 60.0
"""It is held for milliseconds; many may queue."""


class Arrived(Protocol):
    """Files that are to become a version."""

    @property
    def nonce(self) -> str:
        """The name of this arrival."""
        ...

    @property
    def prefix(self) -> str:
        """Where the store has them."""
        ...

    def keep(self) -> None:
        """Leave them there: a version has them, or may have."""
        ...


def create_own(store: Store, key: str, data: bytes) -> bool:
    """Create the value; tell whether what lies under `key` now is `data`, whoever's acknowledgement came through."""
    return store.create(key, data) or _read(store, key) == data


def registration_lock(store: FolderStore, model_folder: str) -> AbstractContextManager[None]:
    """Hold what keeps the files and the record of a new version together."""
    return store.lock(f"register {model_folder}", LOCK_TIMEOUT_S)


def import_lock(store: Store, model: str) -> AbstractContextManager[None]:
    """Hold what lets one at a time look whether a version is here already, and import it; harmless without locks."""
    return store.lock(f"import {model}", LOCK_TIMEOUT_S) if isinstance(store, FolderStore) else nullcontext()


class Numbers:
    """The last version of each model, found in a few looks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, int] = {}

    def last(self, model: str) -> int:
        """Return the highest number that is taken; 0 if none is."""
        low = self._known.get(model, 0)
        if low and not self._taken(model, low):
            low = 0  # the store was emptied meanwhile
        step = 1
        while self._taken(model, low + step):
            low += step
            step *= 2
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            if self._taken(model, middle):
                low = middle
            else:
                high = middle
        self._known[model] = low
        return low

    def know(self, model: str, number: int) -> None:
        """Remember that `number` is taken."""
        self._known[model] = number

    def last_listed(self, model: str) -> int:
        """Return the same of a model in which a record was lost: whatever lies before a gap, numbers are used once."""
        listed = (keys.number(entry.name) for entry in self._store.list(keys.model_versions(model)))
        self._known[model] = max((number for number in listed if number is not None), default=0)
        return self._known[model]

    def _taken(self, model: str, number: int) -> bool:
        try:
            self._store.stat(keys.model_version(model, number))
        except KeyMissing:
            return False
        return True


class Claims:
    """Turns an upload into the next version of its model.

    Parameters
    ----------
    store : Store
    numbers : Numbers
    mirror : Mirror, optional
        Hears of every model that got a version, when that is durable.
    """

    def __init__(self, store: Store, numbers: Numbers, mirror: Mirror | None = None) -> None:
        self._store = store
        self._mirror = mirror
        self._folders = store if isinstance(store, FolderStore) else None
        self._numbers = numbers

    def claim(self, model: str, upload: Arrived, build: Callable[[int, str], VersionRecord]) -> VersionRecord:
        """Make the uploaded files the next version.

        Parameters
        ----------
        build : callable
            Given a number and the prefix where the files will be, returns the record.

        Raises
        ------
        LockTimeout
            Others held the lock for a whole minute.
        """
        if self._folders is None:
            return self._claim_in_place(model, upload, build)
        self._folders.make_durable(upload.prefix)  # what takes time is done before the lock is taken
        with registration_lock(self._folders, keys.segment(model)), self._folders.holding(keys.model_versions(model)):
            return self._claim_by_moving(self._folders, model, upload, build)

    def _claim_in_place(self, model: str, upload: Arrived, build: Callable[[int, str], VersionRecord]) -> VersionRecord:
        upload.keep()  # from now on an error does not tell whether the record was written
        while True:
            record = build(self._numbers.last(model) + 1, upload.prefix)
            if self._wrote(record):
                return record

    def _claim_by_moving(
        self, store: FolderStore, model: str, upload: Arrived, build: Callable[[int, str], VersionRecord]
    ) -> VersionRecord:
        while True:
            number = self._numbers.last(model) + 1
            place = keys.model_artifacts(model, number)
            if not store.rename(upload.prefix, place, durable=True):
                if self._numbers.last_listed(model) < number:
                    store.rename(place, keys.model_upload(model, f"orphan-{upload.nonce}"), durable=True)
                continue
            try:
                record = build(number, place)
                if self._wrote(record):
                    upload.keep()
                    return record
            except BaseException:
                if _read(self._store, keys.model_version(model, number)) is None:
                    store.rename(place, upload.prefix, durable=True)
                raise
            store.rename(place, upload.prefix, durable=True)

    def _wrote(self, record: VersionRecord) -> bool:
        key = keys.model_version(record.model, record.version)
        if not create_own(self._store, key, encoding.encode(record)):
            return False
        self._numbers.know(record.model, record.version)
        if self._mirror is not None:
            self._mirror.model_changed(record.model)
        return True


class Trail:
    """The acts on each model, and what they come to.

    Parameters
    ----------
    store : Store
    mirror : Mirror, optional
        Hears of every model on which there was an act, when that is durable.
    """

    def __init__(self, store: Store, mirror: Mirror | None = None) -> None:
        self._store = store
        self._mirror = mirror
        self._lock = threading.Lock()
        self._known: dict[str, tuple[State, bytes]] = {}

    def state(self, model: str) -> State:
        """Return what the model's acts have come to by now.

        Raises
        ------
        StoreError
            An act cannot be read, or is missing before others: what they come to is not known.
        """
        state, last = self._known.get(model, (State(), b""))
        if state.sequence and _read(self._store, keys.model_event(model, state.sequence)) != last:
            state, last = State(), b""  # the store was emptied meanwhile
        end = None if state.sequence else self._last_listed(model)
        fresh: list[EventRecord] = []
        for sequence in itertools.count(state.sequence + 1):
            if end is not None and sequence > end:
                break
            key = keys.model_event(model, sequence)
            if (data := _read(self._store, key)) is None:
                if end is not None:
                    raise reading.lost(self._store, key)
                break
            fresh.append(reading.decoded(data, EventRecord, self._store, key))
            last = data
        if fresh:
            state = replay(state, fresh)
        with self._lock:
            self._known[model] = state, last
        return state

    def _last_listed(self, model: str) -> int:
        listed = (keys.number(entry.name) for entry in self._store.list(keys.model_events(model)))
        return max((number for number in listed if number is not None), default=0)

    def act(self, model: str, decide: Callable[[State], EventRecord | None]) -> EventRecord | None:
        """Append what `decide` makes of the state, which no other act has changed in between.

        Parameters
        ----------
        decide : callable
            Returns the act (its sequence is set here), or None: nothing is to be done. Called again if another act
            came first; raises what the caller is to get.

        Returns
        -------
        EventRecord or None
            What was appended.
        """
        while True:
            state = self.state(model)
            event = decide(state)
            if event is None:
                return None
            event = msgspec.structs.replace(event, sequence=state.sequence + 1)
            if create_own(self._store, keys.model_event(model, event.sequence), encoding.encode(event)):
                if self._mirror is not None:
                    self._mirror.model_changed(model)
                return event

    def events(self, model: str) -> list[EventRecord]:
        """Return every act, oldest first."""
        last = self.state(model).sequence
        return [
            reading.read(self._store, keys.model_event(model, sequence), EventRecord) for sequence in range(1, last + 1)
        ]


def _read(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key)
    except KeyMissing:
        return None
