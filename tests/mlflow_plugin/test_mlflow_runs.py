"""Runs that MLflow's client makes at ``tauro://``, and those of Tauro that it finds there."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

pytestmark = pytest.mark.slow

CODE = """
import pathlib
from mlflow.entities import Metric, Param, RunTag, ViewType

told["native"] = [client.get_run(NATIVE).to_dictionary(), dict(client.get_run(NATIVE).inputs.dataset_inputs[0].dataset)]
told["native_history"] = [(m.step, m.value, m.timestamp) for m in client.get_metric_history(NATIVE, "loss")]

mlflow.set_experiment("größe / 100%")
with mlflow.start_run(run_name="outer 🚀", description="some *notes*", tags={"team": "<b>"}) as outer:
    run_id = outer.info.run_id
    mlflow.log_params({"lr": 0.1, "layers": [1, 2]})
    mlflow.log_metric("val/loss", 1.5, step=0)
    mlflow.log_metric("val/loss", float("nan"), step=7)
    client.log_batch(
        run_id,
        metrics=[Metric("val/loss", 0.25, 1_700_000_000_000 + step, step) for step in range(10, 400)],
        params=[Param("kind", "svm")],
        tags=[RunTag("phase", "1")],
    )
    mlflow.log_text("hello", "notes/a ü 100%.txt")
    mlflow.log_dict({"a": 1}, "config.json")
    with mlflow.start_run(run_name="inner", nested=True) as inner:
        mlflow.log_metric("x", 3)
    told["running"] = [client.get_run(run_id).info.status, client.get_run(inner.info.run_id).info.status]
told["run"] = client.get_run(run_id).to_dictionary()
told["child"] = client.get_run(inner.info.run_id).to_dictionary()

pages, token = [], None
while True:
    page = client.get_metric_history_paginated(run_id, "val/loss", 150, token) if hasattr(
        client, "get_metric_history_paginated") else client._tracking_client.store.get_metric_history(
        run_id, "val/loss", 150, token)
    pages.append(len(page))
    token = page.token
    if token is None:
        break
told["pages"] = pages
sample = client._tracking_client.store.get_metric_history_bulk_interval([run_id, NATIVE], "val/loss", 20, 10, 399)
told["sample"] = [len(sample), sample[0].step, sample[-1].step]
told["files"] = [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(run_id)]
told["below"] = [f.path for f in client.list_artifacts(run_id, "notes")]
told["no_file"] = [client.list_artifacts(run_id, "nothing"), client.list_artifacts(run_id, "config.json")]
told["text"] = open(client.download_artifacts(run_id, "notes/a ü 100%.txt")).read()
told["by_run"] = mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json")

client.log_metric(run_id, "late", 1.0)
client.log_text(run_id, "afterwards", "late.txt")
client.delete_tag(run_id, "team")
client.set_tag(run_id, "mlflow.runName", "renamed")

failed = None
try:
    with mlflow.start_run(run_name="failing") as run:
        failed = run.info.run_id
        raise RuntimeError("on purpose")
except RuntimeError:
    pass
told["failed"] = client.get_run(failed).info.status
with mlflow.start_run(run_id=failed):
    mlflow.log_metric("again", 1)
told["resumed"] = client.get_run(failed).info.status
killed = client.create_run(outer.info.experiment_id, run_name="killed", start_time=1_700_000_000_000)
client.set_terminated(killed.info.run_id, "KILLED", end_time=1_700_000_005_000)

def found(*filters, **options):
    runs = client.search_runs([outer.info.experiment_id], *filters, **options)
    return [run.info.run_name for run in runs]

told["found"] = {
    "all": found(order_by=["attributes.start_time ASC"]),
    "killed": found("attributes.status = 'KILLED'"),
    "not": found("attributes.status IN ('FAILED', 'KILLED') and attributes.end_time > 0"),
    "children": found(f"tags.mlflow.parentRunId = '{run_id}'"),
    "numbers": found("metrics.`val/loss` < 0.3 and params.lr = '0.1'"),
}
first = client.search_runs([outer.info.experiment_id, "0"], max_results=2, order_by=["attributes.start_time ASC"])
second = client.search_runs([outer.info.experiment_id, "0"], max_results=9, page_token=first.token,
                            order_by=["attributes.start_time ASC"])
told["pages_of_runs"] = [[run.info.run_name for run in page] for page in (first, second)] + [second.token]
client.delete_run(killed.info.run_id)
told["deleted"] = [found(), found(run_view_type=ViewType.DELETED_ONLY), len(found(run_view_type=ViewType.ALL))]
told["log_to_deleted"] = code_of(client.log_metric, killed.info.run_id, "x", 1)
client.restore_run(killed.info.run_id)

