"""Running in a real kernel: edited code, the stop button, and jobs beside the cells."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    from helpers import LIMIT

    def limited():
        return LIMIT
"""
NODES = {"limited": {}}
PIPELINES = {"limits": ["limited"]}


@pytest.fixture(scope="module")
def root(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("running")
    make_project_in({"steps.py": STEPS, "helpers.py": "LIMIT = 1\n"}, NODES, pipelines=PIPELINES, root=root)
    return root


@pytest.fixture(scope="module")
def started(start_kernel, root):
    kernel = start_kernel(root)
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    return kernel


@pytest.fixture
def kernel(started):
    assert started.run("%reset -f\n%unload_ext tauro_nb\n%load_ext tauro_nb\n%tauro load dev").status == "ok"
    return started


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_edited_code_is_taken_up_by_the_next_run_in_a_line_and_imported_names_follow(kernel, root):
    kernel.run("import helpers, steps as s\nfrom steps import limited\nheld = session.catalog")
    assert kernel.run("report = %tauro run limits\nreport.results").value == "{'limited': 1}"
    (root / "helpers.py").write_text("LIMIT = 2\n", encoding="utf-8")
    reply = kernel.run("session.run('limits').results")
    assert reply.stdout == "↻ reloaded helpers, steps (edited: helpers.py)\n"
    assert reply.value == "{'limited': 2}"
    assert kernel.run("helpers.LIMIT, s.limited(), limited(), session.catalog is held").value == "(2, 2, 2, True)"
    (root / "steps.py").write_text("def limited()\n    return 3\n", encoding="utf-8")
    reply = kernel.run("%tauro run limits")
    assert reply.error[0] == "SyntaxError"
    assert "steps.py" in plain(reply.error[2])
    assert "line 1" in plain(reply.error[2])
    assert len(plain(reply.error[2]).splitlines()) < 24
    assert kernel.run("limited()").value == "2"
    (root / "steps.py").write_text("def limited():\n    return 3\n", encoding="utf-8")
    reply = kernel.run("r = %tauro run limits\nr.results")
    assert reply.stdout.count("↻ reloaded steps (edited: steps.py)") == 1
    assert reply.value == "{'limited': 3}"
    assert kernel.run("%tauro reload").stdout == "↻ reloaded helpers, steps\n"
