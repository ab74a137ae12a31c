"""Working on one node of a pipeline in a real kernel: its inputs, its failure, and going on from there."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import pandas as pd
    from tauro_nb import ExperimentTracker

    done = []

    def load(size=3):
        done.append("load")
        return pd.DataFrame({"n": range(size)})

    def deeper(frame, limit):
        secret = 41
        if len(frame) > limit:
            raise ZeroDivisionError("mine")
        return len(frame)

    def train(rows: pd.DataFrame, tracker: ExperimentTracker, limit=2):
        done.append("train")
        return deeper(rows, limit)

    def report(trained):
        done.append("report")
        return trained + 1

    def logs(tracker: ExperimentTracker):
        mark = 17
        with tracker.start_run() as run:
            run.log_metric("", "bad")

    def pairs():
        return 3
"""
NODES = {
    "load": {"outputs": "rows"},
    "train": {"inputs": ["rows"], "outputs": "trained"},
    "report": {"inputs": ["trained"]},
    "logs": {},
    "pairs": {"outputs": ["a", "b"]},
}
PIPELINES = {"p": ["load", "train", "report"], "logging": ["logs"], "paired": ["pairs"]}


@pytest.fixture(scope="module")
def started(start_kernel, make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, NODES, pipelines=PIPELINES, root=root)
    kernel = start_kernel(root)
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    return kernel


@pytest.fixture
def kernel(started):
    assert started.run("%reset -f\n%unload_ext tauro_nb\n%load_ext tauro_nb\n%tauro load dev").status == "ok"
    started.run("import steps; steps.done.clear()")
    return started


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def done(kernel):
    return eval(kernel.run("x = list(steps.done); steps.done.clear(); x").value)


def test_bind_puts_what_a_node_is_called_with_into_variables(kernel):
    reply = kernel.run("%tauro bind train -p load.size=4")
    assert reply.status == "ok", reply.error
    lines = [line.split() for line in reply.value.splitlines()]
    assert lines == [
        ["train", "[bound]"],
        ["variable", "type", "size", "dataset"],
        ["rows", "DataFrame", "4", "×", "1", "rows"],
        ["tracker", "ExperimentTracker"],
        ["limit", "int", "2"],
    ]
    assert kernel.run("(len(rows), limit, tracker is session.tracker)").value == "(4, 2, True)"
    assert done(kernel) == ["load"]
    assert kernel.run("%tauro bind train").status == "ok"
    assert done(kernel) == []
    assert kernel.run("session.inputs('train')['rows'].equals(rows)").value == "True"


def test_bind_hides_nothing_of_the_users(kernel):
    kernel.run("%tauro bind train")
    kernel.run("limit = 'mine'")
    reply = kernel.run("%tauro bind train")
    assert reply.error[0] == "UsageError"
    assert "limit (str)" in reply.error[1]
    assert "--as PREFIX binds PREFIX_rows" in reply.error[2]
    assert kernel.run("%tauro bind train --as t").status == "ok"
    assert kernel.run("(limit, t_limit, len(t_rows))").value == "('mine', 2, 3)"
    assert "no name of Python" in kernel.run("%tauro bind train --as 'my x'").error[1]


def test_unloading_takes_away_what_was_bound_and_no_other_name_for_it(kernel):
    kernel.run("%tauro bind train\nmine = rows")
    kernel.run("%unload_ext tauro_nb")
    assert kernel.run("'rows' in dir(), 'limit' in dir(), len(mine)").value == "(False, False, 3)"


def test_what_was_bound_goes_when_the_variable_goes(kernel):
    kernel.run("%tauro bind train\nimport weakref, gc\nwatched = weakref.ref(rows)\ndel rows")
    assert kernel.run("gc.collect(); watched() is None").value == "True"


def test_retry_runs_what_did_not_finish_and_nothing_else(kernel):
    assert kernel.run("%tauro run p").error[0] == "ZeroDivisionError"
    assert done(kernel) == ["load", "train"]
    assert kernel.run("%tauro retry").error[0] == "ZeroDivisionError"
    assert done(kernel) == ["train"]
    reply = kernel.run("r = %tauro retry -p limit=5\nr.results")
    assert reply.value == "{'train': 3, 'report': 4}"
    assert done(kernel) == ["train", "report"]
    assert "nothing to retry" in kernel.run("%tauro retry").error[1]


def test_the_debugger_lands_in_the_users_frame(kernel):
    kernel.run("%tauro run p")
    said = plain(kernel.run("%debug", answers=["p secret", "u", "p sorted(locals())", "q"]).stdout)
    assert "41" in said
    assert "['limit', 'rows', 'tracker']" in said


def test_an_error_of_ours_leads_to_the_users_line_too(kernel):
    reply = kernel.run("%tauro run logging")
    assert reply.error[0] == "InvalidMetric"
    assert len(plain(reply.error[2]).splitlines()) <= 3
    assert "17" in plain(kernel.run("%debug", answers=["p mark", "q"]).stdout)
    assert "17" in plain(kernel.run("%tauro debug", answers=["p mark", "q"]).stdout)


def test_debug_enters_later_with_what_the_node_was_called_with(kernel):
    kernel.run("%tauro run p")
    kernel.run("1 / 0")
    reply = kernel.run("%tauro debug", answers=["p secret", "u", "p limit", "q"])
    assert reply.status == "ok", reply.error
    said = plain(reply.stdout)
    assert "ZeroDivisionError in node 'train'" in said
    assert "41" in said
    assert kernel.run("len(rows), limit").value == "(3, 2)"
    kernel.run("limit = 'mine'")
    reply = kernel.run("%tauro debug", answers=["q"])
    assert "already has limit (str)" in reply.stdout
    assert reply.status == "ok"


def test_where_no_one_can_answer_debug_says_so(kernel):
    kernel.run("%tauro run p")
    reply = kernel.run("%tauro debug")
    assert reply.error[0] == "UsageError"
    assert "takes no answers" in reply.error[1]


def test_debug_says_why_it_cannot(kernel):
    assert "nothing has failed" in kernel.run("%tauro debug").error[1]
    kernel.run("%tauro run paired")
    assert "in no code of yours" in kernel.run("%tauro debug").error[1]
