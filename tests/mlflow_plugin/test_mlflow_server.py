"""Several processes at once: MLflow's server with its workers, clients of it, clients beside it, and Tauro."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro_nb.errors import RunActive
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

pytestmark = pytest.mark.slow

ENDLESS = """
import pathlib
mlflow.set_experiment("far")
with mlflow.start_run(run_name="long"):
    mlflow.log_param("lr", 0.1)
    for step in range(100_000):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        time.sleep(0.05)
"""
GOES_ON = """
for step in range(1_000_000, 1_000_010):
    client.log_metric(RUN, "loss", 0.5, step=step)
client.log_text(RUN, "hello", "a/b.txt")
client.create_registered_model("far")
version = client.create_model_version("far", f"runs:/{RUN}/a", RUN)
client.set_registered_model_alias("far", "best", version.version)
told["version"] = [version.version, [f.path for f in mlflow.artifacts.list_artifacts("models:/far@best/a")]]
told["running"] = client.get_run(RUN).info.status
client.set_terminated(RUN)
run = client.get_run(RUN)
told["ended"] = [run.info.status, run.data.metrics["loss"], run.info.artifact_uri.split(":")[0]]
told["text"] = open(client.download_artifacts(RUN, "a/b.txt")).read()
client.delete_run(RUN)
told["deleted"] = client.get_run(RUN).info.lifecycle_stage
told["codes"] = [code_of(client.get_run, "nothing"), code_of(client.search_traces, locations=["0"]),
                 code_of(client.rename_experiment, "0", "x")]
left = client.create_run("0", run_name="left by its client")
told["left"] = left.info.run_id
told["delete_left"] = code_of(client.delete_run, left.info.run_id)
"""
MANY = """
import pathlib
mlflow.set_experiment("many")
pathlib.Path("model.txt").write_text("a model")
with mlflow.start_run(run_name=NAME) as run:
    for step in range(200):
        mlflow.log_metric("x", step, step=step)
        client.log_metric(SHARED, NAME, step, step=step)
    client.set_tag(SHARED, NAME, "was here")
    mlflow.log_text("a model", "model/model.txt")
try:
    client.create_registered_model("shared")
except MlflowException:
    pass
for _ in range(3):
    version = client.create_model_version("shared", f"runs:/{run.info.run_id}/model", run.info.run_id)
told["run"] = run.info.run_id
"""


@pytest.fixture
def tracker(tmp_path: Path) -> ExperimentTracker:
    return ExperimentTracker(LocalStore(tmp_path / "store"))


def until(condition: Callable[[], object], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def found(tracker: ExperimentTracker, name: str) -> Run | None:
    runs = tracker.search_runs(f"attributes.run_name = '{name}'")
    return runs[0] if len(runs) else None


def test_a_run_through_a_server_goes_on_as_long_as_a_server_runs(script, serve, tracker):
    root = Path(tracker.store.location)
    server = serve(root, workers=2)
    client = script(server.url, ENDLESS)
    until(lambda: (run := found(tracker, "long")) is not None and len(run.metric_history("loss")) > 20)
    run = found(tracker, "long")
    assert run.status is RunStatus.RUNNING
    assert run.params == {"lr": "0.1"}
    with pytest.raises(RunActive):
        tracker.delete_run(run.run_id)
    client.kill()
    assert tracker.get_run(run.run_id).status is RunStatus.RUNNING
    server.stop()
    assert tracker.get_run(run.run_id).status is RunStatus.INTERRUPTED

    again = serve(root, "--artifacts-destination", f"tauro://{root}")
    told = script(again.url, f"RUN = {run.run_id!r}\n{GOES_ON}").told()
    assert told == {
        "version": ["1", ["a/b.txt"]],
        "running": "RUNNING",
        "ended": ["FINISHED", 0.5, "mlflow-artifacts"],
        "text": "hello",
        "deleted": "deleted",
        "codes": ["RESOURCE_DOES_NOT_EXIST", "NOT_IMPLEMENTED", "NOT_IMPLEMENTED"],
        "left": told["left"],
        "delete_left": None,
    }
    run = tracker.restore_run(run.run_id)
    steps = run.metric_history("loss").step.tolist()
    assert sorted(steps) == [*range(len(steps) - 10), *range(1_000_000, 1_000_010)]
    assert [file.path for file in run.artifacts()] == ["a/b.txt"]
    left = tracker.get_run(told["left"])
    assert (left.status, left.deleted_at_ns is None) == (RunStatus.INTERRUPTED, False)


def test_clients_in_several_processes_lose_nothing(script, tracker):
    uri = f"tauro://{tracker.store.location}"
    with tracker.start_run(run_name="shared", experiment="many") as shared:
        names = ["one", "two"]
        clients = [script(uri, f"SHARED, NAME = {shared.run_id!r}, {name!r}\n{MANY}") for name in names]
        told = [client.told() for client in clients]
    for name, each in zip(names, told, strict=True):
        run = tracker.get_run(each["run"])
        assert (run.name, run.status, run.metrics) == (name, RunStatus.FINISHED, {"x": 199.0})
        assert len(run.metric_history("x")) == 200
        assert shared.metric_history(name).step.tolist() == list(range(200))
    shared = tracker.get_run(shared.run_id)
    assert shared.tags == dict.fromkeys(names, "was here")
    assert shared.metrics == dict.fromkeys(names, 199.0)
    versions = ModelRegistry(tracker.store).versions("shared")
    assert [version.version for version in versions] == list(range(1, 7))
    assert {version.run_id for version in versions} == {each["run"] for each in told}
