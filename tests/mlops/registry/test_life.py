from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import pytest

from tauro_nb.errors import InvalidModelName, InvalidName, ModelNotFound, RegistryError, StaleExpectation, UnknownName
from tauro_nb.events import Event
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


@pytest.fixture
def filled(registry: ModelRegistry, heard: list[Event]) -> ModelRegistry:
    for i in range(1, 5):
        registry.register_model(f"model {i}", "m")
    heard.clear()
    return registry


def stages(registry: ModelRegistry) -> dict[int, str | None]:
    return {each.version: each.stage for each in registry.versions("m") if each.stage}


def acts(registry: ModelRegistry) -> list[tuple[str, int]]:
    frame = registry.history("m")
    frame = frame[frame["act"] != "registered"]
    return list(zip(frame["act"], frame["version"], strict=True))


def test_one_version_is_in_production_and_the_former_is_archived(filled: ModelRegistry) -> None:
    promoted = filled.promote("m", 1)
    assert (promoted.version, promoted.stage) == (1, "Production")
    filled.promote("m", 3)
    assert stages(filled) == {1: "Archived", 3: "Production"}


def test_staging_holds_one_version_too(filled: ModelRegistry) -> None:
    filled.promote("m", 1, stage="Staging")
    filled.promote("m", 2, stage="Staging")
    filled.promote("m", 2)
    assert stages(filled) == {1: "Archived", 2: "Production"}


def test_a_stage_can_be_taken_away(filled: ModelRegistry) -> None:
    filled.promote("m", 1)
    assert filled.promote("m", 1, stage=None).stage is None
    assert stages(filled) == {}


def test_promoting_what_is_promoted_records_and_tells_nothing(
    filled: ModelRegistry, store: Store, heard: list[Event], collector: MetricsCollector
) -> None:
    filled.promote("m", 1)
    before = list(walk(store))
    heard.clear()

    assert filled.promote("m", 1, comment="again").stage == "Production"

    assert list(walk(store)) == before
    assert heard == []
    assert collector.get_counter("models_promoted") == 1


def test_what_an_object_said_does_not_change_under_it(filled: ModelRegistry) -> None:
    version = filled.get("m", 1)
    promoted = version.promote(comment="good")
    assert (version.stage, promoted.stage) == (None, "Production")


def test_an_unknown_stage_or_version_changes_nothing(filled: ModelRegistry, store: Store) -> None:
    before = list(walk(store))
    with pytest.raises(UnknownName):
        filled.promote("m", 1, stage="Prod")
    with pytest.raises(ModelNotFound):
        filled.promote("m", 9)
    with pytest.raises(ModelNotFound):
        filled.promote("n", 1)
    with pytest.raises(ModelNotFound):
        filled.set_alias("m", 9, alias="a")
    assert list(walk(store)) == before


def test_a_rollback_brings_back_what_was_there_as_often_as_history_reaches(filled: ModelRegistry) -> None:
    for version in (1, 2, 4):
        filled.promote("m", version)

    assert filled.rollback("m").version == 2
    assert stages(filled) == {1: "Archived", 2: "Production", 4: "Archived"}
    assert filled.rollback("m").version == 1
    with pytest.raises(ModelNotFound, match="no other version was in Production before v1"):
        filled.rollback("m")
    assert stages(filled) == {1: "Production", 2: "Archived", 4: "Archived"}


def test_a_rollback_follows_the_way_back_through_repeated_promotions(filled: ModelRegistry) -> None:
    for version in (1, 2, 1, 3):
        filled.promote("m", version)
    assert [filled.rollback("m").version for _ in range(3)] == [1, 2, 1]


def test_a_promotion_after_a_rollback_starts_from_there(filled: ModelRegistry) -> None:
    for version in (1, 2):
        filled.promote("m", version)
    filled.rollback("m")
    filled.promote("m", 3)
    assert filled.rollback("m").version == 1


def test_a_rollback_brings_back_what_was_taken_out_of_production(filled: ModelRegistry) -> None:
    filled.promote("m", 1)
    filled.promote("m", 1, stage="Archived")
    assert filled.rollback("m").version == 1


def test_a_rollback_passes_over_removed_versions(filled: ModelRegistry) -> None:
    for version in (1, 2, 3):
        filled.promote("m", version)
    filled.delete_version("m", 2)
    assert filled.rollback("m").version == 1


def test_a_rollback_is_refused_when_production_is_not_what_was_expected(filled: ModelRegistry, store: Store) -> None:
    for version in (1, 2):
        filled.promote("m", version)
    assert filled.rollback("m", expect=2).version == 1
    before = list(walk(store))
    with pytest.raises(StaleExpectation, match="v1 is in Production, not v2"):
        filled.rollback("m", expect=2)
    assert list(walk(store)) == before


