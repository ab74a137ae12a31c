"""The JavaScript and CSS of the live views, read from the files beside this one."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

MODULES = (
    "dom.js",
    "format.js",
    "line.js",
    "mount.js",
    "panel.js",
    "curves.js",
    "looks.js",
    "going.js",
    "card.js",
    "stepwise.js",
    "pipeline.js",
    "sweep.js",
    "figure.js",
    "choices.js",
    "versions.js",
    "rows.js",
    "actions.js",
    "chooser.js",
    "grid.js",
    "explorer.js",
    "stale.js",
    "main.js",
)
"""What the page loads once, each after those that it imports."""


def text(name: str) -> str:
    """Return the text of one file."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def modules() -> tuple[tuple[str, str], ...]:
    """Return name and source of each of `MODULES`."""
    return tuple((name, text(name)) for name in MODULES)


@cache
def code_hash() -> str:
    """Return what names this edition of the code in a page: kernels with different editions do not meet."""
    return hashlib.sha256("".join(source for _, source in modules()).encode()).hexdigest()[:12]


def entry(name: str) -> str:
    """Return a module that a widget loads by itself, bound to this edition of the shared code."""
    return text(name).replace("CODE_HASH", code_hash())
