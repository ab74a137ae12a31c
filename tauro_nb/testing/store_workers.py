"""What the store contract lets other processes do; apart from it, so that they start without pytest."""

from __future__ import annotations

from collections.abc import Callable

from tauro_nb.store.protocol import Store


def race(racer: int, opener: Callable[[], Store], keys: list[str]) -> list[bool]:
    """Create every key with a value that names the racer; return what each call told."""
    store = opener()
    return [store.create(key, f"{racer} {key}".encode()) for key in keys]


def write_or_read(number: int, opener: Callable[[], Store], turns: int) -> list[str]:
    """Write whole values of one letter as process 0; as any other read, and return what was no such value."""
    store = opener()
    parts = []
    for turn in range(turns):
        if number == 0:
            store.put("changing", bytes([65 + turn % 3]) * (200_000 + turn % 2))
        else:
            value = store.get("changing")
            if len(value) not in (200_000, 200_001) or set(value) not in ({65}, {66}, {67}):
                parts.append(f"{len(value)} bytes of {set(value)}")
    return parts


def list_names(_: int, opener: Callable[[], Store], prefix: str) -> list[str]:
    """Return the names directly under `prefix`."""
    return [entry.name for entry in opener().list(prefix)]
