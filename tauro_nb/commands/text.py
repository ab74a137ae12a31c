"""What a verb says where its words are its value: text that shows itself as it is written."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any


class Text(str):
    """A text that a notebook shows as lines, and not in quotes."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(str(self))


def counted(things: Sized, noun: str) -> str:
    """Return how many there are: ``1 run``, ``5,000 runs``."""
    return f"{len(things):,} {noun}" + ("" if len(things) == 1 else "s")
