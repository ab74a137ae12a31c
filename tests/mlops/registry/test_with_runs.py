"""Registry and tracker together, on one store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from tauro_nb.errors import ArtifactCorrupt, ArtifactMissing, RunNotFound, UnsafePath
from tauro_nb.mlops import ExperimentTracker
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


def test_a_version_leads_back_to_its_run_by_itself(registry: ModelRegistry, store: Store) -> None:
    tracker = ExperimentTracker(store, default_experiment="customer_churn")
    with tracker.start_run(run_name="baseline") as run:
        run.log_metrics({"accuracy": 0.9})
        version = registry.register_model(1, "m")
    assert (version.run_id, version.experiment) == (run.run_id, "customer_churn")
    assert tracker.get_run(str(version.run_id)).name == "baseline"
    assert registry.register_model(1, "m").run_id is None


def test_a_model_that_a_run_logged_opens_as_its_name_says(store: Store) -> None:
    import pickle

    tracker = ExperimentTracker(store)
    model = LogisticRegression().fit([[0], [1]], [0, 1])
    with tracker.start_run() as run:
        run.log_model(model, artifact_path="./models/churn_model.pkl")
    [path] = [file.path for file in run.artifacts()]
    assert path == "models/churn_model.pkl"
    key = f"experiments/{run.experiment}/runs/{run.run_id}/artifacts/{path}"
    assert pickle.loads(store.get(key)).predict([[1]]) == [1]


@pytest.fixture
def tracker(store: Store) -> ExperimentTracker:
    return ExperimentTracker(store, default_experiment="customer_churn")


class Bomb:
    """Sets off when it is unpickled."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was opened",))


def test_what_a_run_logged_as_a_model_becomes_a_version_of_the_same_flavor(
    registry: ModelRegistry, tracker: ExperimentTracker
) -> None:
    model = LogisticRegression().fit([[0], [1]], [0, 1])
    with tracker.start_run() as run:
        run.log_model(model, "models/churn_model.skops")
        run.log_metrics({"accuracy": 0.9})
    version = registry.register_from_run(run, "./models/churn_model.skops", "churn", description="out of a run")
    assert (version.version, version.flavor, version.runs_code) == (1, "sklearn", False)
    assert (version.run_id, version.experiment) == (run.run_id, "customer_churn")
    assert (version.metrics, version.description) == ({"accuracy": 0.9}, "out of a run")
    assert registry.load_model("churn").predict([[1]]) == [1]
    assert registry.register_from_run(run.run_id, "models/churn_model.skops", "churn", metrics={}).metrics == {}


@pytest.mark.parametrize("ending", ["FINISHED", "FAILED", "INTERRUPTED", None])
def test_a_version_comes_out_of_a_run_of_any_status_and_none_is_opened(
    registry: ModelRegistry, tracker: ExperimentTracker, ending: str | None
) -> None:
    run = tracker.start_run()
    run.log_model(Bomb(), "models/m.pkl")
    run.log_metrics({"loss": 0.5})
    if ending:
        run.end(ending)
    version = registry.register_from_run(run.run_id, "models/m.pkl", "m")
    assert (version.flavor, version.runs_code, version.metrics) == ("pickle", True, {"loss": 0.5})
    if not ending:
        run.end()


def test_files_and_folders_of_a_run_are_kept_as_files(
    registry: ModelRegistry, tracker: ExperimentTracker, tmp_path: Path
) -> None:
    (tmp_path / "net" / "layers").mkdir(parents=True)
    (tmp_path / "net" / "layers" / "0.bin").write_bytes(b"weights")
    (tmp_path / "net" / "config.json").write_bytes(b"{}")
    with tracker.start_run() as run:
        run.log_artifacts(tmp_path / "net", "models/net")
    whole = registry.register_from_run(run, "models/net", "whole")
    one = registry.register_from_run(run, "models/net/config.json", "one")
    assert (whole.flavor, one.flavor) == ("files", "files")
    assert (whole.load() / "layers" / "0.bin").read_bytes() == b"weights"
    assert one.load().read_bytes() == b"{}"


def test_a_file_of_a_run_that_is_not_what_was_logged_is_named_and_nothing_is_registered(
    registry: ModelRegistry, tracker: ExperimentTracker, store: Store
) -> None:
    with tracker.start_run() as run:
        run.log_model({"w": 1}, "models/m.pkl")
    store.put(keys.artifact(run.experiment, run.run_id, "models/m.pkl"), b"swapped")
    background.wait()
    before = list(walk(store))
    with pytest.raises(ArtifactCorrupt, match=r"models/m\.pkl"):
        registry.register_from_run(run, "models/m.pkl", "m")
    assert list(walk(store)) == before


def test_what_a_run_does_not_have_gets_a_did_you_mean(registry: ModelRegistry, tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        run.log_model({"w": 1}, "models/m.pkl")
    with pytest.raises(ArtifactMissing, match="no artifact") as told:
        registry.register_from_run(run, "models/n.pkl", "m")
    assert told.value.fix == "did you mean 'models/m.pkl'?"
    with pytest.raises(UnsafePath):
        registry.register_from_run(run, "../run.json", "m")
    with pytest.raises(RunNotFound):
        registry.register_from_run("nobody", "models/m.pkl", "m")
    assert registry.models() == []
