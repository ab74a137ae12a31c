"""Types that msgspec decodes or converts to: one thread has it learn the fields of each.

It learns them with the first value of a type, and two threads that have it do so at once crash the process.
"""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_learnt: set[Any] = set()
_learning: threading.RLock


def _reset() -> None:
    global _learning  # noqa: PLW0603 - in a forked child nobody would free a lock that another thread held
    _learning = threading.RLock()


_reset()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


def known(kind: type[T]) -> type[T]:
    """Return a type that msgspec is to decode or convert to, after it has learnt its fields."""
    if kind not in _learnt:
        with _learning:
            msgspec.json.Decoder(kind)
            _learnt.add(kind)
    return kind
