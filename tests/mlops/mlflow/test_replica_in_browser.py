"""MLflow's own user interface shows the tutorial's run and model, out of the copy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page()
    page.set_viewport_size({"width": 1300, "height": 1000})
    page.set_default_timeout(90_000)
    yield page
    page.close()


def test_the_tutorials_run_and_model_stand_where_users_of_mlflow_look(
    mlflow_server: Any, tutorial_project: Path, page: Any
) -> None:
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
