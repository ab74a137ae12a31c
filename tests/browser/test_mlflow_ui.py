"""MLflow's own UI over a Tauro store shows the tutorial's run and its model, and asks nobody but its server."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

import tauro_nb
from tauro_nb.mlops.tracking.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAIT_MS = 90_000


@pytest.fixture
def tutorial_run(tutorial_project: Path) -> Run:
    """What the tutorial's pipeline has logged."""
    code = "import tauro_nb; tauro_nb.open_session(env='dev').run('ml_training_pipeline')"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tutorial_project, check=True, capture_output=True)
    return tauro_nb.open_store(tutorial_project / "mlops_data").tracker.search_runs()[0]


@pytest.fixture
def ui(tutorial_run: Run, tmp_path: Path) -> Iterator[str]:
    """The address of ``mlflow ui`` over the store of that run."""
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("MLflow is not installed: it comes with the extra 'mlflow'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    store = f"tauro://{tutorial_run.store.location}"
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MLFLOW_"))}
    with (tmp_path / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store, "--port", str(port), "--workers", "1"],
            cwd=tmp_path,
            env={**own, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 240
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "ui.log").read_text(errors="replace")[-3000:]
                assert time.monotonic() < end, "mlflow ui did not start"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that may ask nobody but this machine."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1400, "height": 1000})
    strayed: list[str] = []

    def requested(request: Any) -> None:
        parts = urlparse(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1":
            strayed.append(request.url)

    page.on("request", requested)
    yield page
    page.close()
    assert strayed == []


def shot(page: Any, name: str) -> None:
    """Keep a picture where TAURO_SHOTS names a folder; nothing otherwise."""
    if folder := os.environ.get("TAURO_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_mlflows_ui_shows_the_tutorials_run_and_model(ui, page, tutorial_run):
    page.goto(ui, wait_until="domcontentloaded", timeout=WAIT_MS)
    page.get_by_text("Model training", exact=True).first.click(timeout=WAIT_MS)
    page.get_by_role("link", name="customer_churn").first.click(timeout=WAIT_MS)
    page.get_by_role("link", name="random_forest_baseline").first.wait_for(timeout=WAIT_MS)
    shot(page, "mlflow-runs")
    page.get_by_role("link", name="random_forest_baseline").first.click(timeout=WAIT_MS)
    for text in (tutorial_run.run_id, "RandomForestClassifier", "preprocessed_training_data", "churn-predictor"):
        page.get_by_text(text).first.wait_for(timeout=WAIT_MS)
    accuracy = page.locator("tr, [role=row]").filter(has=page.get_by_text("accuracy", exact=True)).first
    assert str(tutorial_run.metrics["accuracy"])[:4] in accuracy.inner_text(timeout=WAIT_MS)
    shot(page, "mlflow-run")

    experiment = page.url.partition("/runs/")[0]
    page.goto(f"{experiment}/runs/{tutorial_run.run_id}/artifacts/models", timeout=WAIT_MS)
    page.get_by_text("churn_model.pkl").first.wait_for(timeout=WAIT_MS)
    shot(page, "mlflow-artifacts")

    page.goto(f"{ui}/#/models/churn-predictor/versions/1", timeout=WAIT_MS)
    page.get_by_text("RandomForest classifier for customer churn prediction").first.wait_for(timeout=WAIT_MS)
    page.get_by_text("production-candidate").first.wait_for(timeout=WAIT_MS)
    shot(page, "mlflow-version")
