from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tauro_nb.config.origins import Layer, Origins, merge

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=3)
trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | leaves, max_size=3),
    max_leaves=12,
)


def paths(tree: Any, keys: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict) and tree:
        return [found for key, value in tree.items() for found in paths(value, (*keys, key))]
    return [(keys, tree)]


def at(tree: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        tree = tree[key]
    return tree


@settings(deadline=None)
@given(trees, trees)
def test_all_that_the_upper_layer_says_holds(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    for keys, value in paths(over):
        if value != {}:
            assert at(merged, keys) == value


@settings(deadline=None)
@given(trees, trees)
def test_all_that_the_upper_layer_leaves_alone_stays(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    for key in base.keys() - over.keys():
        assert merged[key] == base[key]
    assert merged.keys() == base.keys() | over.keys()


@settings(deadline=None)
@given(trees)
def test_an_empty_layer_and_the_same_layer_change_nothing(tree: dict[str, Any]) -> None:
    assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree


@settings(deadline=None)
@given(trees, trees)
def test_merging_changes_neither_layer(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    merge(base, over)
    assert (base, over) == before


@settings(deadline=None)
@given(trees, trees)
def test_where_names_the_layer_that_said_it_last(base: dict[str, Any], over: dict[str, Any]) -> None:
    origins = Origins({"nodes": (Layer("base.yaml", base), Layer("dev.yaml", over))})
    over_keys = {keys for keys, _ in paths(over) if keys}
    for keys, _ in paths(origins.merged("nodes")):
        if keys:
            expected = "dev.yaml" if keys in over_keys else "base.yaml"
            told = origins.where("nodes", *keys)
            if at(origins.merged("nodes"), keys) != {}:
                assert told == f"{expected}: nodes.{'.'.join(keys)}"


def test_lists_and_scalars_are_replaced_and_mappings_are_not() -> None:
    base = {"a": [1, 2], "b": {"c": 1, "d": {"e": 1}}, "f": {"g": 1}}
    over = {"a": [3], "b": {"c": {"x": 1}, "d": {"h": 2}}, "f": None}
    assert merge(base, over) == {"a": [3], "b": {"c": {"x": 1}, "d": {"e": 1, "h": 2}}, "f": None}


def test_a_key_that_nobody_set_is_placed_where_the_nearest_above_it_is() -> None:
    origins = Origins({"nodes": (Layer("base.yaml", {"train": {"function": "a"}}), Layer("dev.yaml", {"other": {}}))})
    assert origins.where("nodes", "train", "retries") == "base.yaml: nodes.train.retries"
    assert origins.where("nodes", "unheard") == "dev.yaml: nodes.unheard"
    assert origins.where("settings", "mlops") == "mlops"


def test_what_an_upper_layer_replaces_is_not_placed_below_it() -> None:
    base = {"customers": {"schema": [{"name": "age", "type": "integer"}], "options": {"sep": ";"}}}
    dev = {"customers": {"schema": [{"typ": "integer"}], "options": None}}
    origins = Origins({"inputs": (Layer("base.yaml", base), Layer("dev.yaml", dev))})
    assert origins.where("inputs", "customers", "schema", 0, "name") == "dev.yaml: inputs.customers.schema[0].name"
    assert origins.where("inputs", "customers", "options", "sep") == "dev.yaml: inputs.customers.options.sep"


def test_indices_of_lists_are_in_brackets() -> None:
    tree = {"customers": {"schema": [{"name": "age"}]}}
    origins = Origins({"inputs": (Layer("input.yaml", tree),)})
    told = origins.where("inputs", "customers", "schema", 0, "name")
    assert told == "input.yaml: inputs.customers.schema[0].name"


@settings(deadline=None)
@given(st.lists(st.text(max_size=2000), min_size=1, max_size=20))
def test_an_address_is_never_long(keys: list[str]) -> None:
    assert len(Origins({"nodes": (Layer("n.yaml", {}),)}).where("nodes", *keys)) <= 210
