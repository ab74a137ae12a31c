"""Models that MLflow's client logs and registers at ``tauro://``, and those of Tauro that it loads from there."""

from __future__ import annotations

from typing import Any

import pytest

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

pytestmark = pytest.mark.slow

CODE = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from mlflow.entities import LoggedModelStatus

X, y = np.arange(20.0).reshape(-1, 1), np.arange(20) % 2
mlflow.set_experiment("models")

mlflow.sklearn.autolog(log_input_examples=False, log_model_signatures=False)
with mlflow.start_run(run_name="auto") as auto:
    model = LogisticRegression(C=0.5).fit(X, y)
mlflow.sklearn.autolog(disable=True)
run = client.get_run(auto.info.run_id)
told["auto"] = [run.data.params["C"], sorted(run.data.metrics), len(run.outputs.model_outputs),
                [each.dataset.name for each in run.inputs.dataset_inputs]]
auto_model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
told["auto_model"] = [auto_model.name, auto_model.status.value, auto_model.source_run_id == run.info.run_id,
                      sorted(each.key for each in auto_model.metrics), auto_model.params["C"]]

with mlflow.start_run(run_name="by hand") as hand:
    first = mlflow.sklearn.log_model(model, name="model", pip_requirements=[], serialization_format="cloudpickle",
                                     registered_model_name="by-mlflow", params={"depth": 3})
    second = mlflow.sklearn.log_model(model, name="model", pip_requirements=[], serialization_format="cloudpickle",
                                      step=7)
    mlflow.log_metric("f1", 0.5, model_id=second.model_id)
told["hand"] = hand.info.run_id
told["ids_differ"] = first.model_id != second.model_id
told["steps"] = [each.step for each in client.get_run(hand.info.run_id).outputs.model_outputs]
told["found"] = [
    [m.model_id for m in mlflow.search_logged_models([hand.info.experiment_id], "metrics.f1 > 0.4",
                                                      output_format="list")] == [second.model_id],
    len(mlflow.search_logged_models([hand.info.experiment_id], "name = 'model'", output_format="list")),
]
told["below"] = sorted(f.path for f in client.list_artifacts(hand.info.run_id, "model"))[:1]
told["same"] = [
    int(mlflow.sklearn.load_model(first.model_uri).predict([[3.0]])[0]),
    int(mlflow.pyfunc.load_model(f"runs:/{hand.info.run_id}/model").predict(X[:4])[3]),
]
client.set_logged_model_tags(first.model_id, {"good": "yes"})
told["tags"] = client.get_logged_model(first.model_id).tags["good"]
told["linked"] = json.loads(client.get_logged_model(first.model_id).tags["mlflow.modelVersions"])
client.delete_logged_model(second.model_id)
told["gone"] = [code_of(client.get_logged_model, second.model_id), code_of(client.get_logged_model, "m-nothing")]

alone = mlflow.sklearn.log_model(model, name="alone", pip_requirements=[], serialization_format="cloudpickle")
told["alone"] = client.get_logged_model(alone.model_id).source_run_id

versions = [mlflow.register_model(first.model_uri, "by-mlflow", tags={"a": "1"})]
client.update_model_version("by-mlflow", "2", "better")
client.set_model_version_tag("by-mlflow", "2", "b", "2")
client.delete_model_version_tag("by-mlflow", "2", "a")
client.set_registered_model_alias("by-mlflow", "champion", "2")
client.transition_model_version_stage("by-mlflow", "1", "Staging")
client.transition_model_version_stage("by-mlflow", "2", "staging")
two = client.get_model_version_by_alias("by-mlflow", "champion")
told["two"] = [two.version, two.description, two.tags, two.aliases, two.current_stage, two.run_id == hand.info.run_id,
               two.model_id == first.model_id]
told["stages"] = [client.get_model_version("by-mlflow", "1").current_stage,
                  [v.version for v in client.get_latest_versions("by-mlflow", ["Staging"])]]
