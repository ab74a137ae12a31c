"""What can be done to whole prefixes with the `Store` protocol alone."""

from __future__ import annotations

from collections.abc import Iterator

from tauro_nb.store.protocol import Store


def walk(store: Store, prefix: str = "") -> Iterator[str]:
    """Yield every key below `prefix`, depth first, the names of each folder in order."""
    for entry in store.list(prefix):
        key = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.is_folder:
            yield from walk(store, key)
        else:
            yield key


def delete_tree(store: Store, prefix: str) -> int:
    """Delete every value below `prefix`, one by one; return how many this call deleted.

    Readers may meet the half-deleted tree. `LocalStore.remove_tree` takes it away in one step.
    """
    return sum(store.delete(key) for key in list(walk(store, prefix)))
