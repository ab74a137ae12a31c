"""The optional wrapper around a file's entries: ``nodes:`` in the file of nodes, and so on."""

from __future__ import annotations

from typing import Any

_TELLING = {
    "pipelines": ("nodes",),
    "nodes": ("function",),
    "inputs": ("path", "format"),
    "outputs": ("path", "format"),
}
"""Keys that every entry must have, and that are no mappings: what holds one is an entry, no wrapper."""


def unwrapped(section: str, content: dict[Any, Any]) -> dict[Any, Any]:
    """Return the entries of a file of this `section`.

    The wrapper is one only where it stands alone at the top and does not itself read as an entry: a node may be
    called ``nodes``.
    """
    if section not in _TELLING or list(content) != [section]:
        return content
    inner = content[section]
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        return content
    is_entry = any(key in inner and not isinstance(inner[key], dict) for key in _TELLING[section])
    return content if is_entry else inner
