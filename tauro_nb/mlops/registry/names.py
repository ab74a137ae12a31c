r"""What a model and an alias may be called, and how a version is referred to.

One rule for both: 1 to 250 printable characters, none of ``/ \ : @``, no space at either end, and not dots alone.
``@`` stands between a name and an alias (``churn-predictor@champion``); the others separate paths and addresses, here
and in MLflow. Whatever the rule admits (``CON``, an emoji) gets a folder of its own by `tauro_nb.store.keys.segment`.
Names are kept in Unicode's composed form (NFC), so that an accent that was typed in two ways is one name.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from tauro_nb.errors import InvalidModelName, ModelNotFound, UnknownName, UsageError
from tauro_nb.mlops.registry.records import STAGES

NAME_CHARS = 250
SEPARATORS = "/\\:@"

ADDRESS = "models:/"
"""How an address of MLflow's begins."""

_FIX = f"use 1 to {NAME_CHARS} printable characters, none of {' '.join(SEPARATORS)}"
_ADDRESS_FIX = "this is an address of MLflow's: give the name alone, and version=3, stage= or alias= beside it"


def checked(name: Any, kind: str = "model name") -> str:
    """Return `name` as it is kept.

    Raises
    ------
    InvalidModelName
    """
    if not isinstance(name, str):
        raise InvalidModelName(f"{kind} {name!r} is a {type(name).__name__}, not text", fix=_FIX)
    kept = composed(name)
    problem = _problem(kept)
    if problem:
        shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}..."
        raise InvalidModelName(f"{kind} {shown} {problem}", fix=_ADDRESS_FIX if name.startswith(ADDRESS) else _FIX)
    return kept


def composed(name: str) -> str:
    """Return `name` with its accents as they are kept, however they were typed."""
    return unicodedata.normalize("NFC", name)


def checked_stage(stage: Any) -> str | None:
    """Return `stage` if it is one of the three, or None.

    Raises
    ------
    UnknownName
    """
    if stage is not None and stage not in STAGES:
        raise UnknownName.among("stage", str(stage), STAGES)
    return None if stage is None else str(stage)


def checked_number(version: Any) -> int:
    """Return a version's number; ``"3"`` counts as 3.

    Raises
    ------
    ModelNotFound
        Numbers start at 1.
    UsageError
        It is no whole number.
    """
    if isinstance(version, str) and version.strip().isdecimal():
        version = int(version)
    try:
        number = int(version.__index__())
    except (AttributeError, TypeError):
        raise UsageError(
            f"version {version!r} is no whole number",
            fix="give the number of the version, such as 3; what loads a version takes stage= and alias= too",
        ) from None
    if isinstance(version, bool) or number < 1:
        raise ModelNotFound(f"there is no version {version!r}", fix="versions are counted from 1")
    return number


def split(reference: str, alias: str | None) -> tuple[str, str | None]:
    """Return name and alias out of ``"name"`` or ``"name@alias"``.

    Raises
    ------
    UsageError
        An alias is given twice.
    """
    alias = alias if alias is None else composed(alias)
    if not isinstance(reference, str) or "@" not in reference:
        return checked(reference), alias
    name, _, written = composed(reference).rpartition("@")
    if alias is not None and alias != written:
        raise UsageError(
            f"{reference!r} names the alias {written!r}, and alias={alias!r} another", fix="give one of them"
        )
    return checked(name), written


def _problem(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if len(name) > NAME_CHARS:
        return f"has {len(name)} characters"
    if not name.isprintable():
        return "has characters that cannot be printed"
    if found := [each for each in SEPARATORS if each in name]:
        return f"has the character {found[0]!r}"
    if name != name.strip():
        return "begins or ends with a space"
    if not name.strip("."):
        return "is made of dots alone"
    return None
