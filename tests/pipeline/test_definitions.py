"""Functions that stand in for those of nodes, and nodes that no file has."""

from __future__ import annotations

import json

import pytest

from tauro_nb.errors import InjectionError, UnknownName
from tauro_nb.session import open_session, open_store

CODE = """
    def load(size=3): return list(range(size))
    def train(rows, rate=1): return sum(rows) * rate
    def last(trained): return -trained
"""
NODES = {
    "load": {"outputs": "rows"},
    "train": {"inputs": ["rows"], "outputs": "trained", "params": {"rate": 2}},
    "last": {"inputs": ["trained"]},
}


@pytest.fixture
def session(make_project, tmp_path):
    make_project(CODE, NODES)
    with open_session(tmp_path) as opened:
        yield opened


def test_a_function_stands_in_with_the_nodes_own_inputs_outputs_and_params(session):
    session.define("train", lambda rows, rate: [rate, *rows])
    assert session.run("p", nodes=["load", "train"]).results["train"] == [2, 0, 1, 2]
    session.forget("train")
    assert session.run("p").results["last"] == -6
    assert session.defined == {}


def test_files_that_are_edited_count_under_a_definition_too(session, tmp_path):
    session.define("train", lambda rows, rate, depth=0: (rate, depth), params={"depth": 5})
    nodes = {name: {"function": f"steps.{name}", **node} for name, node in NODES.items()}
    nodes["train"]["params"] = {"rate": 7}
    (tmp_path / "config" / "nodes_config.json").write_text(json.dumps(nodes))
    assert session.node("train") == (7, 5)


def test_a_node_that_no_file_has_takes_and_gives_datasets_of_the_names_it_uses(session):
    session.define("count", lambda rows, step=1: len(rows) // step)
    session.define(
        "told", lambda what, mark: f"{what}{mark}", inputs={"what": "count"}, params={"mark": "!"}, after=["load"]
    )
    assert session.context.pipelines["notebook"].nodes == ("count", "told")
    assert session.node("count") == 3
    assert session.run("notebook", params={"step": 3}).results == {"count": 1, "told": "1!"}


def test_a_new_node_can_join_a_pipeline_of_the_files(session):
    session.define("check", lambda trained: trained > 0, pipeline="p")
    assert session.run("p").results["check"] is True
    assert "notebook" not in session.context.pipelines


def test_several_outputs_are_parts_of_what_is_returned(session):
    session.define("pair", lambda rows: (rows[0], rows[-1]), outputs=["low", "high"])
    session.define("gap", lambda low, high: high - low)
    session.define("load", lambda: [5, 6, 9], pipeline="notebook")
    assert session.run("notebook").results["gap"] == 4


def test_a_definition_that_cannot_be_changes_nothing(session):
    before = session.context
    with pytest.raises(UnknownName, match="no node named 'laod'"):
        session.define("x", lambda: 1, after=["laod"])
    with pytest.raises(UnknownName, match="no defined node named 'train'"):
        session.forget("train")
    assert session.context is before
    assert session.defined == {}


def test_what_is_wrong_with_a_definition_is_placed_in_the_notebook(session):
    session.define("train", lambda rows, more, rate: rows)
    with pytest.raises(InjectionError, match=r"the notebook: nodes\.train: nothing fills the parameter 'more'"):
        session.node("train")


def test_the_graph_and_the_tracker_know_what_is_defined(session):
    def shifted(rows):
        return [row + 1 for row in rows]

    session.define("shifted", shifted)
    session.define("summed", sum, params={"start": 0}, inputs={"iterable": "shifted"})
    assert "def shifted(rows)" in session.defined["shifted"].source
    assert session.dag("notebook").plan.predecessors["summed"] == ("shifted",)


def test_a_store_without_a_project_runs_what_is_defined(tmp_path):
    with open_store(tmp_path / "runs") as session:
        session.define("one", lambda: 1)
        session.define("two", lambda one: one + 1)
        assert session.run("notebook").results == {"one": 1, "two": 2}
