from __future__ import annotations

import copy
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.context import Context
from tauro_nb.config.credentials import Credentials
from tauro_nb.faces import Shown

TOKEN = "dapi0123456789"


@pytest.fixture
def context(project: Any) -> Context:
    project.write("base", "nodes", "train: {function: a.b}\ntest: {function: a.c}\n")
    project.write("dev", "nodes", "train: {retries: 1}\n")
    project.write("base", "pipelines", "p: {nodes: [train, test]}\n")
    loaded: Context = project.load(environ={"DATABRICKS_TOKEN": TOKEN, "DATABRICKS_HOST": "https://host"})
    return loaded


def test_a_context_shows_itself_on_one_line(context: Context) -> None:
    assert isinstance(context, Shown)
    assert repr(context) == f"Context('dev', root={str(context.root)!r}, 1 pipeline, 2 nodes, 0 inputs, 0 outputs)"


def test_a_context_is_frozen_and_equal_to_itself_only(context: Context) -> None:
    with pytest.raises(AttributeError):
        context.environment = "prod"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        context.nodes["train"].retries = 5  # type: ignore[misc]
    assert context == context  # noqa: PLR0124
    assert context != copy.copy(context)
    assert weakref.WeakKeyDictionary({context: 1})[context] == 1


def test_where_names_the_file_that_set_a_key_last(context: Context) -> None:
    assert context.where("nodes", "train", "function") == "config/base/nodes.yaml: nodes.train.function"
    assert context.where("nodes", "train", "retries") == "config/dev/nodes.yaml: nodes.train.retries"
    assert context.where("pipelines", "p", "nodes", 1) == "config/base/pipelines.yaml: pipelines.p.nodes[1]"


def test_the_token_is_in_no_text_and_no_pickle(context: Context) -> None:
    assert context.credentials.token == TOKEN
    for text in (repr(context), str(context), repr(context.credentials), repr(vars(context)), f"{context.settings}"):
        assert TOKEN not in text
    raw = pickle.dumps(context)
    assert TOKEN.encode() not in raw
    again = pickle.loads(raw)
    assert again.credentials == Credentials("https://host")
    assert again.nodes == context.nodes
    assert again.where("nodes", "train", "retries") == context.where("nodes", "train", "retries")
    assert copy.deepcopy(context).credentials.token is None


def test_a_bare_context_needs_no_files(tmp_path: Path) -> None:
    context = Context.bare(tmp_path, "./store", environment="notebook")
    assert context.storage_dir == tmp_path / "store"
    assert (context.environment, context.descriptor, dict(context.pipelines)) == ("notebook", None, {})
    assert context.where("nodes", "train") == "nodes.train"


def test_storage_paths_may_be_absolute_or_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Context.bare(tmp_path, "/data/store").storage_dir == Path("/data/store")
    assert Context.bare(tmp_path, "~/store").storage_dir == tmp_path / "home" / "store"
    assert Context.bare(tmp_path, "~nobody-of-this-name/x").storage_dir == tmp_path / "~nobody-of-this-name" / "x"


def test_the_root_of_a_bare_context_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Context.bare(".", "store").storage_dir == tmp_path / "store"