other = client.create_experiment("other", tags={"a": "1"})
client.set_experiment_tag(other, "b", "2")
gone = client.create_run(other)
told["delete_active"] = [code_of(client.delete_experiment, other), len(client.search_runs([other]))]
client.set_terminated(gone.info.run_id)
client.delete_experiment(other)
told["experiments"] = [
    [e.name for e in client.search_experiments(order_by=["name"])],
    [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)],
    len(client.search_runs([other])),
    code_of(client.create_experiment, "other"),
]
client.restore_experiment(other)
told["restored"] = [client.get_experiment(other).tags, len(client.search_runs([other]))]
told["default"] = [client.get_experiment_by_name("Default").experiment_id, client.get_experiment("0").name]
told["found_experiments"] = [e.name for e in client.search_experiments(filter_string="tags.b = '2'")]

told["codes"] = {
    "no run": code_of(client.get_run, "nothing"),
    "no run, odd": code_of(client.get_run, "../../etc"),
    "no experiment": code_of(client.get_experiment, "17"),
    "experiment twice": code_of(client.create_experiment, "other"),
    "rename": code_of(client.rename_experiment, other, "new"),
    "other place": code_of(client.create_experiment, "elsewhere", "s3://bucket"),
    "filter": code_of(client.search_runs, [other], "metrics.x ~ 3"),
    "parameter": code_of(client.log_param, run_id, "lr", 0.2),
    "same parameter": code_of(client.log_param, run_id, "lr", 0.1),
    "metric key": code_of(client.log_metric, run_id, "a" * 251, 1),
    "path": code_of(client.log_artifact, run_id, __import__("sys").executable, "../.."),
    "absolute path": code_of(client.log_artifact, run_id, __import__("sys").executable, "/x"),
    "no artifact": code_of(client.download_artifacts, run_id, "nothing.txt"),
    "traces": code_of(client.search_traces, locations=[other]),
    "scorers": code_of(client._tracking_client.store.list_scorers, other),
    "assessments": code_of(client._tracking_client.store.get_assessment, "t", "a"),
    "spans": code_of(client._tracking_client.store.log_spans, other, []),
    "links": code_of(client._tracking_client.store.link_traces_to_run, ["t"], run_id),
    "data sets": code_of(client.search_datasets, [other]),
}
for path in pathlib.Path(ROOT).rglob("config.json"):
    path.write_text('{"a": 2}')
try:
    mlflow.artifacts.load_dict(f"{outer.info.artifact_uri}/config.json")
except MlflowException as error:
    told["changed"] = str(error)
told["ids"] = [run_id, inner.info.run_id, failed, killed.info.run_id]
left = client.create_run(other, run_name="left open")
told["left"] = left.info.run_id
told["user"] = outer.info.user_id
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("stores") / "ein Ort 100%")


@pytest.fixture(scope="module")
def native(root: str) -> str:
    """A run of Tauro's."""
    tracker = ExperimentTracker(LocalStore(root))
    with tracker.start_run(run_name="native", experiment="default", tags={"who": "tauro"}) as run:
        run.log_params({"depth": 3, "wide": True, "none": None})
        run.log_metrics({"loss": 0.5}, step=1)
        run.log_metrics({"loss": 0.75}, step=2)
        run.set_notes("by hand")
    inputs = {"train": {"path": "/data/train.parquet", "size_bytes": 7, "sha256": "ab" * 32}}
    run._learn_inputs(inputs)
    return run.run_id


@pytest.fixture(scope="module")
def told(script: Any, root: str, native: str) -> dict[str, Any]:
    """What one long script of MLflow's client found."""
    from tauro_nb.mlflow_plugin.address import store_uri

    return script(store_uri(root), f"ROOT, NATIVE = {root!r}, {native!r}\n{CODE}").told()


@pytest.fixture(scope="module")
def tracker(root: str, told: object) -> ExperimentTracker:
    """Tauro's tracker, after that script."""
    return ExperimentTracker(LocalStore(root))


def test_a_run_of_tauro_is_like_any_other_in_mlflow(told, native):
    run, dataset = told["native"]
    assert run["info"]["run_name"] == "native"
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["experiment_id"] == "0"
    assert run["data"]["params"] == {"depth": "3", "wide": "True", "none": "None"}
    assert run["data"]["metrics"] == {"loss": 0.75}
    assert run["data"]["tags"]["mlflow.note.content"] == "by hand"
    assert run["data"]["tags"]["who"] == "tauro"
    assert (dataset["name"], dataset["digest"]) == ("train", ("ab" * 32)[:36])
    assert [point[:2] for point in told["native_history"]] == [[1, 0.5], [2, 0.75]]


