"""Registry and tracker together, on one store."""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression

from tauro_nb.mlops import ExperimentTracker
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.protocol import Store


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
