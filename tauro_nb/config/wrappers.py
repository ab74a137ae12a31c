"""The optional wrapper around a file's entries: ``nodes:`` in the file of nodes, and so on."""

from __future__ import annotations

from typing import Any

from tauro_nb.config.problems import Problem, bounded, found

TELLING = {
    "pipelines": ("nodes",),
    "nodes": ("function",),
    "inputs": ("path", "format"),
    "outputs": ("path", "format"),
}
"""Keys that every entry must have, and that are no mappings: what holds one is an entry, no wrapper."""


def unwrapped(section: str, content: dict[Any, Any], label: str, problems: list[Problem]) -> dict[Any, Any] | None:
    """Return the entries of a file of this `section`; None after noting why there are none to be had.

    The wrapper is one only where it stands alone at the top and does not itself read as an entry: a node may be
    called ``nodes``.
    """
    if section not in TELLING or section not in content:
        return content
    inner = content[section]
    if isinstance(inner, dict) and any(_tells(inner.get(key)) for key in TELLING[section]):
        return content
    if len(content) > 1:
        others = ", ".join(bounded(repr(key), 40) for key in content if key != section)
        fix = f"put {bounded(others)} below '{section}:', or remove that line and indent nothing"
        problems.append((f"{label}: {section}: wraps the file's entries, yet other keys stand beside it", fix))
        return None
    if inner is not None and not isinstance(inner, dict):
        problems.append(
            (f"{label}: {section}: found {found(inner)}, expected a mapping of names", "write 'name:' lines")
        )
        return None
    return inner or {}


def _tells(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)
