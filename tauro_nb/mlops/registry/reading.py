"""Reading records of versions and acts from where they must lie: one that lies in another's place is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from tauro_nb.errors import StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.records import EventRecord, VersionRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

Kept = TypeVar("Kept", VersionRecord, EventRecord)


def decoded(data: bytes, kind: type[Kept], store: Store, key: str) -> Kept:
    """Return the record that was read under `key`.

    Raises
    ------
    StoreError
        It cannot be read, or it is another one's.
    """
    record = encoding.decode(data, kind, store=store, key=key)
    if isinstance(record, VersionRecord):
        own = keys.model_version(record.model, record.version)
    else:
        own = f"{key.rpartition('/')[0]}/{record.sequence}.json"
    if own != key:
        raise _damaged(store, key, f"it is {own}, in another's place")
    return record


def read(store: Store, key: str, kind: type[Kept]) -> Kept:
    """Return the record under `key`.

    Raises
    ------
    KeyMissing
    StoreError
        It cannot be read, or it is another one's.
    """
    return decoded(store.get(key), kind, store, key)


def damaged(store: Store) -> Iterator[StoreError]:
    """Yield of each record that cannot be read, or is missing among its own, what is wrong with it."""
    for folder in [entry.name for entry in store.list(keys.MODELS) if entry.is_folder]:
        yield from _damaged_below(store, f"{keys.MODELS}/{folder}/versions", VersionRecord)
        yield from _damaged_below(store, f"{keys.MODELS}/{folder}/events", EventRecord)


def _damaged_below(store: Store, prefix: str, kind: type[Kept]) -> Iterator[StoreError]:
    there = {keys.number(entry.name): entry.name for entry in store.list(prefix) if not entry.is_folder}
    numbers = sorted(number for number in there if number is not None)
    for number in numbers:
        try:
            read(store, f"{prefix}/{there[number]}", kind)
        except StoreError as error:
            yield error
    for number in sorted(set(range(1, numbers[-1])).difference(numbers)) if numbers else ():
        yield lost(store, f"{prefix}/{number}.json")


def lost(store: Store, key: str) -> StoreError:
    """Return what is wrong where the record under `key` is not there, and later ones are."""
    return _damaged(store, key, "it is missing, and later ones are there")


def _damaged(store: Store, key: str, what: str) -> StoreError:
    return StoreError(f"{store.location}: {key}: {what}", fix="restore that file from a copy")
