"""Which form objects show themselves in: live widget, script-free HTML or plain text.

``auto`` picks the best that the front end can show. What was chosen with `pin`, as ``%config`` does, wins over the
environment variable ``TAURO_DISPLAY``, and this over what was chosen with `use`, as ``%tauro`` does for the project it
works in.
"""

from __future__ import annotations

import os

from tauro_nb.errors import UnknownName

TIERS = ("auto", "live", "html", "text")

_chosen = "auto"
_pinned: str | None = None


def use(name: str) -> None:
    """Choose the tier for this process.

    Raises
    ------
    UnknownName
        There is no such tier.
    """
    global _chosen  # noqa: PLW0603 - one choice per process, as the front end is one
    _chosen = _checked(name)


def pin(name: str | None) -> None:
    """Choose the tier whatever else says; None: not any more.

    Raises
    ------
    UnknownName
        There is no such tier.
    """
    global _pinned  # noqa: PLW0603 - as above
    _pinned = None if name is None else _checked(name)


def current() -> str:
    """Return the tier in force: one of `TIERS`."""
    return _checked(_pinned or os.environ.get("TAURO_DISPLAY") or _chosen)


def deterministic() -> bool:
    """Whether every output must be the same each time: ``TAURO_DETERMINISTIC=1``, set for nbval by the plugin."""
    return os.environ.get("TAURO_DETERMINISTIC", "") not in ("", "0")


def _checked(name: str) -> str:
    if name not in TIERS:
        raise UnknownName.among("display tier", name, TIERS)
    return name