def test_nothing_in_production_is_not_what_was_expected_either(filled: ModelRegistry) -> None:
    with pytest.raises(StaleExpectation, match="no version is in Production"):
        filled.rollback("m", expect=2)


def test_an_alias_moves_and_leads_to_one_version(filled: ModelRegistry) -> None:
    assert filled.set_alias("m", 1, alias="champion").aliases == ("champion",)
    filled.get("m", 1).set_alias("best")
    filled.set_alias("m", 2, alias="champion", comment="better")

    assert filled.get("m", 1).aliases == ("best",)
    assert filled.get("m@champion").version == 2


def test_setting_an_alias_again_records_nothing(filled: ModelRegistry) -> None:
    for _ in range(2):
        filled.set_alias("m", 1, alias="champion")
    assert acts(filled) == [("alias_set", 1)]


def test_an_alias_can_be_taken_away_twice(filled: ModelRegistry) -> None:
    filled.set_alias("m", 1, alias="champion")
    for _ in range(2):
        filled.delete_alias("m", "champion")
    assert acts(filled) == [("alias_set", 1), ("alias_removed", 1)]
    with pytest.raises(ModelNotFound):
        filled.get("m@champion")


@pytest.mark.parametrize("alias", ["", "a@b", "a/b", "x" * 251, 3])
def test_an_alias_follows_the_rule_of_names(alias: Any, filled: ModelRegistry) -> None:
    with pytest.raises(InvalidModelName, match="alias"):
        filled.set_alias("m", 1, alias=alias)


def test_a_removed_version_is_neither_listed_nor_loaded_until_it_is_restored(filled: ModelRegistry) -> None:
    filled.promote("m", 4, stage="Staging")
    removed = filled.delete_version("m", 4, comment="wrong data")

    assert removed.removed
    assert [each.version for each in filled.versions("m")] == [1, 2, 3]
    assert [each.version for each in filled.versions("m", removed=True)] == [1, 2, 3, 4]
    assert filled.get("m").version == 3
    assert filled.models()[0].latest_version == 3
    for look in (filled.get, filled.load_model, filled.promote):
        with pytest.raises(ModelNotFound, match="v4 was removed") as caught:
            look("m", 4)
        assert "restore_version('m', 4)" in str(caught.value.fix)

    restored = filled.restore_version("m", 4)
    assert (restored.removed, restored.stage) == (False, None)
    assert filled.load_model("m") == "model 4"


def test_removing_and_restoring_again_records_nothing(filled: ModelRegistry) -> None:
    for _ in range(2):
        filled.delete_version("m", 4)
    for _ in range(2):
        filled.restore_version("m", 4)
    assert acts(filled) == [("removed", 4), ("restored", 4)]


def test_numbers_are_not_used_again(filled: ModelRegistry) -> None:
    filled.delete_version("m", 4)
    assert filled.register_model(1, "m").version == 5


def test_a_version_in_production_or_with_an_alias_stays(filled: ModelRegistry) -> None:
    filled.promote("m", 1)
    filled.set_alias("m", 2, alias="champion")
    with pytest.raises(RegistryError, match="is in Production"):
        filled.delete_version("m", 1)
    with pytest.raises(RegistryError, match="has the alias 'champion'"):
        filled.delete_version("m", 2)
    assert len(filled.versions("m")) == 4


def test_a_model_without_versions_left_is_not_listed(registry: ModelRegistry) -> None:
    registry.register_model(1, "m")
    registry.delete_version("m", 1)
    assert registry.models() == []
    assert registry.versions("m") == []
    with pytest.raises(ModelNotFound, match="no version that is not removed") as caught:
        registry.get("m")
    assert "restore_version('m', 1)" in str(caught.value.fix)


def test_the_history_tells_all_that_happened_oldest_first(filled: ModelRegistry) -> None:
    filled.promote("m", 1, comment="first")
    filled.register_model("model 5", "m", run="r5")
    filled.promote("m", 5)
    filled.set_alias("m", 5, alias="champion")
    filled.rollback("m", comment="too slow")
    history = filled.history("m")

    assert list(history.columns) == [
        "at", "act", "version", "former", "stage", "alias", "details", "comment",
        "user", "host", "environment", "pipeline", "node", "run_id",
    ]  # fmt: skip
    told = history[["act", "version", "former", "stage", "alias", "comment"]].astype(object)
    assert told.where(told.notna(), None).to_numpy().tolist() == [
        ["registered", 1, None, None, None, None],
        ["registered", 2, None, None, None, None],
        ["registered", 3, None, None, None, None],
        ["registered", 4, None, None, None, None],
        ["promoted", 1, None, "Production", None, "first"],
        ["registered", 5, None, None, None, None],
        ["promoted", 5, 1, "Production", None, None],
        ["alias_set", 5, None, None, "champion", None],
        ["rolled_back", 1, 5, "Production", None, "too slow"],
    ]
    assert history["at"].is_monotonic_increasing
    assert isinstance(history["at"].dtype, pd.DatetimeTZDtype)
    assert set(history["environment"]) == {"dev"}
    assert history["run_id"].tolist()[5] == "r5"


