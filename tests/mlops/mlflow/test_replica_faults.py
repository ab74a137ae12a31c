"""A server that is down, slow, answers 500, loses acknowledgements or restarts; processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

from tauro_nb.mlops.mlflow import lag, report
from tauro_nb.mlops.monitoring.findings import HealthStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.wiring import services

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("TAURO_LONG"))

_SCRIPT = """
import sys, time
from pathlib import Path
from tauro_nb.config.context import Context
from tauro_nb.config.schema import MlflowSettings, MlopsSettings, Settings
from tauro_nb.session import Session

mlops = MlopsSettings(storage_path="mlops_data", mlflow=MlflowSettings(tracking_uri={uri!r}, exit_wait_s={wait}))
session = Session(Context(root=Path({root!r}), environment="dev", settings=Settings(mlops=mlops)))
run = session.tracker.start_run({name!r}, experiment={experiment!r})
for step in range(1_500):
    run.log_metric("loss", float(step))
"""


def script(root: Path, uri: str, name: str, experiment: str, then: str, *, wait: float = 60.0) -> subprocess.Popen[str]:
    code = _SCRIPT.format(root=str(root), uri=uri, name=name, experiment=experiment, wait=wait)
    return subprocess.Popen(
        [sys.executable, "-c", code + textwrap.dedent(then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_of(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in told.stdout.split()]


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_whatever_the_server_does_the_run_goes_on_and_is_there_once(mlflow_server, proxy, open_mirrored, until) -> None:
    secret = proxy.uri.replace("//", "//ann:s3cr3t-word@")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = open_mirrored(secret)
        replica = services(session.context).replica
        proxy.mode = "lost"
        run = session.tracker.start_run("faults", experiment="faulty")
        for step in range(2_500):
            run.log_metric("loss", float(step))
        run.log_params({f"p{number}": number for number in range(150)})
        version = session.registry.register_model({"w": 1}, "faulty-model", metrics={"auc": 0.5}, run=run)
        session.registry.promote("faulty-model", version.version)
        until(lambda: proxy.harmed["/api/2.0/mlflow/runs/log-batch"] >= 4, "acknowledgements are lost")
        until(lambda: replica.standing.trouble, "the trouble is told")
        (child,) = [each for each in children_of(os.getpid()) if "mlops.mlflow" in _command(each)]
        for place in ("cmdline", "environ"):
            assert b"s3cr3t" not in Path(f"/proc/{child}/{place}").read_bytes()
        proxy.mode = "500"
        until(lambda: proxy.harmed["500"] >= 2, "it answers 500")
        proxy.down()
        run.log_metric("loss", 2_500.0)
        proxy.up()
        proxy.mode = "slow"
        until(lambda: proxy.harmed["slow"] >= 3, "it is slow")
        run.end()
        proxy.mode = "lost"
        until(lambda: not replica.standing.left and replica.standing.points >= 2_501, "all is there")
        assert replica.close(60) == 0
    seen = mlflow_server.runs("faulty")["faults"]
    assert seen.status == "FINISHED"
    assert len(seen.params) == 150
    assert [each["step"] for each in mlflow_server.history(seen.id, "loss")] == list(range(2_501))
    doubled = [point for point, count in proxy.points.items() if count > 1]
    assert not doubled, "points that the server had were sent again"
    assert len(mlflow_server.versions("faulty-model")) == 1
    models = mlflow_server.ask("logged-models/search", experiment_ids=[mlflow_server.experiment("faulty")])
    assert len(models["models"]) == 1

    told = [each for each in caught if "mlops.mlflow.tracking_uri" in str(each.message)]
    assert len(told) == 1, "one warning, then quiet"
    logs = "".join(path.read_text() for path in (session.context.storage_dir / "logs").rglob("*") if path.is_file())
    assert any(header and header.startswith("Basic ") for header in proxy.authorized)
    for text in (str(told[0].message), logs, repr(replica.errand), repr(replica.errand.address)):
        assert "s3cr3t" not in text


def test_a_server_that_is_not_there_fails_nothing_and_sync_brings_it_later(
    mlflow_server, proxy, open_mirrored, until
) -> None:
    proxy.down()
    session = open_mirrored(proxy.uri, exit_wait_s=1.0)
    replica = services(session.context).replica
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with session.tracker.start_run("later", experiment="down") as run:
            run.log_metric("loss", 1.0)
        until(lambda: replica.standing.trouble, "the trouble is told")
        assert lag.check(replica).status is HealthStatus.DEGRADED
        assert replica.close(30) == 1, "it is not waited for while nothing gets on"
    (told,) = [str(each.message) for each in caught if "mlops.mlflow.tracking_uri" in str(each.message)]
    assert told == (
        f"mlops.mlflow.tracking_uri ({proxy.uri}): run {run.run_id}: connection refused: nothing listens there; runs "
        "and models are kept in the store, and what is missing there is sent later "
        "(see that it is MLflow's address, and that the server runs)"
    )
    assert [(each.id, each.what) for each in report.status(replica, session.registry).found] == [
        (run.run_id, "missing")
    ]
    proxy.up()
    done: list[tuple[int, int]] = []
    assert report.sync(replica, lambda *now: done.append(now)).ok
    assert done[-1] == (1, 1)
    assert mlflow_server.runs("down")["later"].metrics == {"loss": 1}
    assert report.status(replica, session.registry).found == ()
    assert lag.check(replica).status is HealthStatus.HEALTHY


def test_processes_that_are_killed_leave_nobody_behind_and_lose_and_double_nothing(
    mlflow_server, until, tmp_path: Path
) -> None:
    first = script(tmp_path, mlflow_server.uri, "first", "killed", "print(run.run_id, flush=True); time.sleep(600)")
    second = script(
        tmp_path,
        mlflow_server.uri,
        "second",
        "killed",
        "print(run.run_id, flush=True); sys.stdin.readline(); run.end()",
    )
    try:
        for each in (first, second):
            assert each.stdout.readline()
        until(lambda: len(mlflow_server.runs("killed")) == 2, "one child delivers for both")
        couriers = [*children_of(first.pid), *children_of(second.pid)]
        assert len(couriers) == 2
        ids = {name: run.id for name, run in mlflow_server.runs("killed").items()}
        (courier,) = children_of(first.pid)
        os.kill(courier, signal.SIGKILL)
        until(lambda: len(mlflow_server.history(ids["second"], "loss")) == 1_500, "the other child goes on")
        until(lambda: children_of(first.pid), "a killed child is started again")
        couriers += children_of(first.pid)
        first.kill()
        first.wait()
        until(lambda: mlflow_server.runs("killed")["first"].status == "KILLED", "its end is told by the other")
        second.communicate("go\n", timeout=90)
        assert second.returncode == 0
        until(lambda: not any(map(is_there, couriers)), "no child is left behind")
    finally:
        for each in (first, second):
            each.kill()
            each.communicate()
    for name, run_id in ids.items():
        steps = [point["step"] for point in mlflow_server.history(run_id, "loss")]
        assert steps == list(range(1_500)), name
    assert mlflow_server.runs("killed")["second"].status == "FINISHED"
    assert len(ExperimentTracker(_store(tmp_path)).search_runs()) == 2


def test_without_mlflow_installed_it_warns_once_and_the_run_is_kept(tmp_path: Path) -> None:
    then = """
    import threading, warnings
    run.end()
    [thread.join() for thread in threading.enumerate() if thread.name == "tauro-mlflow"]
    print(len(session.tracker.search_runs("status = 'FINISHED'")))
    """
    code = "import sys; sys.modules['mlflow'] = None\n" + _SCRIPT.format(
        root=str(tmp_path), uri="http://127.0.0.1:1", name="x", experiment="x", wait=5.0
    )
    answer = subprocess.run(
        [sys.executable, "-c", code + textwrap.dedent(then)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "1"
    assert answer.stderr.count("mlflow is not installed") == 1
    assert 'pip install "tauro-nb[mlflow]"' in answer.stderr


def test_a_process_that_ends_before_anything_was_sent_says_so(tmp_path: Path) -> None:
    made = script(tmp_path, "http://127.0.0.1:1", "short", "x", "run.end()", wait=0.0)
    _, told = made.communicate(timeout=60)
    assert made.returncode == 0, told
    assert told.count("still to be sent when the process ended: 1") == 1
    assert "tauro mlflow sync" in told


@pytest.mark.parametrize(
    "address",
    ["there", pytest.param("sqlite:///there.db", marks=pytest.mark.skipif(not LONG, reason="set TAURO_LONG=1"))],
)
def test_a_database_or_a_folder_of_the_project_is_a_server_too(address: str, tmp_path: Path) -> None:
    made = script(tmp_path, address, "plain", "local", "run.log_param('rate', 0.1); run.end()", wait=90.0)
    _, trouble = made.communicate(timeout=120)
    assert made.returncode == 0, trouble
    code = (
        "import json, os, sys, warnings; warnings.simplefilter('ignore')\n"
        "os.environ['MLFLOW_ALLOW_FILE_STORE'] = 'true'\n"
        "from mlflow import MlflowClient\n"
        "client = MlflowClient(sys.argv[1])\n"
        "(run,) = client.search_runs([client.get_experiment_by_name('local').experiment_id])\n"
        "points = client.get_metric_history(run.info.run_id, 'loss')\n"
        "print(json.dumps([run.info.status, run.data.params, len(points)]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, address], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout.splitlines()[-1]) == ["FINISHED", {"rate": "0.1"}, 1_500]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


def _store(root: Path):
    from tauro_nb.store.local import LocalStore

    return LocalStore(root / "mlops_data")
