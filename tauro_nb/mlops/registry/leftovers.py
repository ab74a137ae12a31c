"""What registrants that were killed left behind: found by name, and cleaned up only when nobody can need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import msgspec

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.mlops.registry import reading
from tauro_nb.mlops.registry.artifacts import remove
from tauro_nb.mlops.registry.claims import registration_lock
from tauro_nb.mlops.registry.nonces import is_abandoned
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import FolderStore, Store
from tauro_nb.store.walk import walk

_UPLOAD = "upload-"
_ORPHAN = "upload-orphan-"


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are no version's."""

    key: str
    """The prefix below which they lie."""
    why: str
    abandoned: bool
    """Whoever wrote them is gone; if not, they may become a version yet."""


def find(store: Store) -> list[Leftover]:
    """Return all files of models that no version has, sorted by key."""
    return [
        each for entry in store.list(keys.MODEL_ARTIFACTS) if entry.is_folder for each in _of_model(store, entry.name)
    ]


def sweep(store: Store) -> list[Leftover]:
    """Remove what is abandoned, and return it."""
    gone = []
    for entry in store.list(keys.MODEL_ARTIFACTS):
        if not entry.is_folder:
            continue
        # with the lock held, a folder without a record is nobody's
        with registration_lock(store, entry.name) if isinstance(store, FolderStore) else nullcontext():
            for leftover in _of_model(store, entry.name):
                if leftover.abandoned:
                    remove(store, leftover.key)
                    gone.append(leftover)
    return gone


def _of_model(store: Store, model_folder: str) -> Iterator[Leftover]:
    prefix = f"{keys.MODEL_ARTIFACTS}/{model_folder}"
    names = [entry.name for entry in store.list(prefix) if entry.is_folder]
    recorded = [keys.number(entry.name) or 0 for entry in store.list(_versions(model_folder))]
    last = max(recorded, default=0)  # below it a record that is missing was lost: its files are a version's
    taken: _Places | None = None
    for name in names:
        key = f"{prefix}/{name}"
        if name.startswith(_ORPHAN):
            yield Leftover(key=key, why="a registrant was killed after it had moved its files", abandoned=True)
        elif name.startswith(_UPLOAD):
            taken = taken or _places(store, model_folder)
            if key not in taken.known:
                gone = is_abandoned(name.removeprefix(_UPLOAD), _modified_s(store, key))
                why = "a registrant was killed before it had a version" if gone else "being registered just now"
                if gone and not taken.all_known:
                    gone, why = False, "no version's, unless one has it whose record is damaged"
                yield Leftover(key=key, why=why, abandoned=gone)
        elif (number := keys.number(name)) is not None and number > last:
            yield Leftover(
                key=key,
                why=f"there is no record of version {number}",
                abandoned=isinstance(store, FolderStore),
            )


def _versions(model_folder: str) -> str:
    return f"{keys.MODELS}/{model_folder}/versions"


class _Places(NamedTuple):
    known: frozenset[str]
    """Where the files of a model's versions lie."""
    all_known: bool
    """No record is damaged."""


def _places(store: Store, model_folder: str) -> _Places:
    prefix = _versions(model_folder)
    known, all_known = set(), True
    for entry in store.list(prefix):
        try:
            known.add(reading.read(store, f"{prefix}/{entry.name}", VersionRecord).artifacts)
        except StoreError:  # `reading.damaged` names it
            all_known = False
    return _Places(frozenset(known), all_known)


def _modified_s(store: Store, prefix: str) -> float:
    """When something below `prefix` was written last."""
    newest = 0
    for key in walk(store, prefix):
        try:
            newest = max(newest, store.stat(key).modified_ns)
        except KeyMissing:
            continue
    folder = store.local_dir(prefix) if not newest else None
    return folder.stat().st_mtime if folder is not None else newest / 1e9