def test_the_acts_are_told_in_order_after_they_were_done(filled: ModelRegistry, heard: list[Event]) -> None:
    filled.promote("m", 1)
    filled.promote("m", 2, comment="why")
    filled.set_alias("m", 2, alias="champion")
    filled.rollback("m")
    filled.delete_version("m", 3)

    assert [(event.type, event.data["version"], event.subject.version) for event in heard] == [
        ("MODEL_PROMOTED", 1, 1),
        ("MODEL_PROMOTED", 2, 2),
        ("ALIAS_SET", 2, 2),
        ("MODEL_ROLLED_BACK", 1, 1),
    ]
    assert heard[1].data == {
        "model": "m", "version": 2, "run_id": None,
        "stage": "Production", "alias": None, "former": 1, "comment": "why",
    }  # fmt: skip
    assert heard[3].subject.stage == "Production"


def test_promotions_at_once_leave_one_in_production_and_all_in_the_history(filled: ModelRegistry, store: Store) -> None:
    start = threading.Barrier(4)

    def promote(version: int) -> None:
        registry = ModelRegistry(store)
        start.wait()
        registry.promote("m", version)

    threads = [threading.Thread(target=promote, args=(version,)) for version in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    held = stages(filled)
    assert sorted(held.values()) == ["Archived", "Archived", "Archived", "Production"]
    assert sorted(acts(filled)) == [("promoted", 1), ("promoted", 2), ("promoted", 3), ("promoted", 4)]
    assert acts(filled)[-1][1] == next(version for version, stage in held.items() if stage == "Production")


def test_tags_are_added_changed_and_taken_away_by_events(filled: ModelRegistry, store: Store) -> None:
    filled.register_model(5, "m", tags={"team": "growth", "framework": "sklearn"})
    with pytest.raises(InvalidName, match="are a dict"):
        filled.set_tags("m", 5, None)
    changed = filled.set_tags("m", 5, {"team": "risk", "framework": None, "reviewed": True}, comment="review")
    assert changed.tags == {"team": "risk", "reviewed": "True"}
    again = ModelRegistry(store).get("m", 5)
    assert again.tags == changed.tags
    assert again.record.tags == {"team": "growth", "framework": "sklearn"}
    assert filled.get("m", 4).tags == {}
    last = filled.history("m").iloc[-1]
    assert (last["act"], last["version"], last["comment"]) == ("tagged", 5, "review")
    assert last["details"] == "team='risk', framework=None, reviewed='True'"


def test_a_description_is_changed_by_an_event(filled: ModelRegistry, store: Store) -> None:
    filled.register_model(5, "m", description="first words")
    changed = filled.get("m", 5).set_description("other words", comment="clearer")
    assert changed.description == "other words"
    assert ModelRegistry(store).model("m").description == "other words"
    assert changed.record.description == "first words"
    assert filled.set_description("m", 5, "").description == ""
    assert filled.history("m")["details"].tolist()[-2:] == ["description='other words'", "description=''"]


def test_setting_what_is_so_already_records_nothing(filled: ModelRegistry, store: Store) -> None:
    filled.set_tags("m", 1, {"team": "risk"})
    filled.set_description("m", 1, "words")
    before = list(walk(store))
    filled.set_tags("m", 1, {"team": "risk", "nothing": None})
    filled.set_tags("m", 1, {})
    filled.set_description("m", 1, "words")
    assert list(walk(store)) == before


def test_a_removed_version_is_described_no_more(filled: ModelRegistry) -> None:
    filled.delete_version("m", 1)
    with pytest.raises(ModelNotFound, match="was removed"):
        filled.set_tags("m", 1, {"team": "risk"})
    with pytest.raises(ModelNotFound, match="was removed"):
        filled.set_description("m", 1, "words")
    with pytest.raises(InvalidName):
        filled.set_tags("m", 2, {"": "x"})


def test_metadata_set_by_many_at_once_are_all_there(filled: ModelRegistry, store: Store) -> None:
    start = threading.Barrier(4)

    def tag(i: int) -> None:
        registry = ModelRegistry(store)
        start.wait()
        for each in range(5):
            registry.set_tags("m", 1, {f"{i}-{each}": "x"})

    threads = [threading.Thread(target=tag, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(filled.get("m", 1).tags) == 20
