"""`pytest --nbval` on a notebook that was executed live and saved, as a user's own test run does it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = """
    import math
    import pandas as pd
    from tauro_nb import ModelRegistry, Run

    def numbers():
        return pd.DataFrame({"n": [1, 2, 3]})

    def train(numbers: pd.DataFrame, run: Run, registry: ModelRegistry, rate: float = 0.5):
        run.log_params({"rate": rate, "kind": "tiny"})
        for step in range(20):
            run.log_metrics({"train/loss": rate / (step + 1), "val/loss": 2 * rate / (step + 1)}, step=step)
        run.log_metric("accuracy", 0.9123)
        run.log_model({"weights": [1, 2, 3]}, artifact_path="model.pkl")
        registry.register_model({"rate": rate}, "tiny", "a dict", metrics={"accuracy": 0.9123}, tags={"a": "b"})
        return 0.9123

    def broken():
        raise ZeroDivisionError("mine")
"""

CELLS = {
    "fresh": "import shutil\nshutil.rmtree('../mlops_data', ignore_errors=True)",
    "load": "%load_ext tauro_nb\n%tauro load dev",
    "session": "session",
    "context": "session.context",
    "run a pipeline": "%tauro run training",
    "run it again, and show the tracker below the card": "report = %tauro run training -p rate=0.25\ntracker",
    "catalog": "session.catalog",
    "tracker": "tracker",
    "the tracker a second time": "tracker",
    "search": "tracker.search_runs('params.rate < 1')",
    "run": "run = tracker.search_runs()[0]\nrun",
    "comparison": "tracker.search_runs().compare()",
    "registry": "registry",
    "promote": "registry.promote('tiny', 2)",
    "the registry with production": "registry",
    "model": "registry.model('tiny')",
    "version": "registry.get('tiny', 1)",
    "history": "registry.history('tiny')",
    "report": "report",
    "node report": "report.nodes['train']",
    "validation": "session.validate('training')",
    "health": "%tauro health",
    "verb that prints": "%tauro show last:1",
    "a run by hand": (
        "with tracker.start_run('by hand') as mine:\n"
        "    for step in range(5):\n"
        "        mine.log_metric('x', step * 0.5)\n"
        "mine"
    ),
    "a failure": "try:\n    session.run('failing')\nexcept ZeroDivisionError as error:\n    print(error)",
    "its report": "session.last_report",
    "a frame": "tracker.search_runs().frame[['run_id', 'start_time', 'metrics.accuracy']]",
    "a process": "job = session.start('training', process=True)\njob.wait(60)",
    "jobs": "%tauro jobs",
}
TITLES = list(CELLS)

METRIC_IS_SEEN = {
    "run a pipeline",
    "run it again, and show the tracker below the card",
    "tracker",
    "the tracker a second time",
    "search",
    "run",
    "comparison",
    "registry",
    "promote",
    "the registry with production",
    "model",
    "version",
    "verb that prints",
    "a frame",
}
"""The cells that show an accuracy."""


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    """A project, whose notebook was executed with the live tier on, and saved."""
    root = tmp_path_factory.mktemp("project")
    nodes = {
        "numbers": {"outputs": "numbers"},
        "train": {"inputs": {"numbers": "numbers"}},
        "broken": {},
    }
    outputs = {"numbers": {"path": "data/numbers.parquet", "format": "parquet"}}
    pipelines = {"training": ["numbers", "train"], "failing": ["numbers", "broken"]}
    make_project_in(STEPS, nodes, pipelines=pipelines, outputs=outputs, root=root)
    (root / "notebooks").mkdir()
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(code, id=f"cell-{at:02}") for at, code in enumerate(CELLS.values())]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    environ = {name: value for name, value in os.environ.items() if name != "TAURO_DETERMINISTIC"}
    resources = {"metadata": {"path": str(root / "notebooks")}}
    NotebookClient(book, resources=resources).execute(env=environ)
    errors = [out.text for cell in book.cells for out in cell.outputs if out.get("name") == "stderr"]
    assert errors == []
    nbformat.write(book, root / "notebooks" / "shown.ipynb")
    return root


@pytest.fixture
def copy(project, tmp_path):
    """The same project elsewhere, to be spoilt."""
    return shutil.copytree(project, tmp_path / "a_longer_name_for_the_copy")


def nbval(folder, *words, path=".", flag="--nbval", env=None):
    """Run pytest in a folder; return its exit code, the titles of the cells that failed, and its output."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", flag, "-q", "-p", "no:cacheprovider", "-rf", *words, path],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = {TITLES[int(number)] for number in re.findall(r"^FAILED .*::Cell (\d+)", done.stdout, re.MULTILINE)}
    return done.returncode, failed, done.stdout + done.stderr


