"""What the machine does, logged beside a run's own metrics when asked for."""

from __future__ import annotations

import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro_nb.config.schema import TrackingSettings
from tauro_nb.errors import MissingDependency, StoreError, UsageError
from tauro_nb.mlops.tracking import system
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store


def until(met: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not met():
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.005)


def sampled(run: object) -> dict[str, float]:
    return {key: value for key, value in run.metrics.items() if key.startswith("system/")}


def test_the_machine_is_sampled_until_the_run_ends(tracker: ExperimentTracker) -> None:
    with tracker.start_run(system_metrics=0.02) as run:
        run.log_metric("loss", 0.5)
        until(lambda: len(run.tail()[0].only("system/cpu_percent")) >= 3)
    found = sampled(run)
    assert {"system/cpu_percent", "system/memory_percent", "system/process_memory_mb"} <= found.keys()
    assert 0 <= found["system/cpu_percent"] <= 100
    assert 0 < found["system/memory_percent"] <= 100
    assert found["system/process_memory_mb"] > 10
    assert run.metric_history("system/cpu_percent")["step"].tolist()[:3] == [0, 1, 2]
    assert run.metrics["loss"] == 0.5
    assert not system.sampler.has(run)


def test_nothing_is_sampled_unasked(tracker: ExperimentTracker, store: Store) -> None:
    run = tracker.start_run()
    assert not system.sampler.has(run)
    run.end()
    asked = ExperimentTracker(store, TrackingSettings(system_metrics=True))
    with asked.start_run() as by_setting, asked.start_run(system_metrics=False) as not_this_one:
        assert system.sampler.has(by_setting)
        assert not system.sampler.has(not_this_one)


@pytest.mark.parametrize("wrong", [0, -1, "yes"])
def test_what_is_no_period_is_refused_and_no_run_started(tracker: ExperimentTracker, wrong: object) -> None:
    with pytest.raises(UsageError):
        tracker.start_run(system_metrics=wrong)
    assert len(tracker.search_runs()) == 0


def test_without_psutil_the_extra_is_named_and_no_run_started(
    tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MissingDependency) as caught:
        tracker.start_run(system_metrics=True)
    assert "tauro-nb[mlops]" in caught.value.fix
    assert len(tracker.search_runs()) == 0


def test_gpus_are_told_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = types.SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda at: at,
        nvmlDeviceGetUtilizationRates=lambda at: types.SimpleNamespace(gpu=10 * at),
        nvmlDeviceGetMemoryInfo=lambda at: types.SimpleNamespace(used=2e9, total=8e9),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = system.Meter().read()
    assert found["system/gpu1_percent"] == 10
    assert found["system/gpu0_memory_percent"] == 25
    assert found["system/gpu0_memory_mb"] == 2_000


def test_a_run_is_not_failed_by_what_cannot_be_sampled(
    tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> dict[str, float]:
        raise OSError("no /proc here")

    monkeypatch.setattr(system.Meter, "read", broken)
    with tracker.start_run(system_metrics=0.01) as run:
        until(lambda: not system.sampler.has(run))
        run.log_metric("loss", 0.5)
    assert run.status == "FINISHED"
    assert "sampled no more" in caplog.text


def test_a_full_disk_stops_the_sampling_and_not_the_run(caplog: pytest.LogCaptureFixture) -> None:
    tracker = ExperimentTracker(MemoryStore())
    run = tracker.start_run()
    run.log_metrics = lambda _: (_ for _ in ()).throw(StoreError("no room", fix="free some"))
    system.sample(run, 0.01)
    until(lambda: not system.sampler.has(run))
    run.end()
    assert "sampled no more" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no fork")
def test_a_forked_child_does_not_sample_for_its_parent(local_store: LocalStore, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, time\n"
        "from tauro_nb.mlops.tracking import system\n"
        "from tauro_nb.mlops.tracking.tracker import ExperimentTracker\n"
        "from tauro_nb.store.local import LocalStore\n"
        "with ExperimentTracker(LocalStore(sys.argv[1])).start_run(system_metrics=0.01) as run:\n"
        "    while not run.metrics: time.sleep(0.01)\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os._exit(system.sampler.has(run))\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "    before = len(run.tail()[0])\n"
        "    while len(run.tail()[0]) <= before: time.sleep(0.01)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-W", "ignore", str(script), str(local_store.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
