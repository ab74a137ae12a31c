"""Taking what MLflow's own client has made on a real server into a store, in processes of their own."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tauro_nb
from tauro_nb.mlops.mlflow import report
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.wiring import services

START_MS = 1_700_000_000_000

MADE = """
    import mlflow
    from mlflow.entities import Metric

    c = mlflow.MlflowClient(uri)
    mlflow.set_tracking_uri(uri)
    place = c.create_experiment(experiment)

    def end(run, status, at):
        c.set_terminated(run, status, end_time=at)

    parent = c.create_run(place, start_time=START, run_name="parent", tags={"team": "a", "mlflow.note.content": "# why",
                          "mlflow.user": "ada", "mlflow.source.git.commit": "c0ffee"}).info.run_id
    c.log_param(parent, "rate", "0.1")
    points = [Metric("loss", float("nan") if n == 7 else 1 / (n + 1), START + 10 * n, n) for n in range(1500)]
    for begin in range(0, 1500, 500):
        c.log_batch(parent, metrics=points[begin : begin + 500])
    c.log_metric(parent, "accuracy", 0.9, timestamp=START + 20_000, step=3)
    c.log_text(parent, "hello", "notes/deep/a ö.txt")
    data = mlflow.entities.Dataset("customers", "d1", "local", '{"uri": "/data.csv"}')
    c.log_inputs(parent, [mlflow.entities.DatasetInput(data, [])])
    end(parent, "FINISHED", START + 30_000)
    child = c.create_run(place, start_time=START + 1_000, run_name="child", tags={"mlflow.parentRunId": parent})
    end(child.info.run_id, "FAILED", START + 2_000)
    stopped = c.create_run(place, start_time=START + 3_000, run_name="stopped").info.run_id
    end(stopped, "KILLED", START + 4_000)
    left = c.create_run(place, start_time=START + 5_000, run_name="left by its process").info.run_id
    c.log_metric(left, "loss", 0.5, timestamp=START + 6_000)
    going = c.create_run(place, run_name="going on").info.run_id
    c.log_metric(going, "loss", 0.5)

    class Double(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [2 * each for each in model_input]

    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_id=parent):
        model = mlflow.pyfunc.log_model(name="double", python_model=Double())
    end(parent, "FINISHED", START + 30_000)
    c.create_registered_model(name)
    told = {"model_id": model.model_id, "run_id": parent}
    c.create_model_version(name, model.model_uri, tags={"made": "there"}, description="the first", **told)
    c.create_model_version(name, model.model_uri, **told)
    c.transition_model_version_stage(name, "1", "Production")
    c.set_registered_model_alias(name, "champion", "2")
"""

CHANGED = """
    import mlflow

    c = mlflow.MlflowClient(uri)
    place = c.get_experiment_by_name(experiment).experiment_id
    runs = {run.info.run_name: run.info.run_id for run in c.search_runs([place])}
    c.log_metric(runs["parent"], "loss", 0.25, timestamp=START + 25_000, step=1500)
    c.log_text(runs["parent"], "more", "notes/b.txt")
    c.set_tag(runs["parent"], "team", "b")
    c.set_tag(runs["stopped"], "team", "new")
    c.set_terminated(runs["going on"], "FINISHED")
    c.transition_model_version_stage(name, "1", "Archived")
    c.transition_model_version_stage(name, "2", "Production")
    c.set_model_version_tag(name, "1", "made", "anew")
"""


class Made:
    """An experiment and a model on a server."""

    experiment = "import/churn"
    name = "imported-double"

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.do(MADE)

    def do(self, code: str) -> None:
        """Run MLflow's client in a process of its own."""
        told = f"uri, experiment, name, START = {self.uri!r}, {self.experiment!r}, {self.name!r}, {START_MS}\n"
        _python(told + textwrap.dedent(code), Path.cwd())


@pytest.fixture(scope="module")
def made(mlflow_server: Any) -> Made:
    return Made(mlflow_server.uri)


@pytest.fixture
def project(make_project: Any, tmp_path: Path) -> Path:
    make_project("def a(): pass", {"a": {}})
    return tmp_path