def change(folder, old, new):
    path = folder / "steps.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_notebook_was_saved_with_live_views(project):
    text = (project / "notebooks" / "shown.ipynb").read_text(encoding="utf-8")
    assert text.count("tn-mount") >= 8
    assert "image/svg+xml;base64," in text


def test_it_passes_from_the_root_and_from_its_own_folder(project):
    code, failed, output = nbval(project)
    assert (code, failed) == (0, set()), output
    code, failed, output = nbval(project / "notebooks", path="shown.ipynb")
    assert (code, failed) == (0, set()), output


def test_it_passes_where_the_project_lies_elsewhere(copy):
    code, failed, output = nbval(copy)
    assert (code, failed) == (0, set()), output


def test_a_changed_metric_fails_every_cell_that_shows_it(copy):
    change(copy, "0.9123", "0.9124")
    code, failed, output = nbval(copy)
    assert code == 1, output
    assert failed == METRIC_IS_SEEN, output


@pytest.mark.parametrize(
    "changes",
    [
        [
            ("rate / (step + 1)", "rate / (step + 1.001)", "run"),
            ('"a dict"', '"another dict"', "version"),
            ('{"n": [1, 2, 3]}', '{"n": [1, 2, 3, 4]}', "report"),
            ('ZeroDivisionError("mine")', 'ZeroDivisionError("yours")', "its report"),
        ],
        [('"kind": "tiny"', '"kind": "small"', "run"), ('{"a": "b"}', '{"a": "c"}', "version")],
        [('{"weights": [1, 2, 3]}', '{"weights": [1, 2, 3] * 1000}', "run")],
    ],
    ids=["values", "texts", "size"],
)
def test_any_other_change_of_what_is_shown_is_seen(copy, changes):
    for old, new, _ in changes:
        change(copy, old, new)
    code, failed, output = nbval(copy)
    assert code == 1, output
    assert failed >= {title for _, _, title in changes}, output
    assert "health" not in failed


def test_patterns_of_ones_own_are_added(copy):
    change(copy, "0.9123", "0.9124")
    (copy / "own.cfg").write_text("[mine]\nregex: 0\\.912[34]\nreplace: ACCURACY\n", encoding="utf-8")
    code, failed, output = nbval(copy, "--nbval-sanitize-with", "own.cfg")
    assert (code, failed) == (0, set()), output


def test_patterns_of_ones_own_that_are_missing_are_wrong_usage(copy):
    code, _, output = nbval(copy, "--nbval-sanitize-with", "nowhere.cfg")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "nowhere.cfg" in output
    assert "Traceback" not in output


def test_only_marked_cells_are_compared_where_that_is_asked_for(copy):
    change(copy, "0.9123", "0.9124")
    book = nbformat.read(copy / "notebooks" / "shown.ipynb", as_version=4)
    book.cells[TITLES.index("run")].source = "# NBVAL_CHECK_OUTPUT\n" + CELLS["run"]
    nbformat.write(book, copy / "notebooks" / "shown.ipynb")
    code, failed, output = nbval(copy, flag="--nbval-lax")
    assert (code, failed) == (1, {"run"}), output


def test_without_nbval_nothing_breaks_and_other_tests_see_no_change(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import os\n\ndef test_it():\n    assert 'TAURO_DETERMINISTIC' not in os.environ\n", encoding="utf-8"
    )
    for words in (["-p", "no:nbval"], []):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "test_it.py"],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if name != "TAURO_DETERMINISTIC"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_leaves_no_file_behind(project, tmp_path):
    nbval(project, "--collect-only", env={"TMPDIR": str(tmp_path)})
    assert list(tmp_path.glob("tauro-nbval-*")) == []
