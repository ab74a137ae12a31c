"""Where the nodes of a graph stand: in layers from above, with few crossings, after Sugiyama, Tagawa and Toda (1981).

An edge over several layers goes through a point in each of them, so that it runs between the nodes. The order within a
layer comes from the means of the neighbours' places; the places are then as near to those means as the room that each
needs allows (isotonic regression by pooling). The same graph gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

SWEEPS = 6
MOST_POINTS = 4_000
"""Points of long edges; where there would be more, long edges go straight."""

PULL = 0.95
"""How far a place goes to its neighbours' mean from the middle: all are pulled there a little, or deep graphs drift."""

Place = tuple[float, int]
"""How far to the right, and the layer."""


class Placed(msgspec.Struct, frozen=True):
    """A graph with its places."""

    nodes: Mapping[str, Place]
    """The middle of each, from 0 to the right."""
    edges: tuple[tuple[Place, ...], ...]
    """The way of each edge, from one node to the other."""
    width: float
    depth: int
    """Layers."""


def place(
    names: Sequence[str], edges: Sequence[tuple[str, str]], *, node_width: float, gap: float, most: int
) -> Placed:
    """Return where nodes stand.

    Parameters
    ----------
    names : sequence of str
        In an order in which no node comes before one that it waits for.
    edges : sequence of (before, after)
    most : int
        Nodes in one layer; of more, several layers are made.
    """
    layer = _layers(names, edges, most)
    rows: list[list[int]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    number = {name: index for index, name in enumerate(names)}
    for name in names:
        rows[layer[name]].append(number[name])
    spans = sum(layer[after] - layer[before] - 1 for before, after in edges)
    ways: list[list[int]] = []
    count = len(names)
    for before, after in edges:
        way = [number[before]]
        for between in range(layer[before] + 1, layer[after]) if spans <= MOST_POINTS else ():
            rows[between].append(count)
            way.append(count)
            count += 1
        ways.append([*way, number[after]])
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for way in ways:
        for upper, lower in pairwise(way):
            below[upper].append(lower)
            above[lower].append(upper)
    need = [node_width + gap if index < len(names) else gap for index in range(count)]
    x = _placed(rows, above, below, need)
    row_of = {item: index for index, row in enumerate(rows) for item in row}
    left = min((x[index] for index in range(len(x))), default=0.0)
    shifted = [value - left + node_width / 2 for value in x]
    return Placed(
        {name: (shifted[number[name]], layer[name]) for name in names},
        tuple(tuple((shifted[item], row_of[item]) for item in way) for way in ways),
        max(shifted, default=0.0) + node_width / 2,
        len(rows),
    )


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]], most: int) -> dict[str, int]:
    before: dict[str, list[str]] = {name: [] for name in names}
    for upper, lower in edges:
        before[lower].append(upper)
    depth: dict[str, int] = {}
    for name in names:
        depth[name] = max((depth[upper] + 1 for upper in before[name]), default=0)
    layers: dict[str, int] = {}
    start = 0
    for level in range(max(depth.values(), default=-1) + 1):
        members = [name for name in names if depth[name] == level]
        for index, name in enumerate(members):
            layers[name] = start + index // most
        start += -(-len(members) // most)
    return layers


def _placed(
    rows: list[list[int]], above: Sequence[Sequence[int]], below: Sequence[Sequence[int]], need: Sequence[float]
) -> list[float]:
    x = [0.0] * len(need)
    for row in rows:
        _settle(row, [0.0] * len(row), need, x)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {item: _mean(above[item] if down else below[item], x, x[item]) for item in row}
            row.sort(key=lambda item: wanted[item])
            _settle(row, [wanted[item] for item in row], need, x)
    return x


def _mean(items: Sequence[int], x: Sequence[float], otherwise: float) -> float:
    return PULL * sum(x[item] for item in items) / len(items) if items else otherwise


def _settle(row: Sequence[int], wanted: Sequence[float], need: Sequence[float], x: list[float]) -> None:
    """Give the items of a row, in their order, the places nearest to `wanted` that leave each the room it needs."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (need[left] + need[right]) / 2)
    pools: list[tuple[float, int]] = []
    for target, offset in zip(wanted, offsets, strict=False):
        total, size = target - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            more, members = pools.pop()
            total, size = total + more, size + members
        pools.append((total, size))
    base = [total / size for total, size in pools for _ in range(size)]
    for item, at, offset in zip(row, base, offsets, strict=False):
        x[item] = at + offset
