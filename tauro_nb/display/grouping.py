"""Which metrics share a panel: those that are the same quantity, measured on different data."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPLITS = ("train", "training", "val", "valid", "validation", "test", "eval", "dev", "holdout")
_PREFIX = re.compile(rf"^(?P<split>{'|'.join(_SPLITS)})(?P<sep>[/_.\- ])(?P<quantity>.+)$", re.IGNORECASE)


def quantity(key: str) -> str:
    """Return what is measured: ``loss`` for ``train/loss``, ``val_loss`` and ``loss``."""
    found = _PREFIX.match(key)
    return found["quantity"] if found else key


def grouped(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return quantity -> keys, both in the order of their first appearance."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(quantity(key), []).append(key)
    return groups
