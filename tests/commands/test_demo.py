"""`tauro init` and `tauro demo`, as somebody meets them: processes in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import tauro_nb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("empty")


def call(folder, *words):
    """Run ``tauro`` with every warning an error; nothing may come on standard error."""
    env = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tauro_nb.cli", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@pytest.fixture(scope="module")
def first(folder):
    """What the first `tauro demo` printed."""
    return call(folder, "demo").splitlines()


def test_it_prints_the_tutorials_lines_in_their_order(first):
    expected = [
        r"✓ 13 files written to churn_demo",
        r"✓ Loading configuration\.\.\.",
        r"✓ Validating pipeline\.\.\.",
        r"✓ Starting execution\.\.\.",
        r"Starting customer churn model training\.\.\.",
        r"Training set: 4000 samples \| Test set: 1000 samples",
        r"✓ Logged parameters: \{.*'n_estimators': 150.*\}",
        r"✓ Model training complete",
        r"✓ Logged metrics: accuracy=0\.9\d\d, f1=0\.\d{3}",
        r"✓ Logged model artifact to \./models/churn_model\.pkl",
        r"✓ Accuracy \(0\.9\d\d\) exceeds threshold \(0\.85\)",
        r"✅ Model registered: churn-predictor v1",
        r"✓ train_churn_model \.{10,} \[1/1\]",
        r"✓ Pipeline completed in .*",
    ]
    for line, pattern in zip(first, expected, strict=False):
        assert re.fullmatch(pattern, line)
    assert sum(bool(re.fullmatch(r"✓ 40 epochs, validation accuracy 0\.9\d\d", line)) for line in first) == 3


def test_it_says_where_runs_models_and_the_notebook_are(first, folder):
    places = dict(re.findall(r"^  (runs|models|notebook) +(\S+) ", "\n".join(first), re.MULTILINE))
    assert set(places) == {"runs", "models", "notebook"}
    for place in places.values():
        assert (folder / place).exists()


def test_what_it_says_to_type_next_works(first, folder):
    calls = [line.rpartition("   ")[2] for line in first[-3:-1]]
    for line, expected in zip(calls, ("train_digits", "churn-predictor"), strict=True):
        cd, here, *words = line.replace("&&", "").split()
        assert (cd, words.pop(0)) == ("cd", "tauro")
        assert expected in call(folder / here, *words)


def test_the_runs_are_there_with_curves_and_parameters_that_differ(first, folder):
    session = tauro_nb.open_session(folder / "churn_demo")
    runs = session.tracker.search_runs("params.model = 'MLPClassifier'")
    assert {run.params["learning_rate"] for run in runs} == {0.001, 0.01, 0.0003}
    assert all(len(run.metric_history("val/loss")) == 40 for run in runs)
    (baseline,) = session.tracker.search_runs("params.model = 'RandomForestClassifier'")
    assert baseline.metrics["accuracy"] > 0.85
    assert session.registry.get("churn-predictor").run_id == baseline.run_id
    session.close()


def test_a_second_demo_gives_a_second_version_and_keeps_a_persons_files(first, folder):
    nodes = folder / "churn_demo" / "config" / "base" / "nodes.yaml"
    mine = nodes.read_text(encoding="utf-8").replace("epochs: 40", "epochs: 2")
    nodes.write_text(mine, encoding="utf-8")
    second = call(folder, "demo")
    assert "files written" not in second
    assert "✅ Model registered: churn-predictor v2" in second
    assert second.count("✓ 2 epochs, validation accuracy") == 3
    assert nodes.read_text(encoding="utf-8") == mine


def test_init_makes_a_project_and_says_the_command_that_runs_it(folder):
    said = call(folder, "init", "other").splitlines()
    command = re.fullmatch(r"  next: cd other && tauro (run .*)", said[-1])
    assert command
    assert "ml_training_pipeline  [valid]" in call(folder / "other", *command[1].split(), "--validate-only")


def test_init_in_the_working_directory_says_the_command_without_going_there(tmp_path):
    assert call(tmp_path, "init", ".").splitlines()[-1].startswith("  next: tauro run --env dev")
