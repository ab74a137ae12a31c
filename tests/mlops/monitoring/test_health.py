from __future__ import annotations

import math
import re
import shutil
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.errors import StoreError, UsageError
from tauro_nb.events import EventEmitter
from tauro_nb.mlops.monitoring import places
from tauro_nb.mlops.monitoring.health import Finding, HealthMonitor, HealthStatus, get_health_monitor
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore


@pytest.fixture
def monitor() -> HealthMonitor:
    return HealthMonitor(clock=lambda: 1_700_000_000_000_000_000)


def test_a_monitor_without_checks_knows_nothing(monitor: HealthMonitor) -> None:
    report = monitor.check_all()
    assert report.status == "unknown"
    assert not report.ok
    assert repr(report) == "<HealthReport unknown: no checks registered>"


def test_answers_are_read_for_what_they_say(monitor: HealthMonitor) -> None:
    monitor.register_check("nothing", lambda: None)
    monitor.register_check("yes", lambda: True)
    monitor.register_check("text", lambda: "3 of 5 up")
    monitor.register_check("no", lambda: False)
    monitor.register_check("finding", lambda: Finding(HealthStatus.DEGRADED, "late by 3 s", "hurry"))
    report = monitor.check_all()

    assert [(check.name, check.status.value) for check in report.checks] == [
        ("nothing", "healthy"),
        ("yes", "healthy"),
        ("text", "healthy"),
        ("no", "unhealthy"),
        ("finding", "degraded"),
    ]
    assert report["text"].figure == "3 of 5 up"
    assert (report["finding"].figure, report["finding"].fix) == ("late by 3 s", "hurry")
    assert report.at_ns == 1_700_000_000_000_000_000
    with pytest.raises(KeyError):
        report["other"]


def test_a_check_that_raises_is_unhealthy_and_says_why(monitor: HealthMonitor) -> None:
    def fail() -> None:
        raise StoreError("the server is gone", fix="start it")

    monitor.register_check("server", fail)
    check = monitor.check_all()["server"]
    assert (check.status, check.figure, check.fix) == ("unhealthy", "StoreError: the server is gone", "start it")


def test_only_what_is_critical_makes_the_whole_unhealthy(monitor: HealthMonitor) -> None:
    monitor.register_check("a", lambda: True)
    assert monitor.check_all().ok
    monitor.register_check("b", lambda: False)
    assert monitor.check_all().status == "degraded"
    monitor.register_check("b", lambda: False, critical=True)
    assert monitor.check_all().status == "unhealthy"
    assert monitor.names == ("a", "b")
    assert monitor.remove_check("b")
    assert not monitor.remove_check("b")
    assert repr(monitor.check_all()) == "<HealthReport healthy: a healthy>"


def test_a_check_that_hangs_costs_its_time_out_and_is_not_started_again(monitor: HealthMonitor) -> None:
    released, calls = threading.Event(), []

    def hang() -> bool:
        calls.append(1)
        released.wait(60)
        return True

    monitor.register_check("hanging", hang, timeout_s=0.05)
    monitor.register_check("fine", lambda: True)
    started_s = time.monotonic()
    report = monitor.check_all()

    assert time.monotonic() - started_s < 5
    assert report["hanging"].status == "unhealthy"
    assert "no answer within 0.05 s; hanging for" in report["hanging"].figure
    assert report["hanging"].figure.endswith("in thread 'tauro-health-hanging'")
    assert report["fine"].status == "healthy"
    monitor.check_all()
    assert len(calls) == 1
    released.set()
    deadline_s = time.monotonic() + 10
    while not (report := monitor.check_all()).ok and time.monotonic() < deadline_s:
        pass
    assert report.ok


def test_a_slow_check_does_not_make_the_others_wait(monitor: HealthMonitor) -> None:
    barrier = threading.Barrier(3)
    for name in ("a", "b", "c"):
        monitor.register_check(name, lambda: barrier.wait(30) >= 0, timeout_s=30)
    assert monitor.check_all().ok


def test_storage_is_checked_for_space_and_by_writing(monitor: HealthMonitor, tmp_path: Path) -> None:
    monitor.register_storage_check(tmp_path)
    report = monitor.check_all()
    [check] = report.checks
    assert check.status == "healthy"
    assert str(tmp_path) in check.figure
    assert " free of " in check.figure
    assert "written in" in check.figure
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_checked_where_it_will_be(monitor: HealthMonitor, tmp_path: Path) -> None:
    monitor.register_storage_check(tmp_path / "not" / "yet")
    assert monitor.check_all().ok
    assert list(tmp_path.iterdir()) == []