def test_a_run_of_mlflow_is_like_any_other_in_the_tracker(told, tracker):
    run = tracker.get_run(told["ids"][0])
    assert (run.name, run.experiment, run.notes) == ("renamed", "größe / 100%", "some *notes*")
    assert run.status is RunStatus.FINISHED
    assert run.params == {"lr": "0.1", "layers": "[1, 2]", "kind": "svm"}
    assert run.tags["phase"] == "1"
    assert "team" not in run.tags
    assert run.source.user == told["run"]["info"]["user_id"] == told["user"]
    points = run.metric_history("val/loss")
    assert points.step.tolist() == [0, 7, *range(10, 400)]
    assert math.isnan(points.value[1])
    assert points["at"][3].timestamp() == pytest.approx(1_700_000_000.011)
    assert tracker.get_run(told["ids"][1]).parent_id == run.run_id


def test_mlflow_sees_its_own_runs_as_it_made_them(told):
    assert told["running"] == ["RUNNING", "FINISHED"]
    data = told["run"]["data"]
    assert data["tags"]["mlflow.runName"] == "outer 🚀"
    assert data["tags"]["team"] == "<b>"
    assert data["metrics"]["val/loss"] == 0.25
    assert told["child"]["data"]["tags"]["mlflow.parentRunId"] == told["ids"][0]
    assert told["run"]["info"]["lifecycle_stage"] == "active"


def test_histories_come_in_pages_and_samples(told):
    assert told["pages"] == [150, 150, 92]
    assert told["sample"] == [20, 10, 399]


def test_artifacts_come_back(told, tracker):
    assert told["files"] == [["config.json", False, 12], ["notes", True, None]]
    assert told["below"] == ["notes/a ü 100%.txt"]
    assert told["no_file"] == [[], []]
    assert (told["text"], told["by_run"]) == ("hello", {"a": 1})
    files = {file.path: file for file in tracker.get_run(told["ids"][0]).artifacts()}
    assert set(files) == {"config.json", "notes/a ü 100%.txt", "late.txt"}
    assert all(file.sha256 for file in files.values())


def test_a_run_that_has_ended_still_takes_what_comes(told, tracker):
    run = tracker.get_run(told["ids"][0])
    assert run.metrics["late"] == 1.0
    assert run.ended_at_ns is not None


def test_ends_are_told_in_both_languages(told, tracker):
    assert (told["failed"], told["resumed"]) == ("FAILED", "FINISHED")
    killed = tracker.get_run(told["ids"][3])
    assert killed.status is RunStatus.INTERRUPTED
    assert (killed.started_at_ns, killed.ended_at_ns) == (1_700_000_000 * 10**9, 1_700_000_005 * 10**9)


def test_a_run_that_the_script_left_open_ends_with_it(told, tracker):
    assert tracker.get_run(told["left"]).status is RunStatus.FINISHED


def test_runs_are_found_in_mlflows_grammar(told):
    assert told["found"] == {
        "all": ["killed", "renamed", "inner", "failing"],
        "killed": ["killed"],
        "not": ["killed"],
        "children": ["inner"],
        "numbers": ["renamed"],
    }
    assert told["pages_of_runs"] == [["killed", "native"], ["renamed", "inner", "failing"], None]


def test_deleted_runs_and_experiments_come_back(told, tracker):
    assert told["deleted"] == [["failing", "inner", "renamed"], ["killed"], 4]
    assert told["log_to_deleted"] == "INVALID_PARAMETER_VALUE"
    assert told["delete_active"] == ["INVALID_STATE", 1]
    assert told["experiments"] == [["default", "größe / 100%"], ["other"], 0, "RESOURCE_ALREADY_EXISTS"]
    assert told["restored"] == [{"a": "1", "b": "2"}, 1]
    assert told["default"] == ["0", "default"]
    assert told["found_experiments"] == ["other"]
    assert [each.name for each in tracker.experiments()] == ["default", "größe / 100%", "other"]


def test_errors_are_mlflows(told):
    assert told["codes"] == {
        "no run": "RESOURCE_DOES_NOT_EXIST",
        "no run, odd": "INVALID_PARAMETER_VALUE",
        "no experiment": "RESOURCE_DOES_NOT_EXIST",
        "experiment twice": "RESOURCE_ALREADY_EXISTS",
        "rename": "NOT_IMPLEMENTED",
        "other place": "INVALID_PARAMETER_VALUE",
        "filter": "INVALID_PARAMETER_VALUE",
        "parameter": "INVALID_PARAMETER_VALUE",
        "same parameter": None,
        "metric key": "INVALID_PARAMETER_VALUE",
        "path": "INVALID_PARAMETER_VALUE",
        "absolute path": "INVALID_PARAMETER_VALUE",
        "no artifact": "RESOURCE_DOES_NOT_EXIST",
        "traces": "NOT_IMPLEMENTED",
        "scorers": "NOT_IMPLEMENTED",
        "assessments": "NOT_IMPLEMENTED",
        "spans": "NOT_IMPLEMENTED",
        "links": "NOT_IMPLEMENTED",
        "data sets": "NOT_IMPLEMENTED",
    }


def test_a_file_that_was_changed_is_not_given_out(told):
    assert "its SHA-256 differs" in told["changed"]
