"""Which file said what: the layers of each section, how they are merged, and who set a key last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tauro_nb.config.problems import dotted

Keys = tuple[Any, ...]
"""The way to a value, from the outside in: names, and the indices of lists."""

_PREFIX: dict[str, tuple[str, ...]] = {"settings": (), "descriptor": ()}


class Layer(msgspec.Struct, frozen=True):
    """What one file says of one section, without the section's wrapper; variables are not filled in."""

    label: str
    tree: dict[Any, Any]
    is_file: bool = True
    """False: a variable that sets one key, and is no place for others."""


def merge(base: Any, over: Any) -> Any:
    """Return `base` with `over` merged into it: mappings deeply, all else replaced; neither is changed."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    merged = dict(base)
    for key, value in over.items():
        merged[key] = merge(base[key], value) if key in base else value
    return merged


class Origins(msgspec.Struct, frozen=True):
    """The layers of every section, lowest first."""

    layers: Mapping[str, tuple[Layer, ...]] = {}

    def merged(self, section: str) -> dict[Any, Any]:
        """Return the content of `section`, variables not filled in."""
        content: dict[Any, Any] = {}
        for layer in self.layers.get(section, ()):
            content = merge(content, layer.tree)
        return content

    def where(self, section: str, *keys: Any) -> str:
        """Return the address of a key with the file that set it last.

        A key that no file sets is placed in the file that set the nearest one above it.
        """
        address = dotted((*_PREFIX.get(section, (section,)), *keys))
        nearest, most = "", -1
        for layer in reversed(self.layers.get(section, ())):
            depth, hides = _reach(layer.tree, keys)
            if depth > most and (layer.is_file or depth == len(keys)):
                nearest, most = layer.label, depth
            if hides:
                break
        return ": ".join(filter(None, (nearest, address)))


def lookup(tree: Any, keys: Keys) -> Any:
    """Return the value under `keys`; raise LookupError where there is none."""
    for key in keys:
        if not isinstance(tree, dict | list) or (isinstance(tree, list) and not isinstance(key, int)):
            raise KeyError(key)
        tree = tree[key]
    return tree


def _reach(tree: Any, keys: Keys) -> tuple[int, bool]:
    """Return how many of `keys` lead into `tree`, and whether it hides what lower layers say there."""
    depth, hides = 0, False
    for depth in range(len(keys) + 1):
        hides = hides or not isinstance(tree, dict)
        if depth == len(keys):
            return depth, True
        try:
            tree = lookup(tree, keys[depth : depth + 1])
        except LookupError:
            break
    return depth, hides
