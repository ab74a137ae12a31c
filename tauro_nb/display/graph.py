"""A graph as SVG, and as a table where there are no pictures.

The state of a node is its word and a mark; the colour only repeats it.
"""

from __future__ import annotations

import base64

from tauro_nb.display.data import Cell, Column, Graph, Table
from tauro_nb.display.layers import Place, place
from tauro_nb.display.palette import GREY, STATES
from tauro_nb.display.svg import label

NODE_WIDTH, GAP, ROW_GAP, EDGE = 164.0, 14.0, 30.0, 6.0
MOST_IN_A_ROW = 6
MOST_NODES = 500
"""Nodes that are drawn."""

LONGEST_NAME = 23

_MARKS = {"FINISHED": "✓", "FAILED": "✗", "RUNNING": "▶", "INTERRUPTED": "‖", "SKIPPED": "–", "PENDING": "·"}


def image(graph: Graph) -> str:
    """Return the picture as a ``data:`` address for an ``<img>``."""
    return "data:image/svg+xml;base64," + base64.b64encode(draw(graph).encode()).decode()


def describe(graph: Graph) -> str:
    """Return what the picture tells, in a sentence."""
    count = len(graph.nodes)
    told = f"Graph of {graph.title}: {count:,} node{'' if count == 1 else 's'}"
    states = [node.state for node in graph.nodes if node.state]
    counts = ", ".join(f"{states.count(state):,} {state}" for state in dict.fromkeys(states))
    return f"{told}; {counts}" if counts else told


def table(graph: Graph) -> Table:
    """Return the nodes in their order, each with its state and those that it waits for."""
    before: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for upper, lower in graph.edges:
        before[lower].append(upper)
    has_states = any(node.state for node in graph.nodes)
    heads = (Column("node", yields=0), *((Column("state"),) if has_states else ()), Column("after"))
    rows = tuple(
        (
            Cell(node.name, kind="strong"),
            *((_state(node.state),) if has_states else ()),
            Cell(", ".join(before[node.name]), kind="muted"),
        )
        for node in graph.nodes
    )
    return Table(heads, rows, empty="no nodes")


def draw(graph: Graph) -> str:
    """Return the graph as an SVG document."""
    nodes = graph.nodes[:MOST_NODES]
    names = [node.name for node in nodes]
    known = set(names)
    edges = [edge for edge in dict.fromkeys(graph.edges) if known.issuperset(edge)]
    placed = place(names, edges, node_width=NODE_WIDTH, gap=GAP, most=MOST_IN_A_ROW)
    height = 42.0 if any(node.state for node in nodes) else 28.0
    whole = EDGE * 2 + placed.depth * (height + ROW_GAP) - ROW_GAP
    width = placed.width + 2 * EDGE
    rest = len(graph.nodes) - len(nodes)
    high = whole + (18 if rest else 0)
    size = f'width="{width:.0f}" height="{high:.0f}" viewBox="0 0 {width:.0f} {high:.0f}"'
    font = f'font-family="system-ui, sans-serif" font-size="12" fill="{GREY}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>']
    parts += [_edge(way, height) for way in placed.edges]
    for node in nodes:
        parts.append(_node(node.name, node.state, placed.nodes[node.name], height))
    if rest:
        parts.append(f'<text x="{EDGE}" y="{whole + 12:.0f}">{rest:,} more nodes</text>')
    return "".join([*parts, "</svg>"])


def _state(state: str) -> Cell:
    return Cell(state, kind=f"state:{state}") if state else Cell("")


def _top(layer: int, height: float) -> float:
    return EDGE + layer * (height + ROW_GAP)


def _node(name: str, state: str, at: Place, height: float) -> str:
    left, top = at[0] - NODE_WIDTH / 2 + EDGE, _top(at[1], height)
    colour = STATES.get(state, GREY)
    dash = ' stroke-dasharray="4 3"' if state in ("SKIPPED", "PENDING") else ""
    middle = left + NODE_WIDTH / 2
    box = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{NODE_WIDTH:.0f}" height="{height:.0f}" rx="5" fill="{colour}" '
        f'fill-opacity=".12" stroke="{colour}" stroke-width="1.5"{dash}/>'
        f'<text x="{middle:.1f}" y="{top + 18:.1f}" text-anchor="middle">{label(name, LONGEST_NAME)}</text>'
    )
    if not state:
        return box
    told = f"{_MARKS.get(state, '')} {state}".strip()
    look = f'text-anchor="middle" font-size="10" fill="{colour}"'
    return f'{box}<text x="{middle:.1f}" y="{top + 34:.1f}" {look}>{label(told, 20)}</text>'


def _edge(way: tuple[Place, ...], height: float) -> str:
    x, y = way[0][0] + EDGE, _top(way[0][1], height) + height
    steps = [f"M{x:.1f} {y:.1f}"]
    for to_x, layer in way[1:]:
        end_x, end_y = to_x + EDGE, _top(layer, height)
        half = (y + end_y) / 2
        steps.append(f"C{x:.1f} {half:.1f} {end_x:.1f} {half:.1f} {end_x:.1f} {end_y:.1f}")
        x, y = end_x, end_y + height
        if (to_x, layer) != way[-1]:
            steps.append(f"V{y:.1f}")
    end = f"{way[-1][0] + EDGE:.1f} {_top(way[-1][1], height):.1f}"
    path = "".join(steps)
    return (
        f'<path d="{path}" fill="none" stroke="{GREY}" stroke-opacity=".7"/><path d="M{end}l-3.5 -6h7z" fill="{GREY}"/>'
    )
