from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.errors import UsageError
from tauro_nb.mlflow_plugin import address
from tauro_nb.store.local import LocalStore

NAMES = st.text(st.characters(exclude_characters="/\\:@\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@pytest.fixture
def root(tmp_path: Path) -> str:
    folder = tmp_path / "runs" / "größe 100%#?" / "artifacts"
    LocalStore(folder).put("logs/x", b"")
    return str(folder)


def test_an_address_of_a_store_names_its_folder():
    assert address.root_of("tauro:///path/to/mlops_data") == "/path/to/mlops_data"
    assert address.root_of("tauro:/path/to/mlops_data/") == "/path/to/mlops_data"
    assert address.root_of("tauro:///a%20b/100%25") == "/a b/100%"


@pytest.mark.parametrize(
    "uri", ["tauro://mlops_data", "tauro:mlops_data", "tauro:///", "file:///a", "tauro:///a?b", ""]
)
def test_what_names_no_absolute_folder_is_refused(uri):
    with pytest.raises(UsageError) as caught:
        address.root_of(uri)
    assert caught.value.fix


def test_what_lies_in_a_store_is_told_from_where_the_store_lies(root):
    base = address.store_uri(root)
    assert address.root_of(base) == root
    assert address.parse(base) == address.Address(root=root)
    run = address.run_uri(base, "20261124-061500-85d6d80c")
    assert address.parse(f"{run}/a/b#1.txt") == address.Address(
        root=root, run_id="20261124-061500-85d6d80c", path="a/b#1.txt"
    )
    assert address.parse(run).below("a//./b").path == "a/b"
    assert address.parse(base).below("runs/r1/artifacts/x") == address.Address(root=root, run_id="r1", path="x")


@given(name=NAMES)
def test_a_version_of_any_model_has_an_address(name, tmp_path_factory):
    root = str(tmp_path_factory.getbasetemp() / "of-any-model")
    LocalStore(root).put("logs/x", b"")
    uri = address.version_uri(address.store_uri(root), name, 3, "model")
    assert address.parse(uri) == address.Address(root=root, model=name, version=3, path="model")
