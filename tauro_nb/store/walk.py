"""What can be done to whole prefixes with the `Store` protocol alone."""

from __future__ import annotations

from collections.abc import Iterator

from tauro_nb.errors import KeyMissing
from tauro_nb.store.protocol import RemoteStore, Stat, Store


def walk(store: Store, prefix: str = "") -> Iterator[str]:
    """Yield every key below `prefix`, depth first, the names of each folder in order."""
    for entry in store.list(prefix):
        key = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.is_folder:
            yield from walk(store, key)
        else:
            yield key


def described(store: Store, prefix: str) -> Iterator[tuple[str, Stat]]:
    """Yield every key below `prefix` with its description, as `walk` does."""
    known: dict[str, dict[str, Stat]] = {}
    for key in walk(store, prefix):
        folder, _, name = key.rpartition("/")
        if isinstance(store, RemoteStore):
            known = known if folder in known else {folder: store.stats(folder)}
            if name in known[folder]:
                yield key, known[folder][name]
        else:
            yield key, store.stat(key)


def exact_stat(store: Store, key: str) -> Stat:
    """Describe a value with the most exact time that the store has, which a listing may tell better.

    Raises
    ------
    KeyMissing
    """
    if not isinstance(store, RemoteStore):
        return store.stat(key)
    folder, _, name = key.rpartition("/")
    found = store.stats(folder).get(name)
    if found is None:
        raise KeyMissing(f"{store.location}: no value under {key!r}")
    return found


def delete_tree(store: Store, prefix: str) -> int:
    """Delete every value below `prefix`, one by one; return how many this call deleted.

    Readers may meet the half-deleted tree. `LocalStore.remove_tree` takes it away in one step.
    """
    return sum(store.delete(key) for key in list(walk(store, prefix)))