def take(project: Path, uri: str, *calls: Sequence[str]) -> list[Any]:
    """Run ``tauro mlflow import`` with the words of each call, in one process; return the documents."""
    words = [["mlflow", "import", "--uri", uri, *call, "--json"] for call in calls]
    shown = _python(f"from tauro_nb.cli.main import run\nfor each in {words!r}: assert run(each) == 0", project)
    decoder, found, at = json.JSONDecoder(), [], 0
    while shown[at:].strip():
        at += len(shown[at:]) - len(shown[at:].lstrip())
        document, at = decoder.raw_decode(shown, at)
        found.append(document)
    return found


def refused(project: Path, uri: str, *words: str, code: int) -> str:
    """Return what ``tauro mlflow import`` says that fails with this code."""
    command = [sys.executable, "-c", "from tauro_nb.cli.main import main; main()", "mlflow", "import", "--uri", uri]
    shown = subprocess.run(
        [*command, *words], cwd=project, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == code, shown.stderr
    return shown.stderr


def outcomes(document: Any) -> dict[str, str]:
    return {row["name"]: row["outcome"] for row in document["things"]}


def _python(code: str, folder: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    shown = subprocess.run(command, cwd=folder, env=_ENVIRONMENT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


_ENVIRONMENT = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


@pytest.mark.slow
def test_runs_and_models_come_in_once_with_their_histories_and_follow_what_changes(
    made: Made, project: Path, mlflow_server: Any, open_mirrored: Any
) -> None:
    chosen = ["--experiment", made.experiment]
    plan, document, again = take(project, made.uri, [*chosen, "--dry-run"], chosen, chosen)
    one, two = f"{made.name} v1", f"{made.name} v2"
    came = {"parent", "child", "stopped", "left by its process", one, two}
    assert outcomes(plan) == outcomes(document) == {**dict.fromkeys(came, "copied"), "going on": "left"}

    session = tauro_nb.open_store(project / "mlops_data")
    runs = {run.name: run for run in session.tracker.search_runs()}
    parent, record = runs["parent"], runs["parent"].record
    assert (record.started_at_ns, record.ended_at_ns) == (START_MS * 1_000_000, (START_MS + 30_000) * 1_000_000)
    assert (dict(parent.params), record.notes, record.experiment) == ({"rate": "0.1"}, "# why", made.experiment)
    assert record.inputs["customers"]["digest"] == "d1"
    assert (record.source.user, record.source.git_commit) == ("ada", "c0ffee")
    assert (parent.tags["team"], parent.tags["tauro.mlflow_uri"]) == ("a", made.uri)
    loss = parent.metric_history("loss")
    assert list(loss["step"]) == list(range(1500))
    assert math.isnan(loss["value"][7])
    assert [at.value for at in loss["at"]] == [(START_MS + 10 * step) * 1_000_000 for step in range(1500)]
    assert list(parent.metric_history("accuracy")["step"]) == [3]
    assert {"notes/deep/a ö.txt", "models/double/MLmodel"} <= {file.path for file in parent.artifacts()}
    assert all(file.sha256 for file in parent.artifacts())
    assert runs["child"].record.parent_id == parent.run_id
    status = {name: run.status for name, run in runs.items()}
    assert status == {
        "parent": RunStatus.FINISHED,
        "child": RunStatus.FAILED,
        "stopped": RunStatus.INTERRUPTED,
        "left by its process": RunStatus.INTERRUPTED,
    }

    first, second = session.registry.versions(made.name)
    assert (first.stage, first.description, first.tags["made"]) == ("Production", "the first", "there")
    assert (second.aliases, second.run_id, second.flavor) == (("champion",), parent.run_id, "mlflow")
    assert first.record.meta.runs_code
    assert first.record.imported_from == f"{made.name} v1 of {made.uri}"
    loads = f"import tauro_nb; print(tauro_nb.open_store('mlops_data').registry.load_model({made.name!r}).predict([3]))"
    assert _python(loads, project).splitlines()[-1] == "[6]"

    assert outcomes(again) == {**dict.fromkeys(came, "same"), "going on": "left"}
    assert again["size_bytes"] == 0
    runs["parent"].set_tag("ours", "kept")
    runs["stopped"].set_tag("team", "ours")
    made.do(CHANGED)
    (changed,) = take(project, made.uri, chosen)
    expected = {"parent": "updated", "stopped": "updated", "going on": "copied", one: "updated", two: "updated"}
    assert outcomes(changed) == {"child": "same", "left by its process": "same", **expected}
    session = tauro_nb.open_store(project / "mlops_data")
    runs = {run.name: run for run in session.tracker.search_runs()}
    assert (runs["parent"].tags["team"], runs["parent"].tags["ours"]) == ("b", "kept")
    assert runs["stopped"].tags["team"] == "ours"
    assert len(runs["parent"].metric_history("loss")) == 1501
    assert runs["parent"].metrics["loss"] == 0.25
    assert "notes/b.txt" in {file.path for file in runs["parent"].artifacts()}
    first, second = session.registry.versions(made.name)
    assert (first.stage, second.stage, first.tags["made"]) == ("Archived", "Production", "anew")
    assert len(session.tracker.search_runs()) == 5

    mirrored = open_mirrored(made.uri)  # what came from a server does not go back there as something new
    before = len(mlflow_server.runs(made.experiment))
    sent = report.sync(services(mirrored.context).replica, lambda *_: None)
    assert (sent.looked_at, sent.found) == (0, ())
    assert len(mlflow_server.runs(made.experiment)) == before
    assert len(mlflow_server.versions(made.name)) == 2


@pytest.mark.slow
def test_an_import_that_is_killed_at_any_write_is_finished_by_the_next(made: Made, tmp_path: Path) -> None:
    code = f"""
        import json, sys
        from pathlib import Path
        from tauro_nb.mlops.mlflow.importing import import_mlflow
        from tauro_nb.store.local import LocalStore
        from tauro_nb.testing.dying import Died, DyingLocal
        from tauro_nb.mlops import ExperimentTracker, ModelRegistry

        name = {made.name!r}

        def told(store):
            runs = sorted(
                (run.run_id, run.status, len(run.metric_history()), [file.path for file in run.artifacts()])
                for run in ExperimentTracker(store).search_runs()
            )
            registry = ModelRegistry(store)
            versions = [(each.version, each.stage, each.aliases, each.tags) for each in registry.versions(name)]
            return json.dumps([runs, versions, len(registry.history(name))])

        def take(store):
            return import_mlflow(store, {made.uri!r}, experiments=[{made.experiment!r}])

        take(LocalStore("whole"))
        whole = told(LocalStore("whole"))
        print(whole)
        for lives in (1, 4, 9, 14, 19, 24, 26):
            store = DyingLocal(f"target-{{lives}}")
            store.lives = lives
            try:
                take(store)
            except Died:
                died = True
            store.lives = None
            assert take(store).ok
            assert told(LocalStore(f"target-{{lives}}")) == whole, lives
        assert died
    """
    runs, versions, acts = json.loads(_python(textwrap.dedent(code), tmp_path).splitlines()[-1])
    assert len(runs) >= 4
    assert (len(versions), acts) >= (2, 4)


def test_what_is_not_there_is_told_with_its_mend_and_no_password(project: Path, tmp_path: Path) -> None:
    said = refused(project, "sqlite:///nothing.db", code=2)
    assert "there is no file nothing.db" in said
    assert "there is no folder mlruns" in refused(project, "mlruns", code=2)
    assert "tauro store pull" in refused(project, "tauro:///somewhere", code=2)
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_told_soon_and_without_its_password(project: Path) -> None:
    said = refused(project, "http://ada:hunter22@127.0.0.1:9", code=1)
    assert "hunter22" not in said
    assert "http://127.0.0.1:9" in said
    assert "the server runs" in said
    assert len(said.splitlines()) == 2


@pytest.mark.slow
def test_an_experiment_that_is_not_there_is_told_with_the_nearest(mlflow_server: Any, project: Path) -> None:
    assert "did you mean 'Default'" in refused(project, mlflow_server.uri, "--experiment", "Defalt", code=2)
