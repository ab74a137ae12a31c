"""What a failing node shows in a cell."""

from __future__ import annotations

import re

import pytest

STEPS = """
    def broken():
        try:
            {}["k"]
        except KeyError as error:
            raise ValueError("mine") from error
    def leaves(): raise SystemExit(3)
"""


@pytest.fixture(scope="module")
def kernel(start_kernel, make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, {"broken": {}, "leaves": {}}, pipelines={"p": ["broken"], "q": ["leaves"]}, root=root)
    kernel = start_kernel(root)
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    return kernel


def files(reply):
    """Return the names of the files whose frames a traceback shows."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", reply.error[2])
    found = re.findall(r"^File .*?([^/\\]+\.py):\d+", text, re.MULTILINE)
    return [name for name in found if name != "interactiveshell.py"]  # IPython 8 shows its own call of the magic


@pytest.mark.parametrize("words", ["run p", "node broken"])
def test_an_error_of_the_users_shows_the_users_frames_alone(kernel, words):
    reply = kernel.run(f"%tauro {words}")
    assert reply.status == "error"
    assert reply.error[:2] == ("ValueError", "mine")
    assert files(reply) == ["steps.py", "steps.py"]  # of the error and of its cause
    assert "in node 'broken'" in reply.error[2]


def test_a_node_that_leaves_is_an_error_and_the_kernel_stays(kernel):
    reply = kernel.run("%tauro run q")
    assert (reply.status, reply.error[0]) == ("error", "SystemExit")
    assert kernel.run("1 + 1").value == "2"
