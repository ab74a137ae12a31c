"""Taking what MLflow's own client has made on a real server into a store, in processes of their own."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro
from tauro_nb.mlops.mlflow import report
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.session import Session
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
    c.create_run(place, run_name="sent from here", tags={"tauro.run_id": own})
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

    def do(self, code: str, folder: Path | None = None, own: str = "") -> str:
        """Run MLflow's client in a process of its own, in a folder; return what it printed."""
        told = f"uri, experiment, name, own = {self.uri!r}, {self.experiment!r}, {self.name!r}, {own!r}\n"
        told += f"START = {START_MS}\n"
        return python(told + textwrap.dedent(code), folder or Path.cwd())


class Taken(NamedTuple):
    """A project into which all that was taken in."""

    project: Path
    plan: Any
    """What ``--dry-run`` told; then what was done, and what was done by doing it again."""
    first: Any
    again: Any
    predicted: Any

    @property
    def store(self) -> Session:
        return tauro_nb.open_store(self.project / "mlops_data")


TAKE = """
    from tauro_nb.cli.main import run
    words = ["mlflow", "import", "--uri", uri, "--experiment", experiment, "--json"]
"""


@pytest.fixture(scope="module")
def made(mlflow_server: Any) -> Made:
    return Made(mlflow_server.uri)


