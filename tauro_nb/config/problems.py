"""How a problem of configuration is told: where, what was found, what is expected, how to mend it; never at length."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

Problem = tuple[str, str | None]
"""A message that names file and dotted key, and its mend."""

DEEPEST = 200
"""How many levels of nesting a file may have."""

_WIDTH = 80


def bounded(text: str, width: int = _WIDTH) -> str:
    """Return `text` on one line, cut to `width` characters."""
    line = " ".join(text[: width * 4].split())
    return line if len(line) <= width else line[: width - 3] + "..."


def kind_of(value: Any) -> str:
    """Return what a person calls the type of `value`."""
    if value is None:
        return "nothing"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (dict, "a mapping"),
        ((list, tuple), "a list"),
        (dt.date, "a date"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def found(value: Any) -> str:
    """Return `value` as an error shows it, with its type."""
    if value is None or isinstance(value, dict | list | tuple):
        return kind_of(value)
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{bounded(shown)} ({kind_of(value)})"


def dotted(keys: tuple[Any, ...]) -> str:
    """Return `keys` as one address: ``nodes.train.inputs``, ``inputs.customers.schema[0].type``."""
    text = ""
    for key in keys:
        if isinstance(key, int) and not isinstance(key, bool):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + bounded(str(key), 60)
    return bounded(text, 200)


def shown_path(path: Path, root: Path) -> str:
    """Return `path` as messages name it: relative to the project's root where it lies in it."""
    return bounded(path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path), 300)
