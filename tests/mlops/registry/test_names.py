from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.errors import InvalidModelName
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk

ADMITTED = [
    "churn-predictor",
    "CON",
    "nul.txt",
    "🚀",
    "a b",
    "catalog.schema.model",
    ".hidden",
    "a..b",
    "x" * 250,
    "%2e",
    "~",
]
REFUSED = [
    "", " ", ".", "..", "../../etc", "a/b", "a\\b", "C:x", "a@b",
    " a", "a ", "a\nb", "a\0b", "x" * 251, "a\u200eb", "\ud800",
    None, 3, b"m",
]  # fmt: skip


@pytest.mark.parametrize("name", ADMITTED)
def test_an_admitted_name_works_everywhere(name: str, registry: ModelRegistry, store: Store) -> None:
    registry.register_model("it", name)
    registry.promote(name, 1)
    assert registry.load_model(name, stage="Production") == "it"
    assert [model.name for model in registry.models()] == [name]
    assert all(key.split("/")[1] in ("models", "artifacts") for key in walk(store, "model_registry"))


@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_a_refused_name_says_the_rule_and_writes_nothing(name: Any, registry: ModelRegistry, store: Store) -> None:
    with pytest.raises(InvalidModelName) as caught:
        registry.register_model(1, name)
    assert "printable characters" in str(caught.value.fix)
    assert list(walk(store)) == []


def test_an_accent_typed_in_two_ways_is_one_name(registry: ModelRegistry) -> None:
    registry.register_model(1, "caf\u00e9")
    assert registry.register_model(2, unicodedata.normalize("NFD", "caf\u00e9")).version == 2
    assert [model.name for model in registry.models()] == ["caf\u00e9"]


def test_names_that_look_alike_are_kept_apart() -> None:
    registry = ModelRegistry(MemoryStore())
    for name in ("Churn", "churn", "churn%", "churn%25"):
        assert registry.register_model(name, name).version == 1
    assert {model.name: model.latest.load() for model in registry.models()} == {
        name: name for name in ("Churn", "churn", "churn%", "churn%25")
    }


@given(st.text(max_size=260))
def test_whatever_text_is_admitted_or_refused_and_never_leaves_its_folder(text: str) -> None:
    registry = ModelRegistry(MemoryStore())
    try:
        version = registry.register_model(1, text)
    except InvalidModelName:
        return
    assert version.name == names.checked(text)
    assert all(key.startswith("model_registry/") and ".." not in key.split("/") for key in walk(registry.store))
    assert registry.models()[0].name == version.name


def test_nothing_is_written_outside_of_a_local_store(tmp_path: Any) -> None:
    registry = ModelRegistry(LocalStore(tmp_path / "store"))
    for name in [*ADMITTED, *REFUSED]:
        try:
            registry.register_model(1, name)
        except InvalidModelName:
            continue
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_accent_of_an_alias_may_be_typed_in_either_way(registry: ModelRegistry) -> None:
    registry.register_model("model", "m")
    registry.set_alias("m", 1, alias="e\u0301te\u0301")
    for written in ("e\u0301te\u0301", "\u00e9t\u00e9"):
        assert registry.load_model(f"m@{written}") == "model"
        assert registry.get("m", alias=written).version == 1
    registry.delete_alias("m", "e\u0301te\u0301")
    assert registry.get("m").aliases == ()


def test_an_address_of_mlflow_s_is_told_how_it_is_written_here(registry: ModelRegistry) -> None:
    with pytest.raises(InvalidModelName) as told:
        registry.load_model("models:/m/1")
    assert "version=" in str(told.value.fix)
