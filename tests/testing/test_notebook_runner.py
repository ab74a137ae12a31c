"""Notebooks as tests: the fixture in a test of a user's, with a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import nbformat
import pytest

from tauro_nb.errors import NotebookFailed, UsageError
from tauro_nb.testing.notebook_runner import run_notebook as run_directly

pytestmark = pytest.mark.slow

STEPS = """
    import pandas as pd
    from tauro_nb import Run

    def numbers(count=3):
        return pd.DataFrame({"n": list(range(count))})

    def train(numbers, run: Run, rate=0.5):
        run.log_metric("score", rate)
        return rate

    def broken(numbers):
        raise ZeroDivisionError("mine")
"""
NODES = {"numbers": {"outputs": "numbers"}, "train": {"inputs": ["numbers"]}, "broken": {"inputs": ["numbers"]}}
PIPELINES = {"training": ["numbers", "train"], "failing": ["numbers", "broken"]}


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("tested")
    make_project_in(STEPS, NODES, pipelines=PIPELINES, root=root)
    (root / "notebooks").mkdir()
    write(
        root / "notebooks" / "train.ipynb",
        "%load_ext tauro_nb\n%tauro load dev",
        ("rate = 0.25\nlabel = 'one'", ["parameters"]),
        "report = session.run('training', params={'rate': rate})",
        "score = report.results['train']\nprint(label, score)\nlock = __import__('threading').Lock()",
        "with tracker.start_run('by hand') as run:\n    run.log_metric('x', 1)\nrun",
        "job = session.start('training', process=True)\njob.wait(60)\nwhere = __import__('os').getcwd()",
    )
    write(
        root / "notebooks" / "fail.ipynb", "%load_ext tauro_nb\n%tauro load dev", "x = 1\n%tauro run failing", "y = 2"
    )
    return root


def write(path, *cells):
    book = nbformat.v4.new_notebook()
    for cell in cells:
        source, tags = cell if isinstance(cell, tuple) else (cell, [])
        book.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    nbformat.write(book, path)


def kernels_below(pid):
    """Return the processes that this one has started and that go on."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [line for line in listed.stdout.splitlines() if "ipykernel" in line and " Z" not in line]


def test_parameters_go_in_and_variables_outputs_and_runs_come_out(run_notebook, project):
    path = project / "notebooks" / "train.ipynb"
    before = path.read_bytes()
    done = run_notebook(path, {"rate": 0.75})
    assert done.variables["score"] == 0.75
    assert (done.variables["label"], done.variables["where"]) == ("one", str(path.parent))
    assert "one 0.75" in done.stdout
    with pytest.raises(UsageError, match=r"'lock' stayed in the kernel"):
        done.variables["lock"]
    assert "missing" not in done.variables
    assert [run.name for run in done.runs][-3:] == ["train", "by hand", "train"]
    assert {str(run.status) for run in done.runs} == {"FINISHED"}
    assert done.runs[-2].metrics == {"x": 1.0}
    html = done.outputs[4][-1]["data"]["text/html"]
    assert "tn-mount" not in html
    assert "by hand" in html
    assert path.read_bytes() == before
    assert not kernels_below(os.getpid())


def test_a_cell_that_fails_is_told_with_its_source_and_the_users_traceback(run_notebook, project):
    with pytest.raises(NotebookFailed) as told:
        run_notebook(project / "notebooks" / "fail.ipynb")
    error = told.value
    assert (error.cell, error.error) == (2, ("ZeroDivisionError", "mine"))
    assert error.source == "x = 1\n%tauro run failing"
    assert "steps.py" in error.traceback
    assert "tauro_nb" not in error.traceback
    assert "\x1b" not in str(error)
    assert "fail.ipynb: cell In [2]: ZeroDivisionError: mine" in str(error)
    assert "%tauro run failing" in str(error)
    assert not kernels_below(os.getpid())


@pytest.mark.parametrize(
    ("cell", "timeout_s", "said"),
    [
        ("while True: pass", 1.5, "still running when the 1.5 s of the notebook were over"),
        ("import os; os._exit(1)", 60, "the kernel ended"),
    ],
)
def test_a_notebook_that_does_not_come_to_its_end_leaves_no_kernel(tmp_path, cell, timeout_s, said):
    write(tmp_path / "odd.ipynb", cell)
    with pytest.raises(NotebookFailed, match=said) as told:
        run_directly(tmp_path / "odd.ipynb", timeout_s=timeout_s)
    assert told.value.cell == 1
    assert not kernels_below(os.getpid())


def test_a_missing_notebook_is_named(run_notebook):
    with pytest.raises(UsageError, match=r"nowhere\.ipynb"):
        run_notebook("nowhere.ipynb")


@pytest.mark.parametrize("text", ["", "{}", "\xff"])
def test_a_file_that_is_no_notebook_is_named(tmp_path, text):
    (tmp_path / "cut.ipynb").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"cut\.ipynb is no notebook"):
        run_directly(tmp_path / "cut.ipynb")


def test_in_a_users_own_test_the_path_is_relative_to_the_root_and_the_report_is_short(project):
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project / "test_books.py").write_text(
        textwrap.dedent("""
            def test_training(run_notebook):
                assert run_notebook("notebooks/fail.ipynb").runs
        """),
        encoding="utf-8",
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_books.py"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    assert "1 failed" in done.stdout
    assert "ZeroDivisionError: mine" in done.stdout
    assert "nbclient" not in done.stdout
    assert "notebook_runner.py" not in done.stdout
