from __future__ import annotations

import json

import pytest

from tauro_nb.config.descriptor import AppConfigManager
from tauro_nb.config.loader import ContextLoader
from tauro_nb.config.names import declared

USUAL = """
# the nodes
---
first:
  function: steps.first   # with a note
  description: |
    second: no name
  params: {rate: 0.1, other: 2}

"quoted name":
  function: steps.quoted
'single':
  function: steps.single
with space: {function: steps.space}
ünïcode-1.b:
  function: steps.unicode
"""
WRITTEN = {
    "usual": USUAL,
    "wrapped": "nodes:\n" + "".join(f"    {line}\n" for line in USUAL.splitlines() if line != "---"),
    "a node that is called as the wrapper": "nodes:\n  function: steps.nodes\n",
    "empty": "",
    "all comments": "# nothing\n",
    "in braces": "{a: {function: steps.a}, b: {function: steps.b}}",
    "braces in the wrapper": "nodes: {a: {function: steps.a}}",
    "over several lines": "a: {\n  function: steps.a\n}\n",
    "merged": "a: &a\n  function: steps.a\nb:\n  <<: *a\n",
    "merged at the top": "<<: {a: {function: steps.a}}\nb: {function: steps.b}\n",
}


def project(root, text, suffix="yaml", dev=None):
    (root / "config").mkdir()
    (root / "config" / f"nodes.{suffix}").write_text(text, encoding="utf-8")
    files = {"nodes_config_path": f"config/nodes.{suffix}"}
    own = {}
    if dev is not None:
        (root / "config" / "dev.yaml").write_text(dev, encoding="utf-8")
        own = {"nodes_config_path": "config/dev.yaml"}
    content = {"env_config": {"base": files, "dev": own}}
    (root / "settings_json.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def loaded(root):
    paths = AppConfigManager(root).get_env_config("dev")
    return list(ContextLoader(environ={}).load_from_paths(paths, "dev").nodes)


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_the_names_are_those_that_are_loaded_or_left_to_loading(tmp_path, text):
    root = project(tmp_path, text)
    assert declared(root, "dev", "nodes") in (loaded(root), None)


@pytest.mark.parametrize("text", ["usual", "wrapped", "empty", "merged"])
def test_what_is_written_as_usual_is_not_left_to_loading(tmp_path, text):
    assert declared(project(tmp_path, WRITTEN[text]), "dev", "nodes") is not None


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_is_read_too(tmp_path, wrapped):
    nodes = {"a": {"function": "steps.a"}, "b": {"function": "steps.b"}}
    root = project(tmp_path, json.dumps({"nodes": nodes} if wrapped else nodes), "json")
    assert declared(root, "dev", "nodes") == ["a", "b"] == loaded(root)


def test_an_environments_own_names_come_to_those_of_base(tmp_path):
    root = project(tmp_path, "a:\n  function: steps.a\n", dev="b:\n  function: steps.b\na:\n  retries: 1\n")
    assert declared(root, "dev", "nodes") == ["a", "b"] == loaded(root)
    assert declared(root, "base", "nodes") == ["a"]


def test_an_entry_that_is_wrong_has_a_name_all_the_same(tmp_path):
    assert declared(project(tmp_path, "a:\n  functoin: x\nb: 3\n"), "dev", "nodes") == ["a", "b"]


def test_a_section_without_a_file_has_no_names(tmp_path):
    assert declared(project(tmp_path, USUAL), "dev", "pipelines") == []
