"""MLflow's own user interface shows the tutorial's run and model, out of the copy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]


def test_the_tutorials_run_and_model_stand_where_users_of_mlflow_look(mlflow_server, tutorial_project: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    settings = tutorial_project / "config" / "base" / "global_settings.yaml"
    settings.write_text(
        f"{settings.read_text()}\n  mlflow:\n    tracking_uri: {mlflow_server.uri}\n"
        "    experiment_name: customer_churn_ml\n    exit_wait_s: 120\n"
    )
    subprocess.run(
        [sys.executable, "-c", "from tauro_nb.cli.main import main; main()", "run", "ml_training_pipeline"],
        cwd=tutorial_project,
        check=True,
        capture_output=True,
    )
    place = mlflow_server.experiment("customer_churn_ml")
    run = mlflow_server.runs("customer_churn_ml")["random_forest_baseline"]
    with sync.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=_FLAGS)
        page = chromium.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(90_000)

        def look(path: str, name: str, *texts: str) -> None:
            page.goto(f"{mlflow_server.uri}/#{path}")
            for text in texts:
                page.get_by_text(re.compile(re.escape(text))).first.wait_for()
            if os.environ.get("TAURO_SHOTS"):
                page.screenshot(path=Path(os.environ["TAURO_SHOTS"]) / f"mlflow-{name}.png")

        look(f"/experiments/{place}/runs", "runs", "random_forest_baseline", "churn-predictor")
        shown = ("accuracy", "n_estimators", "Finished", "churn-predictor", "training_data")
        look(f"/experiments/{place}/runs/{run.id}", "run", *shown)
        look(f"/experiments/{place}/models", "logged-models", "churn-predictor", "random_forest_baseline", "Ready")
        look("/models", "models", "churn-predictor")
        look("/models/churn-predictor/versions/1", "version", "churn-predictor", "tauro.version", "Source Run")
        chromium.close()
