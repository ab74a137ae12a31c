"""What `tauro doctor --databricks` and the health check find out: the real SDK against the emulator."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")

import databricks.sdk.version

from tauro_nb.cli.main import run as tauro
from tauro_nb.errors import MissingDependency, UsageError
from tauro_nb.faces import answer
from tauro_nb.mlops.monitoring import databricks as checks
from tauro_nb.mlops.monitoring.databricks import examine, reach
from tauro_nb.mlops.monitoring.findings import HealthReport
from tauro_nb.mlops.monitoring.health import HealthMonitor
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.session import open_store
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.testing.databricks_emulator import DatabricksEmulator


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabricksEmulator]:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checks, "RACES", 3)
    with DatabricksEmulator(tmp_path / "workspace") as running:
        running.create_schema("main", "ml")
        yield running
        background.wait()
    gc.collect()  # a store that is no longer in use is not looked at by the tests of others


def store_on(emulator: DatabricksEmulator, catalog: str = "main", **options: Any) -> DatabricksStore:
    given = {"host": emulator.host, "token": emulator.token, "settle_s": 0.05, "timeout_s": 3, **options}
    return DatabricksStore(catalog, "ml", **given)


def statuses(report: HealthReport) -> dict[str, str]:
    return {check.name.split()[0]: check.status.value for check in report.checks}


def test_all_holds_in_a_new_schema_and_nothing_is_left_but_an_empty_store(emulator: DatabricksEmulator):
    report = examine(store_on(emulator))
    assert report.ok
    assert report["authentication"].figure.startswith("somebody@example.com at 127.0.0.1")
    assert "made now" in report["volume main.ml.tauro"].figure
    assert "exactly one of 4 created, in each of 6 races" in report["exclusive create"].figure
    left = [path.name for path in (emulator.root / "Volumes/main/ml/tauro").rglob("*")]
    assert left == ["format.json"]


def test_a_server_that_looks_before_it_writes_is_told_and_borne_by_reading_back(emulator: DatabricksEmulator):
    emulator.configure(race_gap_s=0.05)
    found = examine(store_on(emulator, settle_s=0.2))["exclusive create"]
    assert "the server let several in" in found.figure
    assert "left exactly one each time" in found.figure
    found = examine(store_on(emulator, settle_s=0))["exclusive create"]
    assert found.status == "unhealthy"
    assert "settle_s: 0.5" in str(found.fix)


def test_a_clock_that_is_off_is_told(emulator: DatabricksEmulator):
    emulator.configure(clock_skew_s=-90)
    report = examine(store_on(emulator))
    assert report.status == "degraded"
    assert "90 s ahead of" in report["clock"].figure or "89 s ahead of" in report["clock"].figure


@pytest.mark.parametrize(
    ("fault", "failing", "fix"),
    [
        ({"path": "*/scim/*", "kind": "401"}, "authentication", "DATABRICKS_HOST"),
        ({"path": "*/catalogs/*"}, "catalog", "GRANT USE CATALOG ON CATALOG main"),
        ({"path": "*/schemas/*"}, "schema", "GRANT USE SCHEMA ON SCHEMA main.ml"),
        ({"path": "*/volumes", "method": "POST"}, "volume", "CREATE VOLUME"),
        ({"path": "*/logs/*", "method": "PUT"}, "WRITE", "GRANT WRITE VOLUME ON VOLUME main.ml.tauro"),
        ({"path": "*/logs/*", "method": "GET"}, "READ", "GRANT READ VOLUME ON VOLUME main.ml.tauro"),
    ],
)
def test_a_missing_grant_is_named_with_its_mend_and_what_needs_it_is_not_tried(
    emulator: DatabricksEmulator, fault: dict[str, Any], failing: str, fix: str
):
    emulator.fail(**{"kind": "403", **fault})
    report = examine(store_on(emulator))
    found = statuses(report)
    assert found.pop("clean-up", "degraded") == "degraded"
    names = list(found)
    assert list(found.values()) == [
        *["healthy"] * names.index(failing),
        "unhealthy",
        *["unknown"] * (len(names) - names.index(failing) - 1),
    ]
    assert not report.ok
    (unhealthy,) = [check for check in report.checks if check.status == "unhealthy"]
    assert fix in str(unhealthy.fix)


def test_a_workspace_that_is_gone_is_told_in_seconds(emulator: DatabricksEmulator):
    store = store_on(emulator)
    emulator.stop()
    report = examine(store)
    assert report["authentication"].status == "unhealthy"
    assert "no connection" in report["authentication"].figure


def test_an_sdk_that_is_too_old_is_told_with_the_line_that_mends_it(
    emulator: DatabricksEmulator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(databricks.sdk.version, "__version__", "0.41.0")
    found = examine(store_on(emulator))["databricks-sdk"]
    assert found.status == "unhealthy"
    assert '%pip install "databricks-sdk>=0.44"' in str(found.fix)
    assert "dbutils.library.restartPython()" in str(found.fix)
    with pytest.raises(MissingDependency, match=r"loaded 0\.41\.0"):
        store_on(emulator).put("a", b"")
    assert emulator.requests == []


def test_a_monitor_asks_whether_a_store_on_databricks_is_reached(emulator: DatabricksEmulator):
    store = store_on(emulator)
    assert "the volume is made with the first run" in reach(store).figure
    monitor = HealthMonitor()
    monitor.register_store_checks(ExperimentTracker(store), ModelRegistry(store))
    assert monitor.check_all()["databricks"].status == "healthy"
    emulator.fail("403", path="*/unity-catalog/*")
    found = monitor.check_all()["databricks"]
    assert found.status == "unhealthy"
    assert found.critical
    memory = MemoryStore()
    monitor.register_store_checks(ExperimentTracker(memory), ModelRegistry(memory))
    assert "databricks" not in monitor.names


def test_without_a_project_the_variables_of_the_environment_say_where(
    emulator: DatabricksEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    environ = {"TAURO_MLOPS_BACKEND": "databricks", "TAURO_MLOPS_CATALOG": "main", "TAURO_MLOPS_SCHEMA": "ml"}
    for name, value in {**environ, "DATABRICKS_HOST": emulator.host, "DATABRICKS_TOKEN": emulator.token}.items():
        monkeypatch.setenv(name, value)
    assert tauro(["doctor", "--databricks"]) == 0
    assert "exclusive create" in capsys.readouterr().out
    with open_store("/Volumes/main/ml/tauro").tracker.start_run(run_name="kept there"):
        pass
    assert [run.name for run in open_store("dbfs:/Volumes/main/ml/tauro").tracker.search_runs()] == ["kept there"]
    with pytest.raises(UsageError, match="is no volume"):
        open_store("/Volumes/main/ml")


def test_the_doctor_shows_a_table_and_never_the_token(
    emulator: DatabricksEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.yaml").write_text("mlops: {databricks: {timeout_s: 3, settle_s: 0.05}}\n")
    described = {"base": {"global_settings_path": "settings.yaml"}, "dev": {}}
    (tmp_path / "settings_json.json").write_text(json.dumps({"base_path": ".", "env_config": described}))
    assert tauro(["doctor", "--databricks"]) == 2
    assert "TAURO_MLOPS_BACKEND=databricks" in capsys.readouterr().err
    environ = {"BACKEND": "databricks", "CATALOG": "main", "SCHEMA": "ml"}
    for name, value in environ.items():
        monkeypatch.setenv(f"TAURO_MLOPS_{name}", value)
    monkeypatch.setenv("DATABRICKS_HOST", emulator.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", emulator.token)
    assert tauro(["doctor", "--databricks"]) == 0
    shown = capsys.readouterr()
    assert "exclusive create" in shown.out
    assert tauro(["health"]) == 0
    assert "databricks" in capsys.readouterr().out
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-somebody-else")
    assert tauro(["doctor", "--databricks"]) == 1
    failed = capsys.readouterr()
    report = examine(store_on(emulator, token="dapi-of-somebody-else"))
    for text in (*shown, *failed, repr(report), *answer("bundle", report).values()):
        assert emulator.token not in text
        assert "dapi-of-somebody-else" not in text