@pytest.fixture(scope="module")
def taken(made: Made, make_project_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("taken")
    make_project_in("def a(): pass", {"a": {}}, root=folder)
    code = """
        assert [run([*words, "--dry-run"]), run(words), run(words)] == [0, 0, 0]
        import tauro_nb
        print(tauro_nb.open_store("mlops_data").registry.load_model(name).predict([3]))
    """
    shown = made.do(textwrap.dedent(TAKE) + textwrap.dedent(code), folder)
    return Taken(folder, *documents(shown))


@pytest.fixture
def project(make_project: Any, tmp_path: Path) -> Path:
    make_project("def a(): pass", {"a": {}})
    return tmp_path


def documents(text: str) -> list[Any]:
    """Read what stands one behind the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def outcomes(document: Any) -> dict[str, str]:
    return {row["name"]: row["outcome"] for row in document["things"]}


def python(code: str, folder: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    quiet = ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT")
    environment = {**os.environ, **dict.fromkeys(quiet, "true")}
    shown = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


@pytest.mark.slow
def test_runs_come_in_once_with_their_histories(made: Made, taken: Taken) -> None:
    came = {"parent", "child", "stopped", "left by its process", f"{made.name} v1", f"{made.name} v2"}
    assert outcomes(taken.plan) == outcomes(taken.first) == {**dict.fromkeys(came, "copied"), "going on": "left"}
    assert outcomes(taken.again) == {**dict.fromkeys(came, "same"), "going on": "left"}
    assert taken.again["size_bytes"] == 0

    runs = {run.name: run for run in taken.store.tracker.search_runs()}
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
    assert {name: run.status for name, run in runs.items()} == {
        "parent": RunStatus.FINISHED,
        "child": RunStatus.FAILED,
        "stopped": RunStatus.INTERRUPTED,
        "left by its process": RunStatus.INTERRUPTED,
    }


@pytest.mark.slow
def test_versions_come_in_with_stages_aliases_and_files_that_load(made: Made, taken: Taken) -> None:
    first, second = taken.store.registry.versions(made.name)
    assert (first.stage, first.description, first.tags["made"]) == ("Production", "the first", "there")
    assert (second.aliases, second.flavor) == (("champion",), "mlflow")
    assert taken.store.tracker.get_run(second.run_id).name == "parent"
    assert first.record.meta.runs_code
    assert first.record.imported_from == f"{made.name} v1 of {made.uri}"
    assert taken.predicted == [6]


@pytest.mark.slow
def test_what_changes_there_follows_and_what_was_changed_here_stays(made: Made, taken: Taken, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(taken.project, project)
    session = tauro_nb.open_store(project / "mlops_data")
    runs = {run.name: run for run in session.tracker.search_runs()}
    runs["parent"].set_tag("ours", "kept")
    runs["stopped"].set_tag("team", "ours")
    with session.tracker.start_run("ours", experiment="ours") as ours:
        ours.log_metric("loss", 1.0)
    code = textwrap.dedent(CHANGED) + textwrap.dedent(TAKE) + "assert run(words) == 0"
    changed = json.loads(made.do(code, project, ours.run_id))
    expected = {"parent": "updated", "stopped": "updated", "going on": "copied", "sent from here": "own"}
    expected |= dict.fromkeys((f"{made.name} v1", f"{made.name} v2"), "updated")
    assert outcomes(changed) == {"child": "same", "left by its process": "same", **expected}

    session = tauro_nb.open_store(project / "mlops_data")
    runs = {run.name: run for run in session.tracker.search_runs()}
    assert len(runs) == len(session.tracker.search_runs()) == 6
    assert (runs["parent"].tags["team"], runs["parent"].tags["ours"]) == ("b", "kept")
    assert runs["stopped"].tags["team"] == "ours"
    assert len(runs["parent"].metric_history("loss")) == 1501
    assert runs["parent"].metrics["loss"] == 0.25
    assert "notes/b.txt" in {file.path for file in runs["parent"].artifacts()}
    first, second = session.registry.versions(made.name)
    assert (first.stage, second.stage, first.tags["made"]) == ("Archived", "Production", "anew")


@pytest.mark.slow
def test_what_came_from_a_server_does_not_go_back_there_as_something_new(
    made: Made, taken: Taken, tmp_path: Path, mlflow_server: Any, open_mirrored: Any
) -> None:
    shutil.copytree(taken.project / "mlops_data", tmp_path / "mlops_data")
    mirrored = open_mirrored(made.uri)
    before = len(mlflow_server.runs(made.experiment))
    sent = report.sync(services(mirrored.context).replica, lambda *_: None)
    assert (sent.looked_at, sent.found) == (0, ())
    assert len(mlflow_server.runs(made.experiment)) == before
    assert len(mlflow_server.versions(made.name)) == 2


@pytest.mark.slow
def test_an_import_that_is_killed_at_any_write_is_finished_by_the_next_and_two_at_once_are_refused(
    made: Made, tmp_path: Path
) -> None:
    code = f"""
        import json, sys
        from pathlib import Path
        from tauro_nb.errors import LockTimeout
        from tauro_nb.mlops.mlflow import turn
        from tauro_nb.mlops.mlflow.importing import import_mlflow
        from tauro_nb.store.local import LocalStore
        from tauro_nb.store.memory import MemoryStore
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

        without_locks = MemoryStore()
        with turn.held(without_locks):
            try:
                take(without_locks)
            except LockTimeout as error:
                print(error)
        assert take(without_locks).ok
        assert told(without_locks) == whole
    """
    whole, refused = python(textwrap.dedent(code), tmp_path).splitlines()[-2:]
    assert "another import is under way" in refused
    runs, versions, acts = json.loads(whole)
    assert len(runs) >= 4
    assert (len(versions), acts) >= (2, 4)


def test_what_is_not_there_is_told_with_its_mend(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(project)
    for uri, told in (
        ("sqlite:///nothing.db", "there is no file nothing.db"),
        ("mlruns", "there is no folder mlruns"),
        ("tauro:///somewhere", "tauro store pull"),
    ):
        assert tauro(["mlflow", "import", "--uri", uri]) == 2
        assert told in capsys.readouterr().err
    assert not (project / "nothing.db").exists()


@pytest.mark.slow
def test_a_server_that_does_not_answer_and_an_unknown_experiment_are_told_with_no_password(
    mlflow_server: Any, project: Path
) -> None:
    code = f"""
        import contextlib, io
        from tauro_nb.cli.main import run
        for words in (["http://ada:hunter22@127.0.0.1:9"], [{mlflow_server.uri!r}, "--experiment", "Defalt"]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                code = run(["mlflow", "import", "--uri", *words])
            print(code, said.getvalue())
    """
    said = python(textwrap.dedent(code), project)
    assert "hunter22" not in said
    assert "1 MirrorUnreachable: http://127.0.0.1:9" in said
    assert "see that it is MLflow's address and that the server runs" in said
    assert "did you mean 'Default'" in said
