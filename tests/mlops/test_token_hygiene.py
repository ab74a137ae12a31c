"""A token is in nothing that is written or shown: whatever succeeds, and however it fails."""

from __future__ import annotations

import gc
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")

from tauro_nb.errors import ConfigError, TauroError
from tauro_nb.faces import answer
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.background import background
from tauro_nb.session import Session, open_session
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.testing.databricks_emulator import DatabricksEmulator

FAULTS = ("401", "403", "404", "429", "500", "cut_before")


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabricksEmulator]:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with DatabricksEmulator(tmp_path / "workspace") as running:
        running.create_schema("main", "ml")
        environ = {"TAURO_MLOPS_BACKEND": "databricks", "TAURO_MLOPS_CATALOG": "main", "TAURO_MLOPS_SCHEMA": "ml"}
        for name, value in {**environ, "DATABRICKS_HOST": running.host, "DATABRICKS_TOKEN": running.token}.items():
            monkeypatch.setenv(name, value)
        yield running
        background.wait()
    gc.collect()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "settings.yaml").write_text("mlops: {event_log: true, databricks: {settle_s: 0}}\n")
    described = {"base": {"global_settings_path": "settings.yaml"}, "dev": {}}
    (root / "settings_json.json").write_text(json.dumps({"base_path": ".", "env_config": described}))
    return root


def work(session: Session, token: str) -> ModelVersion:
    """Use the store as a user does, and be careless with the token in all ways that come to mind."""
    with session.tracker.start_run(run_name="careless", tags={"login": f"token {token}"}) as run:
        run.log_params({"token": token, "headers": {"Authorization": f"Bearer {token}"}})
        run.log_metric("loss", 0.5)
    return session.registry.register_model({"weights": [1]}, "m", description=f"made with {token}", tags={"t": token})


def shown(*subjects: Any) -> str:
    texts = [repr(subject) for subject in subjects]
    for subject in subjects:
        if hasattr(type(subject), "_repr_mimebundle_"):
            texts += answer("bundle", subject).values()
    return "\n".join(texts)


def test_a_token_is_in_nothing_that_is_written_or_shown(
    emulator: DatabricksEmulator, project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
):
    caplog.set_level(logging.DEBUG)
    session = open_session(project)
    version = work(session, emulator.token)
    store = session.tracker.store
    assert isinstance(store, DatabricksStore)
    runs = session.tracker.search_runs()
    told = [
        shown(session, session.context, session.context.settings, session.context.credentials, session.tracker, runs),
        shown(runs[0], session.registry, version, store, store.workspace, store.volume),
        pickle.dumps(store).decode("latin-1"),
        pickle.dumps(session.context.credentials).decode("latin-1"),
        repr(vars(store)),
        repr(vars(store.workspace)),
    ]
    impatient = DatabricksStore("main", "ml", host=emulator.host, token=emulator.token, settle_s=0, timeout_s=0.5)
    for kind in FAULTS:
        emulator.fail(kind, path="*/Volumes/*")
        with pytest.raises(TauroError) as failed:
            impatient.get("x")
        told += ["".join(traceback.format_exception(failed.value)), *failed.value._render_traceback_()]
        told.append(pickle.dumps(failed.value).decode("latin-1"))
        emulator.heal()
    background.wait()
    emulator.stop()
    with pytest.raises(TauroError) as gone:
        impatient.get("x")
    told += ["".join(traceback.format_exception(gone.value)), caplog.text, *capfd.readouterr()]
    assert "***" in told[1]
    assert [text for text in told if emulator.token in text] == []
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "events.jsonl" for path in written)
    assert [path for path in written if emulator.token.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("host", ["http://dbc.example.com", "http://user:pw@dbc.example.com", "ftp://127.0.0.1"])
def test_a_host_that_would_be_told_the_token_in_the_clear_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, host: str, emulator: DatabricksEmulator
):
    monkeypatch.setenv("DATABRICKS_HOST", host)
    with pytest.raises(ConfigError, match="not https") as told:
        open_session(project)
    assert emulator.token not in str(told.value)
    assert "pw" not in str(told.value)
