"""Runs in a volume of Databricks: found by few requests, and logged to whether the network is there or not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")

from tauro_nb.config.loader import ContextLoader
from tauro_nb.errors import StoreUnreachable
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import shipping
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus
from tauro_nb.mlops.tracking.sources import SENDING
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.session import Session
from tauro_nb.store import keys
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.testing.databricks_emulator import DatabricksEmulator

MANY = 5_000 if os.environ.get("TAURO_LONG") else 1_200
"""Runs: more than a page of a listing."""
FEW = 25
"""Requests that a search may cost when most is known."""


class Workspace:
    """An emulator that can be out of reach for a while, at one address."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.emulator = DatabricksEmulator(root)
        self.port = int(self.emulator.host.rpartition(":")[2])
        self.emulator.start()
        self.volume = self.emulator.create_volume("main", "ml", "tauro")

    def go_away(self) -> None:
        self.emulator.stop()

    def come_back(self) -> None:
        self.emulator = DatabricksEmulator(self._root, port=self.port, token=self.emulator.token)
        self.emulator.start()

    def store(self, **options: Any) -> DatabricksStore:
        settings = {"settle_s": 0, "timeout_s": 5, **options}
        return DatabricksStore("main", "ml", host=self.emulator.host, token=self.emulator.token, **settings)

    def tracker(self) -> ExperimentTracker:
        return ExperimentTracker(self.store())

    def requests_of(self, act: Callable[[], object]) -> int:
        self.emulator.log.clear()
        act()
        return len(self.emulator.requests)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    workspace = Workspace(tmp_path / "workspace")
    yield workspace
    background.wait()
    workspace.go_away()


def spooled(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("*.points"))


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def arrived(workspace: Workspace, run_id: str, key: str) -> list[float]:
    """What another machine would read."""
    mine = dict(SENDING)
    SENDING.clear()
    try:
        history = workspace.tracker().get_run(run_id).metric_history(key)
        return history["value"].tolist()
    finally:
        SENDING.update(mine)


# --- finding runs


@pytest.mark.slow
def test_thousands_of_runs_are_found_by_few_requests_when_they_were_read_once(workspace: Workspace) -> None:
    (workspace.volume / keys.FORMAT).write_text('{"format": 1}')
    for number in range(MANY):
        record = RunRecord(
            run_id=f"20261124-060250-{number:08x}",
            name=f"run {number}",
            experiment="default",
            status=RunStatus.FINISHED,
            started_at_ns=10**18 + number,
            ended_at_ns=10**18 + number + 1,
            metrics={"loss": float(number)},
        )
        path = workspace.volume / keys.run_record("default", record.run_id)
        path.parent.mkdir(parents=True)
        path.write_bytes(encoding.encode(record))

    def search(filter_string: str = "") -> list[str]:
        return [run.name for run in workspace.tracker().search_runs(filter_string)]

    assert len(search()) == MANY
    background.wait()
    assert workspace.requests_of(lambda: search("metrics.loss < 3")) <= FEW
    assert search("metrics.loss < 3") == ["run 2", "run 1", "run 0"]

    other = workspace.tracker()
    other.get_run("20261124-060250-00000001").set_tag("state", "seen")
    other.delete_run("20261124-060250-00000002")
    with other.start_run("new") as run:
        run.log_metric("loss", 0.5)
    background.wait()
    found: list[str] = []
    assert workspace.requests_of(lambda: found.extend(search("metrics.loss < 3"))) <= FEW + 3
    assert found == ["new", "run 1", "run 0"]
    assert search("tags.state = 'seen'") == ["run 1"]

    (kept,) = workspace.volume.parents[4].rglob("default.snapshot")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert search("metrics.loss < 3") == ["new", "run 1", "run 0"]


