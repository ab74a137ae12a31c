"""Nodes that are defined in cells, in a real kernel."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    from tauro_nb import Run

    def load(size=3):
        return list(range(size))

    def train(rows, run: Run, rate: float = 0.5):
        return sum(rows) * rate
"""
NODES = {"load": {"outputs": "rows"}, "train": {"inputs": {"rows": "rows"}, "outputs": "trained"}}

CELL = """%%tauro define train --run
from tauro_nb import Run

def helper(rows):
    return -sum(rows)

def train(rows, run: Run, rate=2):
    run.log_metric("rate", rate)
    return helper(rows) * rate"""


@pytest.fixture(scope="module")
def started(start_kernel, make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, NODES, root=root)
    kernel = start_kernel(root)
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    return kernel


@pytest.fixture
def kernel(started):
    assert started.run("%reset -f\n%unload_ext tauro_nb\n%load_ext tauro_nb\n%tauro load dev").status == "ok"
    return started


@pytest.fixture(scope="module")
def alone(start_kernel, tmp_path_factory):
    """A kernel in a folder without a project."""
    kernel = start_kernel(tmp_path_factory.mktemp("alone"))
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    return kernel


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_cells_function_stands_in_for_a_node_until_it_is_taken_back(kernel):
    reply = kernel.run(CELL)
    assert reply.status == "ok", reply.error
    assert reply.value == "-6"
    assert kernel.run("report = %tauro run p -p rate=3\nreport.results['train']").value == "-9"
    assert "next: %tauro node train" in kernel.run("%%tauro define train\ndef f(rows): return 0").value
    assert kernel.run("%tauro node train").value == "0"
    assert kernel.run("%tauro define train --forget").status == "ok"
    assert kernel.run("%tauro node train").value == "1.5"
    assert "no defined node named 'train'" in kernel.run("%tauro define train --forget").error[1]
    assert "next: %tauro node 'my own'" in kernel.run("%%tauro define 'my own'\ndef f(): return 0").value
    assert kernel.run("%tauro define 'my own' --forget").value == "✓ my own is a node no more"


def test_the_source_is_found_and_recorded_with_the_run(kernel):
    kernel.run(CELL)
    body = CELL.partition("\n")[2]
    assert eval(kernel.run("import inspect\ninspect.getsource(train)").value) == body[body.index("def train") :] + "\n"
    kernel.run("from tauro_nb.mlops.tracking.background import background; background.wait()")
    assert eval(kernel.run("tracker.search_runs()[0].source.code").value).strip() == body
    kernel.run("%tauro define train --forget\n%tauro run p\nbackground.wait()")
    assert kernel.run("tracker.search_runs()[0].source.code is None").value == "True"


def test_a_traceback_has_the_lines_of_the_cell(kernel):
    cell = "%%tauro define train --run\n\ndef train(rows):\n    x = 1\n    return x / 0"
    shown = plain(kernel.run(cell).error[2])
    assert "Cell In[" in shown
    assert "----> 5     return x / 0" in shown
    assert "tauro_nb/" not in shown
    shown = plain(kernel.run("%%tauro define train\nx = 1\n1 / 0\ndef train(rows): pass").error[2])
    assert "----> 3 1 / 0" in shown
    assert kernel.run("%%tauro define train\ndef train(rows:").error[0] == "SyntaxError"
    assert kernel.run("%tauro node train").error[0] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%tauro define train", "define takes the cell below it"),
        ("%%tauro define train\nx = 1", "this cell defines no function"),
        ("%%tauro define train\ndef a(): ...\ndef b(): ...", "this cell defines a, b, and none is called 'train'"),
        ("%%tauro define train --input =x\ndef train(): ...", "written PARAMETER=DATASET"),
        ("%%tauro define train --after tarin\ndef train(rows): ...", "no node named 'tarin'"),
        ("%%tauro run p\nx = 1", "only define takes a cell"),
        ("%%tauro defin p\nx = 1", "no verb named 'defin'"),
        ("%%tauro define train --run\ndef train(rows, more): ...", "the notebook: nodes.train: nothing fills"),
    ],
)
def test_what_cannot_be_a_node_is_told_in_two_lines(kernel, cell, message):
    reply = kernel.run(cell)
    assert reply.status == "error"
    assert message in reply.error[2]
    assert len(plain(reply.error[2]).splitlines()) == 2


