"""What an MLflow server said of a run or version when it was last taken from there.

It lies beside the record, so that the next import tells what is new there from what was changed here: a value that is
still as it was taken follows the server; one that somebody has changed here stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.mlops import encoding
from tauro_nb.store.protocol import Store

URI_TAG = "tauro.mlflow_uri"
RUN_TAG = "tauro.mlflow_run_id"
VERSION_TAG = "tauro.mlflow_version"

T = TypeVar("T")
Kept = TypeVar("Kept", bound="RunState | VersionState")


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """``import.json`` of a run."""

    uri: str
    run_id: str
    name: str
    status: str
    ended_ms: int | None
    notes: str
    parent_id: str | None
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, tuple[float, int, int]]
    """Of each the newest point: value, step, milliseconds."""
    files: dict[str, int]
    """By path, the size in bytes."""
    inputs: dict[str, dict[str, Any]] = {}
    """The datasets that it read."""
    format: int = 1


class VersionState(msgspec.Struct, frozen=True, kw_only=True):
    """``imports/<n>.json`` of a model."""

    uri: str
    version: str
    """As it is numbered there."""
    stage: str | None
    aliases: tuple[str, ...]
    description: str
    tags: dict[str, str]
    format: int = 1


def same(one: RunState | VersionState, other: RunState | VersionState | None) -> bool:
    """Tell whether two say the same, in whatever order; NaN is NaN."""
    return other is not None and _sorted(one) == _sorted(other)


def read(store: Store, key: str, kind: type[Kept]) -> Kept | None:
    """Return what was kept under `key`; None where nothing was."""
    try:
        return encoding.read(store, key, kind)
    except KeyMissing:
        return None


def followed(here: T, before: T | None, now: T) -> T:
    """Return a value that follows the server unless it was changed here since."""
    return now if before is None or encoding.encode(here) == encoding.encode(before) else here


def followed_all(here: Mapping[str, T], before: Mapping[str, T], now: Mapping[str, T]) -> dict[str, T]:
    """Return named values of which each follows the server, its coming and going too, unless it was changed here."""
    found = dict(here)
    for name, value in now.items():
        if name not in before:
            found.setdefault(name, value)
        elif name in here and here[name] == before[name]:
            found[name] = value
    for name in before.keys() - now.keys():
        if name in here and here[name] == before[name]:
            del found[name]
    return found


def own_id(run_id: str, started: str) -> str:
    """Return the id here of a run there: the same whoever takes it, from whichever address."""
    return f"{started}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def _sorted(state: RunState | VersionState) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(encoding.encode(state)), order="sorted")