told["loaded"] = [int(mlflow.pyfunc.load_model("models:/by-mlflow@champion").predict(X[:4])[3]),
                  type(mlflow.sklearn.load_model("models:/by-mlflow/latest")).__name__]

client.create_registered_model("empty", tags={"t": "1"}, description="nothing yet")
client.set_registered_model_tag("by-mlflow", "team", "x")
told["models"] = [[m.name, m.description, m.tags] for m in client.search_registered_models()]
told["found_models"] = [m.name for m in client.search_registered_models("name LIKE '%flow'")]
told["found_versions"] = [v.version for v in client.search_model_versions("name = 'by-mlflow'", max_results=1)]
told["numbers"] = [[v.version for v in client.search_model_versions(each, order_by=["version_number ASC"])] for each in
                   ("name = 'by-mlflow' and version_number = 1", "name = 'by-mlflow' and version_number < 10")]
told["of_run"] = len(client.search_model_versions(f"run_id = '{hand.info.run_id}'"))
copied = client.copy_model_version("models:/by-mlflow@champion", "copied")
told["copied"] = [copied.name, copied.version]

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
told["by_run"] = type(ExperimentTracker(LocalStore(ROOT)).get_run(hand.info.run_id).load_model("models/model")).__name__
told["by_registry"] = type(ModelRegistry(LocalStore(ROOT)).load_model("copied")).__name__

native = client.get_model_version_by_alias("by-tauro", "best")
told["native"] = [native.version, native.description, native.current_stage, native.tags,
                  {each.key: each.value for each in native.metrics}]
told["native_files"] = sorted(f.path for f in mlflow.artifacts.list_artifacts("models:/by-tauro/1"))
loaded = mlflow.pyfunc.load_model("models:/by-tauro@best")
told["native_says"] = [int(each) for each in loaded.predict(np.array([[3.0], [4.0]]))]

told["codes"] = {
    "twice": code_of(client.create_registered_model, "by-tauro"),
    "bad name": code_of(client.create_registered_model, "a/b"),
    "at": code_of(client.create_registered_model, "a@b"),
    "none": code_of(client.get_registered_model, "nothing"),
    "no version": code_of(client.get_model_version, "by-tauro", "9"),
    "no alias": code_of(client.get_model_version_by_alias, "by-tauro", "nobody"),
    "no stage": code_of(client.transition_model_version_stage, "by-tauro", "1", "Best"),
    "no model": code_of(client.create_model_version, "nothing", first.model_uri),
    "rename": code_of(client.rename_registered_model, "by-tauro", "other"),
    "prompt": code_of(client.register_prompt, "p", "hello"),
    "production": code_of(client.delete_model_version, "by-tauro", "1"),
    "whole": code_of(client.delete_registered_model, "by-tauro"),
}
client.delete_model_version("by-mlflow", "2")
told["left"] = [v.version for v in client.search_model_versions("name = 'by-mlflow'")]
client.delete_registered_model("empty")
client.delete_registered_model("by-mlflow")
told["at_last"] = [m.name for m in client.search_registered_models()]
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    pytest.importorskip("sklearn", reason="scikit-learn comes with the extra 'mlops'")
    return ModelRegistry(LocalStore(tmp_path_factory.mktemp("stores") / "store"))


@pytest.fixture(scope="module")
def told(script: Any, registry: ModelRegistry) -> dict[str, Any]:
    """What one long script of MLflow's client found, after Tauro has registered a model."""
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier(strategy="constant", constant=1).fit([[0.0]], [1])
    version = registry.register_model(model, "by-tauro", "a constant", metrics={"f1": 0.5}, tags={"kind": "dummy"})
    registry.set_alias("by-tauro", version.version, alias="best")
    registry.promote("by-tauro", version.version)
    return script(f"tauro://{registry.store.location}", f"ROOT = {registry.store.location!r}\n{CODE}").told()


