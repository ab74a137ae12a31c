"""The copy on an MLflow server: what is here is there, while it runs and after, once."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tauro_nb.mlops.mlflow import lag, report
from tauro_nb.mlops.monitoring.counters import get_metrics_collector
from tauro_nb.mlops.monitoring.findings import HealthStatus
from tauro_nb.wiring import services

pytestmark = pytest.mark.slow

_CLIENT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
(place,) = [each.experiment_id for each in client.search_experiments() if each.name == "churn"]
run = {each.info.run_name: each for each in client.search_runs([place])}["first"]
points = [(each.step, each.value, each.timestamp) for each in client.get_metric_history(run.info.run_id, "loss")]
odd = {key: [each.value for each in client.get_metric_history(run.info.run_id, key)] for key in ("nan", "inf")}
version = client.get_model_version_by_alias("churn-predictor", "champion")
models = {each.name: each for each in client.search_logged_models([place])}
print(json.dumps({
    "points": points,
    "odd": str(odd),
    "version": [version.version, version.current_stage, version.run_id == run.info.run_id, version.description],
    "tags": version.tags,
    "metrics": {each.key: each.value for each in models["churn-predictor"].metrics},
    "made_by": [each.source_run_id == run.info.run_id for each in models.values()],
    "ready": [str(each.status) for each in models.values()],
    "outputs": len(run.outputs.model_outputs),
    "files": sorted(each.path for each in client.list_logged_model_artifacts(models["churn-predictor"].model_id)),
}))
"""


def test_runs_and_models_are_on_the_server_while_they_come_and_after(
    mlflow_server, open_mirrored, until, tmp_path: Path
) -> None:
    session = open_mirrored(mlflow_server.uri)
    tracker, registry = session.tracker, session.registry
    run = tracker.start_run("first", experiment="churn", tags={"team": "risk", "we(ird)": "x" * 6_000})
    run.log_params({"rate": 0.1, "layers": [8, 4], "long": "p" * 7_000})
    for step in range(1_100):
        run.log_metric("loss", 1 / (step + 1))
    run.log_metrics({"nan": math.nan, "inf": math.inf, "odd@name": 1.0})
    (tmp_path / "notes.txt").write_text("hello")
    run.log_artifact(tmp_path / "notes.txt", "some/where")
    with tracker.start_run("child", experiment="churn", parent=run) as child:
        child.log_metric("loss", 2.0)

    until(lambda: len(mlflow_server.runs("churn")) == 2, "both runs are there")
    there = mlflow_server.runs("churn")["first"]
    until(lambda: len(mlflow_server.history(there.id, "loss")) == 1_100, "all points are there")
    until(lambda: mlflow_server.files(there.id) == ["some/where/notes.txt"], "the file is there")
    assert mlflow_server.runs("churn")["first"].status == "RUNNING"
    run.log_metric("loss", 0.5)
    until(lambda: len(mlflow_server.history(there.id, "loss")) == 1_101, "a later point is there")

    run.log_model({"weights": [1, 2]}, "models/m.pkl")
    version = registry.register_model(
        {"w": 1}, "churn-predictor", "a baseline", {"auc": 0.9, "loss": 0.5}, {"framework": "none"}, run=run
    )
    registry.register_model({"w": 2}, "churn-predictor")
    registry.promote("churn-predictor", version.version, stage="Production")
    registry.set_alias("churn-predictor", version.version, alias="champion")
    registry.set_alias("churn-predictor", 2, alias="v2 (next)")
    run.set_notes("looks **good**")
    run.end()
    until(lambda: mlflow_server.runs("churn")["first"].status == "FINISHED", "the end is there")
    until(lambda: len(mlflow_server.versions("churn-predictor")) == 2, "both versions are there")
    registry.delete_alias("churn-predictor", "v2 (next)")
    registry.set_description("churn-predictor", 1, "the baseline")
    registry.delete_version("churn-predictor", 2)

    def tags(version: int) -> dict[str, str]:
        held = mlflow_server.versions("churn-predictor")[version - 1]
        return {each["key"]: each["value"] for each in held.get("tags", [])}

    until(lambda: tags(2).get("tauro.removed") == "true", "the removal is there")
    replica = services(session.context).replica
    until(lambda: not report.status(replica, registry).found or not replica.standing.left, "nothing is left")

    seen = mlflow_server.runs("churn")
    first, second = seen["first"], seen["child"]
    assert second.tags["mlflow.parentRunId"] == first.id
    assert (first.params["rate"], first.params["layers"]) == ("0.1", "[8, 4]")
    assert len(first.params["long"]) == 6_000
    assert first.tags["team"] == "risk"
    assert first.tags["mlflow.note.content"] == "looks **good**"
    assert first.info["start_time"] == run.started_at_ns // 1_000_000
    assert first.info["end_time"] == run.ended_at_ns // 1_000_000
    changed = json.loads(first.tags["tauro.changed"])
    assert changed["params.long"] == "cut from 7,000 to 6,000 characters"
    assert "metrics.odd@name" in changed

    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CLIENT, mlflow_server.uri], capture_output=True, text=True, check=True
    )
    told = json.loads(answer.stdout.splitlines()[-1])
    here = run.metric_history("loss")
    assert [(step, value) for step, value, _ in told["points"]] == list(zip(here["step"], here["value"], strict=True))
    assert [at for _, _, at in told["points"]] == (here["at"].astype("int64") // 1_000_000).tolist()
    assert told["odd"] == str({"nan": [math.nan], "inf": [sys.float_info.max]})
    assert told["version"] == ["1", "Production", True, "the baseline"]
    assert told["tags"]["tauro.stage"] == "Production"
    assert told["tags"]["framework"] == "none"
    assert told["metrics"]["auc"] == 0.9
    assert told["made_by"].count(True) == 2
    assert set(told["ready"]) == {"READY"}
    assert told["outputs"] == 2
    assert "metadata.json" in told["files"]

    assert lag.check(replica).status is HealthStatus.HEALTHY
    assert get_metrics_collector().get_counter("mirror_waiting") == 0
    assert "tauro_mirror_lag_seconds" in get_metrics_collector().to_prometheus()

    run.set_tag("team", "fraud")
    tracker.delete_run(child.run_id)
    until(lambda: mlflow_server.runs("churn")["first"].tags["team"] == "fraud", "a tag of an ended run is there")
    until(lambda: "child" not in mlflow_server.runs("churn", "ACTIVE_ONLY"), "the child is deleted there")
    tracker.restore_run(child.run_id)
    until(lambda: "child" in mlflow_server.runs("churn", "ACTIVE_ONLY"), "the child is back")
    assert replica.close(30) == 0

    mlflow_server.ask("runs/set-tag", run_id=first.id, key="team", value="somebody else's")
    mlflow_server.ask("runs/delete", run_id=second.id)
    compared = report.diff(replica, lambda *_: None)
    assert {each.id: each.details for each in compared.found} == {
        run.run_id: ("tags.team: \"somebody else's\" there, 'fraud' here",),
        child.run_id: ("deleted there",),
    }
    assert report.sync(replica, lambda *_: None).ok
    assert mlflow_server.runs("churn", "ACTIVE_ONLY")["child"].id == second.id
    assert mlflow_server.runs("churn")["first"].tags["team"] == "fraud"
