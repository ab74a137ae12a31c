"""What the registry does, on every kind of store: one class for the local disk, memory and a volume of Databricks.

The other tests of this folder ask for a `store` too, and run on a volume in their long form.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import ArtifactCorrupt, InvalidModelName, ModelNotFound, RegistryError, StaleExpectation
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


class TestRegistryOnEveryStore:
    @pytest.fixture(params=["local", "memory", "databricks"])
    def store(self, request: pytest.FixtureRequest, open_store: Callable[[str], Store]) -> Store:
        return open_store(request.param)

    @pytest.fixture
    def filled(self, registry: ModelRegistry) -> ModelRegistry:
        """Three versions of one model."""
        for number in range(1, 4):
            registry.register_model({"n": number}, "m", metrics={"accuracy": number / 10}, tags={"n": number})
        return registry

    @pytest.fixture
    def elsewhere(self, store: Store) -> ModelRegistry:
        """Another registry, which knows only what the store has."""
        return ModelRegistry(store)

    def test_a_version_reads_the_same_elsewhere(self, registry: ModelRegistry, elsewhere: ModelRegistry) -> None:
        made = registry.register_model(
            {"w": [1]}, "größe 🚀", "of the spring", {"loss": float("nan")}, {"team": "risk"}, input_example=[1]
        )
        read = elsewhere.get("größe 🚀", 1)
        assert encoding.encode(read.record) == encoding.encode(made.record)
        assert (read.description, read.tags, read.load()) == ("of the spring", {"team": "risk"}, {"w": [1]})
        assert elsewhere.models()[0].name == "größe 🚀"
        with pytest.raises(InvalidModelName):
            registry.register_model(1, "a/b")
        with pytest.raises(ModelNotFound):
            elsewhere.get("nobody", 1)

    def test_those_who_register_at_once_get_numbers_without_gaps(self, store: Store) -> None:
        registries = [ModelRegistry(store) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda number: registries[number % 4].register_model(number, "m"), range(8)))
        assert sorted(version.version for version in made) == list(range(1, 9))
        assert sorted(version.load() for version in registries[0].versions("m")) == list(range(8))
        assert registries[0].leftovers() == []

    def test_stages_and_rollback_leave_their_trail(self, filled: ModelRegistry, elsewhere: ModelRegistry) -> None:
        filled.promote("m", 1, stage="Staging")
        filled.promote("m", 1)
        elsewhere.promote("m", 3, comment="better")
        filled.promote("m", 3)
        assert {each.version: each.stage for each in filled.versions("m")} == {1: "Archived", 2: None, 3: "Production"}
        with pytest.raises(StaleExpectation):
            filled.rollback("m", expect=1)
        assert elsewhere.rollback("m").version == 1
        assert filled.load_model("m", stage="Production") == {"n": 1}
        history = elsewhere.history("m")
        assert history["act"].tolist() == [*["registered"] * 3, *["promoted"] * 3, "rolled_back"]
        assert history["comment"].dropna().tolist() == ["better"]

    def test_promotions_at_once_leave_one_in_production(self, filled: ModelRegistry, store: Store) -> None:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda number: ModelRegistry(store).promote("m", number), (1, 2, 3)))
        assert [each.stage for each in filled.versions("m")].count("Production") == 1
        assert filled.history("m")["act"].tolist().count("promoted") == 3

    def test_aliases_tags_and_descriptions_change(self, filled: ModelRegistry, elsewhere: ModelRegistry) -> None:
        filled.set_alias("m", 1, alias="champion")
        elsewhere.set_alias("m", 2, alias="champion")
        assert filled.get("m", alias="champion").version == 2
        filled.set_tags("m", 2, {"n": None, "reviewed": "yes"})
        filled.set_description("m", 2, "slow, but right")
        read = elsewhere.get("m", 2)
        assert (read.tags, read.description) == ({"reviewed": "yes"}, "slow, but right")
        filled.delete_alias("m", "champion")
        with pytest.raises(RegistryError):
            elsewhere.get("m", alias="champion")

    def test_versions_are_found_and_compared(self, filled: ModelRegistry, elsewhere: ModelRegistry) -> None:
        filled.promote("m", 2)
        assert [each.version for each in elsewhere.search("metrics.accuracy > 0.15")] == [3, 2]
        assert [each.version for each in elsewhere.search("stage = 'Production'")] == [2]
        (differing,) = elsewhere.compare("m", 1, 3).part("metrics").differing
        assert (differing.name, list(differing.values)) == ("accuracy", [0.1, 0.3])

    def test_a_removed_version_comes_back_and_its_number_stays_its_own(
        self, filled: ModelRegistry, elsewhere: ModelRegistry
    ) -> None:
        filled.delete_version("m", 3)
        assert [each.version for each in elsewhere.versions("m")] == [1, 2]
        assert elsewhere.register_model(4, "m").version == 4
        assert elsewhere.restore_version("m", 3).load() == {"n": 3}

    def test_what_is_too_much_is_moved_aside(self, make: Callable[..., Any], store: Store) -> None:
        registry = make(max_versions_per_model=2)
        for number in range(3):
            registry.register_model(number, "m")
        assert [each.version for each in registry.versions("m")] == [2, 3]
        days = itertools.count(1_800_000_000 * 10**9, 1_000)
        aged = ModelRegistry(store, RegistrySettings(), retention_days=30, clock=days.__next__)
        assert [each.version.version for each in aged.prune()] == [2]
        aged.prune(dry_run=False)
        assert [each.version for each in registry.versions("m")] == [3]

    def test_a_parcel_goes_out_and_comes_in(self, filled: ModelRegistry, store: Store, tmp_path: Path) -> None:
        filled.set_tags("m", 2, {"reviewed": "yes"})
        parcel = filled.export("m", 2, tmp_path / "m.zip")
        other = ModelRegistry(LocalStore(tmp_path / "other"), RegistrySettings())
        came = other.import_model(parcel)
        assert (came.version, came.tags["reviewed"], came.load()) == (1, "yes", {"n": 2})
        back = filled.import_model(other.export("m", 1, tmp_path / "folder"), "again")
        assert (back.name, back.version) == ("again", 1)
        assert [file.sha256 for file in back.files] == [file.sha256 for file in filled.get("m", 2).files]

    def test_a_damaged_file_is_named_and_not_loaded(self, filled: ModelRegistry, store: Store) -> None:
        assert filled.verify().errors == ()
        assert filled.verify().checked == 3
        damaged = next(key for key in walk(store, "model_registry/artifacts/m") if key.endswith(".pkl"))
        store.put(damaged, b"swapped")
        with pytest.raises(ArtifactCorrupt):
            [version.load() for version in filled.versions("m")]
        assert len(filled.verify().errors) == 1
        assert filled.damaged() == []

    def test_a_version_leads_back_to_its_run(self, registry: ModelRegistry, store: Store) -> None:
        tracker = ExperimentTracker(store)
        with tracker.start_run() as run:
            inside = registry.register_model({"w": 1}, "m")
            run.log_model({"w": 2}, "model")
        background.wait()
        after = registry.register_from_run(run.run_id, "model", "m")
        assert (inside.run_id, after.run_id) == (run.run_id, run.run_id)
        assert after.load() == {"w": 2}
