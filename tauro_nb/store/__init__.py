"""Where runs and models are kept."""

from __future__ import annotations

from os import PathLike

from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Entry, Stat, Store
from tauro_nb.store.walk import delete_tree, walk

__all__ = ["Entry", "LocalStore", "MemoryStore", "Stat", "Store", "delete_tree", "open_local", "walk"]


def open_local(path: str | PathLike[str]) -> LocalStore:
    """Open the store in a local folder; nothing is made on disk before the first write."""
    return LocalStore(path)
