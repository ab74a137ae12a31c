"""Versions found by a filter, and put side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tauro_nb.errors import FilterError, ModelNotFound, UsageError
from tauro_nb.mlops import ExperimentTracker
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.store.protocol import Store


@pytest.fixture
def filled(registry: ModelRegistry, store: Store) -> ModelRegistry:
    tracker = ExperimentTracker(store, default_experiment="churn")
    for accuracy, framework in ((0.8, "sklearn"), (0.95, "sklearn"), (0.97, "xgboost")):
        with tracker.start_run() as run:
            run.log_params({"depth": round(accuracy * 10), "data": "2024"})
            run.log_metrics({"accuracy": accuracy, "loss": 1 - accuracy})
            registry.register_model(
                {"a": accuracy}, "churn", metrics={"accuracy": accuracy}, tags={"framework": framework}
            )
    registry.register_model(4, "price", description="of houses", metrics={"rmse": 3.0})
    registry.promote("churn", 2)
    registry.set_alias("churn", 3, alias="champion")
    registry.set_alias("churn", 3, alias="canary")
    background.wait()
    return registry


def found(registry: ModelRegistry, text: str = "", **how: Any) -> list[tuple[str, int]]:
    return [(each.name, each.version) for each in registry.search(text, **how)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("price", 1), ("churn", 3), ("churn", 2), ("churn", 1)]),
        ("metrics.accuracy > 0.9 and tags.framework = 'sklearn'", [("churn", 2)]),
        ("name = 'price'", [("price", 1)]),
        ("name LIKE 'ch%' AND version >= 2", [("churn", 3), ("churn", 2)]),
        ("stage = 'Production'", [("churn", 2)]),
        ("stage IS NULL and name = 'churn'", [("churn", 3), ("churn", 1)]),
        ("alias = 'canary'", [("churn", 3)]),
        ("aliases IN ('champion', 'x')", [("churn", 3)]),
        ("alias IS NULL", [("price", 1), ("churn", 2), ("churn", 1)]),
        ("alias != 'canary'", []),
        ("params.depth = 10", [("churn", 3), ("churn", 2)]),
        ("params.data IS NULL", [("price", 1)]),
        ("experiment = 'churn' and metrics.accuracy < 0.9", [("churn", 1)]),
        ("flavor = 'pickle' and description = 'of houses'", [("price", 1)]),
        ("created > '2020-01-01' and version_number = 1", [("price", 1), ("churn", 1)]),
        ("size_bytes < 0", []),
    ],
)
def test_versions_are_found_by_what_they_and_their_runs_are(
    text: str, expected: list[tuple[str, int]], filled: ModelRegistry
) -> None:
    assert found(filled, text) == expected


def test_they_come_in_the_order_that_is_asked_for_and_no_more_than_asked_for(filled: ModelRegistry) -> None:
    order = ["metrics.accuracy"]
    assert found(filled, order_by=order) == [("churn", 1), ("churn", 2), ("churn", 3), ("price", 1)]
    order = ["metrics.accuracy DESC"]
    assert found(filled, order_by=order) == [("churn", 3), ("churn", 2), ("churn", 1), ("price", 1)]
    assert found(filled, order_by=["name DESC", "version"], max_results=2) == [("price", 1), ("churn", 1)]
    with pytest.raises(UsageError, match="max_results=0"):
        filled.search(max_results=0)


def test_what_a_version_is_now_counts_and_a_removed_one_is_not_found(filled: ModelRegistry) -> None:
    filled.set_tags("churn", 1, {"framework": "torch"})
    filled.delete_version("churn", 1)
    assert found(filled, "tags.framework = 'torch'") == []
    filled.restore_version("churn", 1)
    assert found(filled, "tags.framework = 'torch'") == [("churn", 1)]


def test_an_attribute_that_versions_do_not_have_gets_a_did_you_mean(filled: ModelRegistry) -> None:
    with pytest.raises(FilterError, match="character 1 is 'stagee'") as told:
        filled.search("stagee = 'Production'")
    assert told.value.fix == "did you mean 'stage'?"
    with pytest.raises(FilterError, match="an attribute"):
        filled.search("status = 'FINISHED'")
    with pytest.raises(FilterError, match="no list of orders"):
        filled.search(order_by=5)


def test_what_was_found_is_a_sequence_and_a_frame(filled: ModelRegistry) -> None:
    table = filled.search("name = 'churn'")
    assert (len(table), table[0].version, [each.version for each in table[1:]]) == (3, 3, [2, 1])
    frame = table.frame
    assert list(frame.columns) == [
        *("name", "version", "stage", "aliases", "description", "flavor", "run_id", "experiment", "created_at", "user"),
        *("metrics.accuracy", "tags.framework"),
    ]
    assert frame["version"].tolist() == [3, 2, 1]
    assert frame["created_at"].is_monotonic_decreasing
    assert isinstance(frame["created_at"].dtype, pd.DatetimeTZDtype)
    assert filled.search("name = 'nobody'").frame.empty


def test_a_comparison_tells_differences_from_what_is_the_same(filled: ModelRegistry) -> None:
    comparison = filled.compare("churn", 1, 2)
    metrics = comparison.part("metrics")
    assert [(row.name, row.values) for row in metrics.differing] == [
        ("accuracy", (0.8, 0.95)),
        ("loss", (pytest.approx(0.2), pytest.approx(0.05))),
    ]
    params = comparison.part("params")
    assert [row.name for row in params.differing] == ["depth"]
    assert [row.name for row in params.shared] == ["data"]
    packages = {row.name: row.values for row in comparison.part("packages").shared}
    assert packages["numpy"][0] == packages["numpy"][1]
    assert {"python", "user"} <= {row.name for row in comparison.part("code").shared}
    assert [row.values for row in comparison.part("tags").rows] == [("sklearn", "sklearn")]


def test_signatures_and_versions_without_a_run_compare_too(registry: ModelRegistry) -> None:
    registry.register_model(1, "m", input_example=pd.DataFrame({"age": [1], "plan": ["a"]}))
    registry.register_model(2, "m", input_example=pd.DataFrame({"age": [1.5]}))
    signature = registry.compare("m", 1, 2).part("signature")
    rows = {row.name.rpartition(".")[2]: row.values for row in signature.differing}
    assert rows["age"] == ("int64", "float64")
    assert rows["plan"][1] is None
    assert registry.compare("m", 1, 2).part("params").rows == ()


def test_a_comparison_needs_two_versions_that_are_there(filled: ModelRegistry) -> None:
    with pytest.raises(UsageError, match="1 version to compare"):
        filled.compare("churn", 1)
    with pytest.raises(ModelNotFound, match="no version 9"):
        filled.compare("churn", 1, 9)
