"""The stores that this process works with, so that a health check without a path knows what to look at."""

from __future__ import annotations

import threading
import weakref

from tauro_nb.store.protocol import Store

_lock = threading.Lock()
_opened: weakref.WeakValueDictionary[str, Store] = weakref.WeakValueDictionary()


def opened(store: Store) -> None:
    """Remember a store for as long as somebody works with it."""
    with _lock:
        _opened[store.location] = store


def stores() -> list[Store]:
    """Return the stores in use, by location."""
    with _lock:
        return [store for _, store in sorted(_opened.items())]
