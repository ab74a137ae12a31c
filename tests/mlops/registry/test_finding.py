from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import ModelNotFound, UnknownName, UsageError
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store


@pytest.fixture
def filled(registry: ModelRegistry) -> ModelRegistry:
    for i in range(1, 5):
        registry.register_model(f"model {i}", "m")
    registry.promote("m", 2)
    registry.promote("m", 3, stage="Staging")
    registry.set_alias("m", 1, alias="champion")
    return registry


def test_the_latest_is_found_unless_something_else_is_asked_for(filled: ModelRegistry) -> None:
    assert filled.get("m").version == 4
    assert filled.get("m", 1).version == 1
    assert filled.get("m", stage="Production").version == 2
    assert filled.get("m", stage="Staging").version == 3
    assert filled.get("m", alias="champion").version == 1
    assert filled.get("m@champion").version == 1


def test_loading_finds_in_the_same_ways(filled: ModelRegistry) -> None:
    assert filled.load_model("m") == "model 4"
    assert filled.load_model("m", 3) == "model 3"
    assert filled.load_model("m", stage="Production") == "model 2"
    assert filled.load_model("m", alias="champion") == "model 1"
    assert filled.load_model("m@champion") == "model 1"
    assert filled.get("m", 3).load() == "model 3"


def test_a_number_may_be_written_as_text(filled: ModelRegistry) -> None:
    assert filled.get("m", "3").version == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        ({"name": "n"}, "no model named 'n'", "there are 'm'"),
        ({"name": "m", "version": 5}, "m has no version 5", "it has versions 1 to 4"),
        ({"name": "m", "version": 0}, "no version 0", "counted from 1"),
        ({"name": "m", "stage": "Archived"}, "no version in Archived", "v2 in Production, v3 in Staging"),
        ({"name": "m@rival"}, "no version with the alias 'rival'", "v1 as m@champion"),
    ],
)
def test_what_is_not_there_says_what_is(
    arguments: dict[str, object], message: str, fix: str, filled: ModelRegistry
) -> None:
    with pytest.raises(ModelNotFound, match=message) as caught:
        filled.get(**arguments)  # type: ignore[arg-type]
    assert fix in str(caught.value.fix)


def test_a_misspelled_name_gets_a_did_you_mean(registry: ModelRegistry) -> None:
    registry.register_model(1, "churn-predictor")
    for look in (registry.versions, registry.history, registry.load_model, registry.rollback):
        with pytest.raises(ModelNotFound) as caught:
            look("churn-predicter")
        assert caught.value.fix == "did you mean 'churn-predictor'?"


def test_an_empty_registry_says_so(registry: ModelRegistry) -> None:
    assert registry.models() == []
    with pytest.raises(ModelNotFound) as caught:
        registry.get("m")
    assert caught.value.fix == "no model is registered yet"


def test_asking_in_two_ways_at_once_is_refused(filled: ModelRegistry) -> None:
    with pytest.raises(UsageError, match="at once"):
        filled.get("m", 1, stage="Production")
    with pytest.raises(UsageError, match="names the alias"):
        filled.get("m@champion", alias="other")


def test_an_unknown_stage_gets_a_did_you_mean(filled: ModelRegistry) -> None:
    with pytest.raises(UnknownName) as caught:
        filled.get("m", stage="production")
    assert caught.value.fix == "did you mean 'Production'?"


def test_models_are_listed_by_name_with_what_they_come_to(filled: ModelRegistry, store: Store) -> None:
    filled.register_model(1, "another", description="of another kind")
    another, model = ModelRegistry(store).models()

    assert (another.name, another.latest_version, another.n_versions, another.production) == ("another", 1, 1, None)
    assert another.description == "of another kind"
    assert (model.name, model.latest_version, model.n_versions, model.production) == ("m", 4, 4, 2)
    assert model.stages == {2: "Production", 3: "Staging"}
    assert model.aliases == {"champion": 1}
    assert [version.version for version in model.versions()] == [1, 2, 3, 4]
    assert repr(model) == "<RegisteredModel 'm': 4 versions, latest v4, v2 in Production>"


def test_versions_are_listed_oldest_first_with_stage_and_aliases(filled: ModelRegistry) -> None:
    shown = [(each.version, each.stage, each.aliases) for each in filled.versions("m")]
    assert shown == [(1, None, ("champion",)), (2, "Production", ()), (3, "Staging", ()), (4, None, ())]
    assert repr(filled.versions("m")[0]) == "<ModelVersion 'm' v1 @champion>"


def test_a_name_too_long_for_a_folder_is_listed_as_it_was_given(registry: ModelRegistry) -> None:
    name = "模" * 200
    registry.register_model(1, name)
    assert [model.name for model in registry.models()] == [name]
    assert registry.get(name).name == name


def test_a_copy_is_the_registry_itself_and_another_process_gets_its_own(tmp_path: Path) -> None:
    registry = ModelRegistry(LocalStore(tmp_path), RegistrySettings(trust="safe"), environment="dev")
    version = registry.register_model({"a": 1}, "m")

    assert copy.deepcopy(registry) is registry
    sent = pickle.loads(pickle.dumps(version))
    assert sent == version
    assert (sent.registry.settings, sent.registry.environment) == (registry.settings, "dev")
    assert sent.registry.register_model(1, "m").version == 2


def test_a_damaged_record_of_a_long_name_hides_no_other_model(registry: ModelRegistry, store: Store) -> None:
    registry.register_model(1, "m")
    registry.register_model(1, "🚀" * 250)
    store.put(keys.model_version("🚀" * 250, 1), b"{")
    with pytest.warns(RuntimeWarning, match="left out"):
        assert [model.name for model in registry.models()] == ["m"]
    with pytest.warns(RuntimeWarning, match="left out"):
        assert [version.name for version in registry.search()] == ["m"]
    with pytest.warns(RuntimeWarning, match="left out"), pytest.raises(ModelNotFound):
        registry.get("nowhere")
