from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.config.schema import NodeConfig
from tauro_nb.errors import ConfigError, GraphCycle, UnknownName, UsageError
from tauro_nb.pipeline.graph import Edge, Plan, order, plan

DIAMOND = {
    "compare": {"inputs": ["model_a", "model_b"]},
    "train_a": {"inputs": ["data"], "outputs": "model_a"},
    "train_b": {"inputs": ["data"], "outputs": "model_b"},
    "load": {"outputs": "data"},
}


def configs(nodes):
    return {name: msgspec.convert({"function": "m.f", **node}, NodeConfig) for name, node in nodes.items()}


def ordered(nodes) -> Plan:
    return order("p", list(nodes), configs(nodes))


def test_a_node_runs_after_the_nodes_that_write_what_it_reads():
    found = ordered(DIAMOND)
    assert found.nodes == ("load", "train_a", "train_b", "compare")
    assert found.levels == (("load",), ("train_a", "train_b"), ("compare",))
    assert Edge("train_a", "compare", "model_a") in found.edges


def test_a_node_runs_after_its_dependencies():
    assert ordered({"report": {"dependencies": ["clean"]}, "clean": {}}).nodes == ("clean", "report")


def test_what_nothing_orders_keeps_the_order_of_the_list():
    assert ordered({name: {} for name in "dbca"}).nodes == tuple("dbca")


def test_every_kind_of_outputs_orders():
    for outputs in ("x", ["x"], ["y", "x"], {"key": "x"}):
        assert ordered({"reader": {"inputs": {"value": "x"}}, "writer": {"outputs": outputs}}).nodes[0] == "writer"


def test_a_cycle_is_told_with_its_path():
    with pytest.raises(GraphCycle) as told:
        ordered(
            {
                "a": {"inputs": ["z"], "outputs": "x"},
                "b": {"inputs": ["x"], "outputs": "y"},
                "c": {"dependencies": ["b"], "outputs": "z"},
            }
        )
    message = str(told.value)
    assert "a -> b (reads 'x') -> c (dependencies) -> a (reads 'z')" in message
    assert told.value.fix


def test_a_node_that_reads_what_it_writes_waits_for_itself():
    with pytest.raises(GraphCycle, match="a node waits for itself: a -> a"):
        ordered({"a": {"inputs": ["x"], "outputs": "x"}})


@given(st.data())
def test_every_order_respects_every_edge(data):
    names = [f"n{index}" for index in range(data.draw(st.integers(1, 12)))]
    nodes = {
        name: {"inputs": data.draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []}
        | {"outputs": name}
        for index, name in enumerate(names)
    }
    shuffled = data.draw(st.permutations(names))
    found = order("p", shuffled, configs(nodes))
    position = {name: index for index, name in enumerate(found.nodes)}
    assert sorted(found.nodes) == sorted(names)
    assert all(position[edge.before] < position[edge.after] for edge in found.edges)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"nodes": ["compare", "train_a"]}, ("train_a", "compare")),
        ({"nodes": "train_a"}, ("train_a",)),
        ({"from_node": "train_a"}, ("train_a", "compare")),
        ({"to_node": "train_a"}, ("load", "train_a")),
        ({"from_node": "load", "to_node": "train_b"}, ("load", "train_b")),
    ],
)
def test_slices(chosen, expected):
    assert ordered(DIAMOND).select(**chosen).nodes == expected


def test_what_came_after_another_by_way_of_a_node_left_out_still_does():
    chain = ordered({"a": {"outputs": "x"}, "b": {"inputs": ["x"], "outputs": "y"}, "c": {"inputs": ["y"]}})
    assert chain.select(["a", "c"]).predecessors == {"a": (), "c": ("a",)}


def test_a_slice_that_makes_no_sense_is_refused():
    whole = ordered(DIAMOND)
    with pytest.raises(UnknownName) as told:
        whole.select(["trian_a"])
    assert told.value.fix == "did you mean 'train_a'?"
    with pytest.raises(UsageError, match="no node lies between"):
        whole.select(from_node="train_a", to_node="train_b")
    with pytest.raises(UsageError, match="given together"):
        whole.select(["load"], to_node="load")
    with pytest.raises(UsageError, match="empty"):
        whole.select([])


def test_an_unknown_pipeline_is_told_with_a_near_name(make_project):
    with pytest.raises(UnknownName) as told:
        plan(make_project("", {"a": {}}, pipelines={"training": ["a"]}), "trainign")
    assert told.value.fix == "did you mean 'training'?"


def test_all_that_is_wrong_with_a_pipelines_names_is_told_at_once(make_project):
    context = make_project(
        "",
        {"load": {"outputs": "x"}, "train": {"outputs": "x", "dependencies": ["laod"]}},
        pipelines={"p": ["load", "train", "trian", "load"]},
    )
    with pytest.raises(ConfigError) as told:
        plan(context, "p")
    messages = [message for message, _ in told.value.problems]
    assert len(messages) == 4
    assert any("no node named 'trian'" in message and "config/pipelines_config.json" in message for message in messages)
    assert any("no node named 'laod'" in message and "nodes.train.dependencies" in message for message in messages)
    assert any("stands here twice" in message for message in messages)
    assert any("'train' and 'load' both write 'x'" in message for message in messages)


def test_two_nodes_may_append_to_one_dataset(make_project):
    context = make_project(
        "",
        {"a": {"outputs": "log"}, "b": {"outputs": "log"}, "c": {"inputs": ["log"]}},
        outputs={"log": {"path": "log.jsonl", "format": "jsonl", "write_mode": "append"}},
    )
    assert plan(context, "p").predecessors["c"] == ("a", "b")


def test_a_dependency_outside_of_the_pipeline_asks_for_nothing(make_project):
    context = make_project("", {"a": {}, "b": {"dependencies": ["a"]}}, pipelines={"p": ["b"]})
    assert plan(context, "p").nodes == ("b",)
