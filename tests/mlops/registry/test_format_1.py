"""A registry that was written when the format had the number 1 opens for ever."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore

ASSET = Path(__file__).parents[2] / "assets" / "registry_format_1"


@pytest.fixture
def old(tmp_path: Path) -> ModelRegistry:
    shutil.copytree(ASSET, tmp_path / "store")
    return ModelRegistry(LocalStore(tmp_path / "store"))


def test_its_models_and_versions_are_found(old: ModelRegistry) -> None:
    assert [repr(model) for model in old.models()] == [
        "<RegisteredModel 'churn-predictor': 2 versions, latest v3, v1 in Production>",
        "<RegisteredModel 'größe 🚀': 1 version, latest v1>",
    ]
    shown = [(each.version, each.stage, each.aliases, each.run_id) for each in old.versions("churn-predictor")]
    assert shown == [(1, "Production", (), "run-1"), (3, None, ("challenger",), "run-3")]
    assert old.get("churn-predictor").metrics == pytest.approx({"accuracy": 0.93, "loss": float("nan")}, nan_ok=True)


def test_its_models_load(old: ModelRegistry) -> None:
    assert old.load_model("churn-predictor", stage="Production") == {"weights": [1]}
    assert old.load_model("churn-predictor@challenger") == {"weights": [3]}


def test_its_history_reads(old: ModelRegistry) -> None:
    history = old.history("churn-predictor")
    assert history["act"].tolist() == [
        *["registered"] * 3,
        "promoted",
        "promoted",
        "alias_set",
        "rolled_back",
        "removed",
    ]
    assert history["version"].tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    assert set(history["user"]) == {"ada"}


def test_it_goes_on(old: ModelRegistry) -> None:
    assert old.restore_version("churn-predictor", 2).version == 2
    assert old.register_model(1, "churn-predictor").version == 4
    assert old.promote("churn-predictor", 4).stage == "Production"
    assert old.leftovers() == []


def test_it_is_searched_and_compared_and_takes_new_acts(old: ModelRegistry) -> None:
    assert [each.version for each in old.search("alias = 'challenger' and name LIKE 'churn%'")] == [3]
    assert old.compare("churn-predictor", 1, 3).part("params").rows == ()
    assert old.set_tags("churn-predictor", 1, {"reviewed": "yes"}).tags["reviewed"] == "yes"
    assert old.damaged() == []