def test_autologging_tells_all_that_it_tells_elsewhere(told):
    parameter, metrics, models, datasets = told["auto"]
    assert (parameter, models, datasets) == ("0.5", 1, ["dataset"])
    assert "training_accuracy_score" in metrics
    name, status, of_run, own_metrics, own_parameter = told["auto_model"]
    assert (name, status, of_run, own_parameter) == ("model", "READY", True, "0.5")
    assert "training_accuracy_score" in own_metrics


def test_logged_models_are_found_tagged_loaded_and_deleted(told):
    assert told["ids_differ"]
    assert told["steps"] == [0, 7]
    assert told["found"] == [True, 3]
    assert told["same"] == [1, 1] or told["same"] == [0, 0]
    assert told["below"] == ["model/MLmodel"]
    assert told["tags"] == "yes"
    assert {"name": "by-mlflow", "version": "1"} in told["linked"]
    assert told["gone"] == ["RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST"]


def test_logged_models_are_models_of_their_run(told, registry):
    assert told["by_run"] == "LogisticRegression"
    tracker = ExperimentTracker(registry.store)
    run = tracker.get_run(told["hand"])
    assert set(run.record.models) == {"models/model", "models/model-2"}
    assert {"models/model/MLmodel", "models/model-2/MLmodel"} <= {file.path for file in run.artifacts()}
    alone = tracker.get_run(told["alone"])
    assert (alone.name, alone.status, list(alone.record.models)) == ("alone", "FINISHED", ["models/alone"])


def test_a_version_that_mlflow_registered_is_one_of_the_registry(told, registry):
    two = registry.get("copied")
    assert two.flavor == "mlflow"
    assert two.run_id == told["hand"]
    assert told["by_registry"] == "LogisticRegression"
    assert registry.verify().errors == ()
    removed = registry.versions("by-mlflow", removed=True)
    assert [(each.version, each.removed) for each in removed] == [(1, True), (2, True)]
    assert registry.history("by-mlflow").act.tolist().count("removed") == 2


def test_versions_are_described_tagged_staged_and_given_aliases(told):
    assert told["two"] == ["2", "better", {"b": "2"}, ["champion"], "Staging", True, True]
    assert told["stages"] == ["Archived", ["2"]]
    assert told["loaded"][1] == "LogisticRegression"
    assert told["found_versions"] == ["2"]
    assert told["numbers"] == [["1"], ["1", "2"]]
    assert told["of_run"] == 2
    assert told["copied"] == ["copied", "1"]


def test_models_are_described_and_found_as_a_whole(told):
    assert told["models"] == [
        ["by-mlflow", "better", {"team": "x"}],
        ["by-tauro", "a constant", {}],
        ["empty", "nothing yet", {"t": "1"}],
    ]
    assert told["found_models"] == ["by-mlflow"]
    assert told["left"] == ["1"]
    assert told["at_last"] == ["by-tauro", "copied"]


def test_a_version_that_tauro_registered_is_found_and_loaded_by_mlflow(told):
    assert told["native"] == ["1", "a constant", "Production", {"kind": "dummy"}, {"f1": 0.5}]
    assert "MLmodel" in told["native_files"]
    assert told["native_says"] == [1, 1]


def test_errors_of_the_registry_are_mlflows(told):
    assert told["codes"] == {
        "twice": "RESOURCE_ALREADY_EXISTS",
        "bad name": "INVALID_PARAMETER_VALUE",
        "at": "INVALID_PARAMETER_VALUE",
        "none": "RESOURCE_DOES_NOT_EXIST",
        "no version": "RESOURCE_DOES_NOT_EXIST",
        "no alias": "INVALID_PARAMETER_VALUE",
        "no stage": "INVALID_PARAMETER_VALUE",
        "no model": "RESOURCE_DOES_NOT_EXIST",
        "rename": "NOT_IMPLEMENTED",
        "prompt": "NOT_IMPLEMENTED",
        "production": "INVALID_STATE",
        "whole": "INVALID_STATE",
    }
