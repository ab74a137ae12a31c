"""Pipelines as pictures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.config.schema import NodeConfig
from tauro_nb.display import graph, html, text
from tauro_nb.display.data import Graph, Page, Vertex
from tauro_nb.display.layers import place
from tauro_nb.pipeline.dag import Dag
from tauro_nb.pipeline.graph import order
from tauro_nb.pipeline.report import NodeStatus

SVG = "{http://www.w3.org/2000/svg}"


def dag_of(edges, states=None):
    """Return the graph of edges; one that has a single end is a node alone."""
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    before = {name: tuple(edge[0] for edge in edges if edge[1:] == (name,)) for name in names}
    nodes = {name: NodeConfig(function="m.f", dependencies=before[name]) for name in names}
    return Dag(order("p", names, nodes), states or {})


def chain(count):
    return [(f"n{i}", f"n{i + 1}") for i in range(count - 1)]


@st.composite
def acyclic(draw):
    count = draw(st.integers(1, 40))
    names = [f"n{i}" for i in range(count)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = draw(st.lists(pairs, max_size=80, unique=True)) if count > 1 else []
    return names, [(names[a], names[b]) for a, b in edges]


@given(acyclic())
def test_no_two_nodes_overlap_and_every_edge_goes_down(drawn):
    names, edges = drawn
    placed = place(names, edges, node_width=100, gap=10, most=6)
    for row in range(placed.depth):
        across = sorted(x for x, layer in placed.nodes.values() if layer == row)
        assert len(across) <= 6
        assert all(right - left >= 110 - 1e-6 for left, right in pairwise(across))
    assert all(50 - 1e-6 <= x <= placed.width - 50 + 1e-6 for x, _ in placed.nodes.values())
    for (before, after), way in zip(edges, placed.edges, strict=True):
        assert way[0] == placed.nodes[before]
        assert way[-1] == placed.nodes[after]
        assert [layer for _, layer in way] == list(range(way[0][1], way[-1][1] + 1))


def test_a_diamond_is_symmetric():
    placed = place("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], node_width=100, gap=20, most=6)
    assert placed.nodes == {"a": (110, 0), "b": (50, 1), "c": (170, 1), "d": (110, 2)}


@pytest.mark.parametrize("edges", [[("only",)], chain(300), [("a", f"n{i}") for i in range(299)]])
def test_one_node_and_three_hundred_are_drawn_whole(edges):
    dag = dag_of(edges)
    root = ET.fromstring(dag.svg)
    assert len(root.findall(f"{SVG}rect")) == len(dag.plan.nodes)
    width, height = float(root.get("width")), float(root.get("height"))
    for rect in root.findall(f"{SVG}rect"):
        left, top = float(rect.get("x")), float(rect.get("y"))
        assert 0 <= left <= width - float(rect.get("width"))
        assert 0 <= top <= height - float(rect.get("height"))


def test_a_state_is_a_word_and_a_mark_and_not_its_colour_alone():
    states = {"a": NodeStatus.FINISHED, "b": NodeStatus.FAILED, "c": NodeStatus.SKIPPED}
    drawn = dag_of([("a", "b"), ("b", "c")], states).svg
    for told in ("✓ FINISHED", "✗ FAILED", "– SKIPPED"):
        assert f">{told}</text>" in drawn
    shown = text.render(Page(title="p", sections=(graph_of(states),)))
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["node", "state", "after"],
        ["a", "FINISHED"],
        ["b", "FAILED", "a"],
        ["c", "SKIPPED", "b"],
    ]


def graph_of(states):
    return Graph("p", tuple(Vertex(name, state.value) for name, state in states.items()), (("a", "b"), ("b", "c")))


def test_names_are_escaped_and_cut():
    hostile = "<script>alert('x')</script>" + "y" * 50
    dag = dag_of([(hostile, "b")])
    drawn = dag.svg
    ET.fromstring(drawn)
    assert "<script>" not in drawn
    assert "…" in drawn
    bundle = dag._repr_mimebundle_()
    assert "<script>" not in bundle["text/html"]
    assert hostile.partition("y")[0] in bundle["text/plain"]


def test_a_picture_tells_what_it_shows_to_who_does_not_see_it():
    states = {"a": NodeStatus.FINISHED, "b": NodeStatus.FINISHED, "c": NodeStatus.FAILED}
    shown = html.render(Page(title="p", sections=(graph_of(states),)))
    assert re.search('alt="([^"]*)"', shown)[1] == "Graph of p: 3 nodes; 2 FINISHED, 1 FAILED"


def test_of_very_many_nodes_the_first_are_drawn():
    many = Graph("p", tuple(Vertex(f"n{i}") for i in range(graph.MOST_NODES + 7)), ())
    assert ">7 more nodes</text>" in graph.draw(many)


def test_a_plan_shows_itself_as_its_graph_and_the_same_each_time():
    plan = dag_of(chain(4)).plan
    first, second = plan._repr_mimebundle_(), plan._repr_mimebundle_()
    assert first == second
    assert "data:image/svg+xml;base64," in first["text/html"]
