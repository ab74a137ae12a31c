"""Running in a real kernel: edited code, the stop button, and jobs beside the cells."""

from __future__ import annotations

import random
import re
import time

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import threading
    import time
    from collections import defaultdict
    from helpers import LIMIT
    from tauro_nb import ExperimentTracker, Run

    def limited():
        return LIMIT

    logged = defaultdict(int)

    def brief(tracker: ExperimentTracker):
        print("begun", flush=True)
        for _ in range(8):
            with tracker.start_run() as run:
                log(run, 5)
        return [{"x": 1}]

    def log(run, steps):
        for _ in range(steps):
            run.log_metric("x", 1.0)
            logged[run.run_id] += 1

    def endless(run: Run):
        while True:
            try:
                log(run, 1)
            except Exception:
                pass
            time.sleep(0.0005)

    def endless_too(run: Run):
        endless(run)
"""
NODES = {
    "limited": {},
    "brief": {"outputs": "rows"},
    "endless": {"dependencies": ["brief"]},
    "endless_too": {"dependencies": ["brief"]},
}
PIPELINES = {"limits": ["limited"], "long": ["brief", "endless", "endless_too"]}
OUTPUTS = {"rows": {"path": "rows.csv", "format": "csv"}}


@pytest.fixture(scope="module")
def root(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("running")
    write_project(make_project_in, root)
    return root


def write_project(make_project_in, root, **settings):
    modules = {"steps.py": STEPS, "helpers.py": "LIMIT = 1\n"}
    make_project_in(modules, NODES, pipelines=PIPELINES, outputs=OUTPUTS, root=root, settings=settings)


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


AFTERMATH = """
report = session.last_report
runs = [session.tracker.get_run(run_id) for run_id in report.run_ids]
points = {run.run_id: len(run.metric_history("x")) for run in runs}
told = {
    "report": str(report.status),
    "nodes": {str(node.status) for node in report.nodes.values()},
    "runs": {str(run.status) for run in runs},
    "lost": [run_id for run_id, number in points.items() if not 0 <= number - steps.logged[run_id] <= 1],
}
told
"""


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_the_stop_button_at_any_moment_ends_runs_keeps_points_and_frees_the_kernel(
    started, make_project_in, tmp_path_factory, executor
):
    root = tmp_path_factory.mktemp(executor)
    write_project(make_project_in, root, execution={"executor": executor})
    started.run(f"from tauro_nb import open_session\nsession = open_session({str(root)!r})\nsession.run('limits')")
    started.run("import steps")
    moments = random.Random(6)
    for _ in range(20):
        sent = started.client.execute("session.run('long')")
        started.await_output(sent, "begun")
        time.sleep(moments.uniform(0, 0.25))
        started.manager.interrupt_kernel()
        reply = started.collect(sent)
        assert (reply.status, reply.error[0]) == ("error", "KeyboardInterrupt")
        told = eval(started.run(AFTERMATH).value)
        assert told["report"] == "INTERRUPTED"
        assert told["nodes"] <= {"FINISHED", "INTERRUPTED", "SKIPPED"}
        assert told["runs"] <= {"FINISHED", "INTERRUPTED"}
        assert told["lost"] == []
        assert started.run("session.run('limits').results").value == "{'limited': 1}"
    left = "[t.name for t in threading.enumerate() if t.name.startswith('tauro_')]"
    started.until(f"import threading\nnot {left}")
    started.run("session.close()")
