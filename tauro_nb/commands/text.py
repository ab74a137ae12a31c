"""What a verb says where its words are its value: text that shows itself as it is written."""

from __future__ import annotations

from typing import Any


class Text(str):
    """A text that a notebook shows as lines, and not in quotes."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(str(self))