def test_what_is_changed_again_after_its_end_is_seen_by_whoever_had_it(workspace: Workspace) -> None:
    tracker, reader = workspace.tracker(), workspace.tracker()
    run = tracker.start_run("a")
    run.end()
    for turn in range(3):
        assert len(reader.search_runs("tags.turn = 'no'")) == 0
        background.wait()
        run.set_tag("turn", turn)
        assert [found.tags["turn"] for found in reader.search_runs()] == [str(turn)]
    tracker.delete_run(run.run_id)
    assert len(reader.search_runs()) == 0
    assert [gone.run_id for gone in tracker.gc(0, dry_run=False).runs] == [run.run_id]
    assert len(reader.search_runs(deleted=True)) == 0
    assert not list(workspace.volume.rglob(f"*{run.run_id}*"))


def test_a_run_is_found_in_any_of_many_experiments(workspace: Workspace) -> None:
    tracker = workspace.tracker()
    runs = [tracker.start_run(experiment=f"e{number}") for number in range(6)]
    for run in runs:
        run.end()
        assert workspace.tracker().get_run(run.run_id).experiment == run.experiment


# --- logging


def test_training_goes_on_while_the_workspace_is_out_of_reach(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    run = workspace.tracker().start_run()
    background.wait()
    workspace.go_away()
    for number in range(10_099):
        run.log_metric("loss", float(number))
    until(lambda: "points wait in" in caplog.text)
    assert run.metrics == {"loss": 10_098.0}
    assert len(run.tail()[0]) == 10_099
    for number in range(10_099, 12_000):
        run.log_metric("loss", float(number))
    workspace.come_back()
    until(lambda: arrived(workspace, run.run_id, "loss") == list(range(12_000)))
    run.end()
    assert caplog.text.count("points wait in") == 1
    assert spooled(tmp_path) == []
    assert workspace.tracker().get_run(run.run_id).metrics == {"loss": 11_999.0}


def test_a_run_that_could_not_be_ended_is_ended_by_a_second_call(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.tracker().start_run()
    background.wait()
    workspace.go_away()
    run.log_metric("loss", 0.5)
    with pytest.raises(StoreUnreachable, match="no connection"):
        run.end()
    assert len(spooled(tmp_path)) == 1
    workspace.come_back()
    run.end()
    assert spooled(tmp_path) == []
    background.wait()
    seen = workspace.tracker().get_run(run.run_id)
    assert (seen.status, seen.metrics) == ("FINISHED", {"loss": 0.5})


def test_an_older_state_that_arrives_late_is_put_right_before_the_spool_is_cleared(workspace: Workspace) -> None:
    run = workspace.tracker().start_run()
    for number in range(3_000):
        run.log_metric("loss", float(number))
    run.flush_metrics()
    first, _ = sorted(workspace.volume.rglob("*.points"))
    first.write_bytes(first.read_bytes()[:3_200])
    run.end()
    assert arrived(workspace, run.run_id, "loss") == list(range(3_000))


KILLED = """
import os, signal, sys
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.mlops.tracking.background import background
from tauro_nb.store.databricks import DatabricksStore

run = ExperimentTracker(DatabricksStore("main", "ml", settle_s=0, timeout_s=5)).start_run("killed")
background.wait()
print(run.run_id, flush=True)
sys.stdin.readline()
for number in range(10_099):
    run.log_metric("loss", float(number))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_the_next_session_delivers_what_a_killed_process_left(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", workspace.emulator.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.emulator.token)
    monkeypatch.setenv("TAURO_MLOPS_BACKEND", "databricks")
    monkeypatch.setenv("TAURO_MLOPS_CATALOG", "main")
    monkeypatch.setenv("TAURO_MLOPS_SCHEMA", "ml")
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    workspace.go_away()
    process.communicate("\n")
    assert len(spooled(tmp_path)) == 1
    workspace.come_back()
    (tmp_path / "settings.yaml").write_text("mlops: {databricks: {settle_s: 0}}\n")
    context = ContextLoader().load_from_paths({"global_settings_path": tmp_path / "settings.yaml"}, "dev")
    with Session(context) as session:
        until(lambda: session.tracker.get_run(run_id).record.ended_at_ns is not None)
        background.wait()
        assert spooled(tmp_path) == []
        assert arrived(workspace, run_id, "loss") == list(range(10_099))
        assert session.tracker.get_run(run_id).status == "INTERRUPTED"
    assert shipping.default_spool().is_relative_to(tmp_path)