def test_tab_completes_over_a_cell_too(kernel):
    assert kernel.complete("%%tauro define tr")["matches"] == ["train"]


def test_without_a_project_cells_make_a_pipeline(alone):
    for cell in (
        "%%tauro define numbers\ndef numbers(): return [1, 2, 3]",
        "%%tauro define total -p weight=2\ndef total(numbers, weight): return sum(numbers) * weight",
        "%%tauro define told --input what=total --after numbers\ndef told(what, end='.'): return f'{what}{end}'",
    ):
        reply = alone.run(cell)
        assert reply.status == "ok", reply.error
    reply = alone.run("report = %tauro run notebook\nreport.results")
    assert reply.value == "{'numbers': [1, 2, 3], 'total': 12, 'told': '12.'}"
    assert alone.run("%tauro node total -p weight=5").value == "30"
    assert alone.run("from pathlib import Path; Path('mlops_data').exists()").value == "False"


def test_what_was_defined_becomes_a_project_that_gives_the_same(start_kernel, tmp_path):
    kernel = start_kernel(tmp_path)
    for cell in (
        "%load_ext tauro_nb",
        "import math\nimport pandas as pd\nfrom collections import Counter as Count\nfrom tauro_nb import Run",
        "WEIGHTS = {'a': 2, 'b': 3}\nclass Scale:\n    def __init__(self, by): self.by = by",
        "def helper(values):\n    return [math.floor(value) * Scale(2).by for value in values]",
        "%%tauro define frame\ndef frame(count: int = 3):\n    return pd.DataFrame({'n': range(count)})",
        "%%tauro define total -p weight=4\ndef total(frame, run: Run, weight): return sum(helper(frame['n'])) * weight",
        "%%tauro define letters --after total --pipeline more\ndef letters():\n    return Count('aab'), WEIGHTS",
    ):
        reply = kernel.run(cell)
        assert reply.status == "ok", reply.error
    before = kernel.run("a = %tauro run notebook\na.results['total']").value
    assert "8 files written" in kernel.run("%tauro init project --from-session").value
    module = (tmp_path / "project" / "pipelines" / "notebook.py").read_text()
    assert module.startswith(
        '"""Nodes that were defined in a notebook."""\n\nimport math\nimport pandas as pd\n\nfrom '
    )
    assert "class Scale" in module
    assert module.index("def helper") < module.index("def total")
    reply = kernel.run("%tauro load dev\nb = %tauro run notebook\nc = %tauro run more\nb.results['total']")
    assert reply.status == "ok", reply.error
    assert reply.value == before == "24"
    assert kernel.run("c.results['letters']").value == "(Counter({'a': 2, 'b': 1}), {'a': 2, 'b': 3})"
    assert kernel.run("b.nodes['total'].run_ids and session.context.nodes['total'].function").value == (
        "'pipelines.notebook.total'"
    )
    assert "has the project" in kernel.run("%tauro init again --from-session").error[1]


def test_what_has_no_text_is_told_before_anything_is_written(start_kernel, tmp_path):
    kernel = start_kernel(tmp_path)
    kernel.run("%load_ext tauro_nb")
    assert "nothing is defined" in kernel.run("%tauro init --from-session").error[1]
    kernel.run("frame = object()")
    kernel.run("%%tauro define a\ndef a():\n    return frame, absent")
    told = kernel.run("%tauro init --from-session").error[1]
    assert "'a' uses 'frame' (object) of the notebook" in told
    assert "'a' uses 'absent', which the notebook does not have" in told
    assert list(tmp_path.iterdir()) == []