def test_without_a_path_the_stores_in_use_are_checked(monitor: HealthMonitor, tmp_path: Path) -> None:
    local = ModelRegistry(LocalStore(tmp_path / "mine"))
    local.register_model(1, "m")
    memory = ModelRegistry(MemoryStore())
    monitor.register_storage_check()
    monitor.register_storage_check()

    [check] = monitor.check_all().checks

    assert (check.name, check.status) == ("storage", "healthy")
    assert str(tmp_path / "mine") in check.figure
    assert memory.store.location in check.figure
    assert not list((tmp_path / "mine" / "logs").iterdir())


def test_without_stores_the_working_directory_is_checked(
    monitor: HealthMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places, "_opened", {})
    monitor.register_storage_check()
    assert str(tmp_path) in monitor.check_all().checks[0].figure


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free", "status"), [(50 << 20, "unhealthy"), (500 << 20, "degraded"), (2 << 30, "healthy")])
def test_little_space_is_said_with_its_mend(
    free: int, status: str, monitor: HealthMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 << 40, 0, free))
    monitor.register_storage_check(tmp_path)
    check = monitor.check_all().checks[0]
    assert check.status == status
    assert (check.fix is not None and "free some space" in check.fix) is (status != "healthy")


def test_a_folder_that_cannot_be_written_to_is_unhealthy(
    monitor: HealthMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monitor.register_storage_check(tmp_path)
    report = monitor.check_all()
    assert report.status == "unhealthy"
    assert "permission denied" in report.checks[0].figure
    assert report.checks[0].fix


def test_what_a_store_holds_is_checked(monitor: HealthMonitor, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    tracker, registry = ExperimentTracker(store), ModelRegistry(store)
    registry.register_model(1, "m")
    monitor.register_store_checks(tracker, registry)
    report = monitor.check_all()
    assert report.ok, report
    assert report["files of models"].figure.startswith("1 of 1 versions compared")
    assert monitor.names == ("store format", "records of models", "files of models", "leftovers", "interrupted runs")

    [model] = tmp_path.glob("model_registry/artifacts/m/1/model*")
    model.write_bytes(model.read_bytes()[::-1])
    report = monitor.check_all()
    check = report["files of models"]
    assert report.status == "unhealthy"
    assert "1: m v1: model_registry/artifacts/m/1/model" in check.figure
    assert check.fix is not None


def test_a_sample_of_the_files_is_enough_for_a_look(monitor: HealthMonitor, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    registry = ModelRegistry(store)
    for number in range(4):
        registry.register_model(number, "m")
    monitor.register_store_checks(ExperimentTracker(store), registry, sample=3)
    assert monitor.check_all()["files of models"].figure.startswith("3 of 4 versions")
    assert registry.verify().checked == 4


def test_a_monitor_that_was_started_looks_again_and_tells_of_a_change() -> None:
    emitter, well = EventEmitter(), [True]
    monitor = HealthMonitor(emitter=emitter)
    monitor.register_check("thing", lambda: well[0], critical=True)
    with pytest.raises(UsageError):
        monitor.start(0)
    monitor.start(0.01)
    try:
        assert monitor.is_started
        well[0] = False
        change = emitter.wait_for("HEALTH_CHANGED", 30, since_ns=0)
        assert change.data == {"status": "unhealthy", "former": "healthy", "checks": {"thing": "unhealthy"}}
        well[0] = True
        assert emitter.wait_for("HEALTH_CHANGED", 30, since_ns=change.at_ns + 1).data["status"] == "healthy"
    finally:
        monitor.stop()
    assert not monitor.is_started
    assert monitor.last_report is not None
    monitor.stop()


def test_a_check_that_exits_or_has_no_time_is_told(monitor: HealthMonitor) -> None:
    monitor.register_check("leaves", lambda: sys.exit(3))
    assert monitor.check_all()["leaves"].figure == "SystemExit: 3"
    for seconds in (0, -1.0, math.nan, math.inf, 1e20, "3"):
        with pytest.raises(UsageError, match=re.escape(f"none: timeout_s={seconds!r}")):
            monitor.register_check("none", lambda: True, timeout_s=seconds)
        with pytest.raises(UsageError, match=re.escape(f"interval_s={seconds!r}")):
            monitor.start(seconds)
    assert [check.name for check in monitor.check_all().checks] == ["leaves"]
    assert not monitor.is_started


def test_there_is_one_monitor_a_process() -> None:
    assert get_health_monitor() is get_health_monitor()
