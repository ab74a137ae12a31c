"""Running in a real kernel: edited code, the stop button, and jobs beside the cells."""

from __future__ import annotations

import random
import re
import time

import pytest

from tauro_nb.session import open_session

pytestmark = pytest.mark.slow

STEPS = """
    import logging
    import os
    import threading
    import time
    from collections import defaultdict
    from tauro_nb import ExperimentTracker, Run

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

    turns = {"a": threading.Event(), "b": threading.Event()}

    def talks(run: Run, logger: logging.Logger, name="a"):
        print("first of", name, flush=True)
        turns[name].wait(60)
        print("second of", name, flush=True)
        logger.info("logged by %s", name)
        run.log_metric("x", 1.0)

    def apart(run: Run, logger: logging.Logger, name="a"):
        print("first of", name, flush=True)
        run.log_metric("x", 1.0)
        run.log_metric("x", 2.0)
        while not os.path.exists("go"):
            time.sleep(0.01)
        print("second of", name, flush=True)
        logger.info("logged by %s", name)

    def deaf(run: Run):
        run.log_metric("x", 1.0)
        while True:
            pass

    def stuck(run: Run):
        print("begun", flush=True)
        turns["a"].wait(60)

    def unfillable(what): ...
    def reads(absent): ...
    def late(): time.sleep(60)
    def circular(other): ...

    def breaks(): raise ZeroDivisionError("mine")
    def leaves(): raise SystemExit(3)
    def wrong(run: Run): run.log_metric("", "bad")
"""
BOUNDS = """
    from helpers import LIMIT

    def limited():
        return LIMIT
"""
NODES = {
    "limited": {"function": "bounds.limited"},
    "talks": {},
    "apart": {},
    "deaf": {},
    "stuck": {},
    "unfillable": {},
    "reads": {"inputs": ["absent"]},
    "late": {"timeout_s": 0.05},
    "circular": {"inputs": ["circle"], "outputs": "circle"},
    "unimportable": {"function": "broken.node"},
    "nowhere": {"function": "steps.nowhere"},
    "breaks": {},
    "leaves": {},
    "wrong": {},
    "brief": {"outputs": "rows"},
    "endless": {"dependencies": ["brief"]},
    "endless_too": {"dependencies": ["brief"]},
}
PIPELINES = {
    "limits": ["limited"],
    "talking": ["talks"],
    "apart": ["apart"],
    "deaf": ["deaf"],
    "stuck": ["stuck"],
    "unfillable": ["unfillable"],
    "reading": ["reads"],
    "late": ["late"],
    "circling": ["circular"],
    "importing": ["unimportable"],
    "searching": ["nowhere"],
    "logging": ["endless"],
    "breaking": ["breaks"],
    "leaving": ["leaves"],
    "wronging": ["wrong"],
    "long": ["brief", "endless", "endless_too"],
}
BROKEN = "raise RuntimeError('not today')\n"
INPUTS = {"absent": {"path": "absent.csv", "format": "csv"}}
OUTPUTS = {"rows": {"path": "rows.csv", "format": "csv"}}


@pytest.fixture(scope="module")
def root(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("running")
    write_project(make_project_in, root)
    return root


def write_project(make_project_in, root, **settings):
    modules = {"steps.py": STEPS, "bounds.py": BOUNDS, "helpers.py": "LIMIT = 1\n", "broken.py": BROKEN}
    files = {"inputs": INPUTS, "outputs": OUTPUTS}
    make_project_in(modules, NODES, pipelines=PIPELINES, **files, root=root, settings=settings)


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
    kernel.run("import helpers, bounds as s\nfrom bounds import limited\nheld = session.catalog")
    assert kernel.run("report = %tauro run limits\nreport.results").value == "{'limited': 1}"
    (root / "helpers.py").write_text("LIMIT = 2\n", encoding="utf-8")
    reply = kernel.run("session.run('limits').results")
    assert reply.stdout == "↻ reloaded helpers, bounds (edited: helpers.py)\n"
    assert reply.value == "{'limited': 2}"
    assert kernel.run("helpers.LIMIT, s.limited(), limited(), session.catalog is held").value == "(2, 2, 2, True)"
    (root / "bounds.py").write_text("def limited()\n    return 3\n", encoding="utf-8")
    reply = kernel.run("%tauro run limits")
    assert reply.error[0] == "SyntaxError"
    assert "bounds.py" in plain(reply.error[2])
    assert "line 1" in plain(reply.error[2])
    assert len(plain(reply.error[2]).splitlines()) < 24
    assert kernel.run("limited()").value == "2"
    (root / "bounds.py").write_text("def limited():\n    return 3\n", encoding="utf-8")
    reply = kernel.run("r = %tauro run limits\nr.results")
    assert reply.stdout.count("↻ reloaded bounds (edited: bounds.py)") == 1
    assert reply.value == "{'limited': 3}"
    assert kernel.run("%tauro reload").stdout == "↻ reloaded helpers, bounds\n"


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
        assert (reply.status, reply.error[0]) == ("error", "KeyboardInterrupt"), plain(reply.error[2])
        told = eval(started.run(AFTERMATH).value)
        assert told["report"] == "INTERRUPTED"
        assert told["nodes"] <= {"FINISHED", "INTERRUPTED", "SKIPPED"}
        assert told["runs"] <= {"FINISHED", "INTERRUPTED"}
        assert told["lost"] == []
        assert started.run("session.run('limits').results").value == "{'limited': 1}"
    left = "[t.name for t in threading.enumerate() if t.name.startswith('tauro_')]"
    started.until(f"import threading\nnot {left}")
    started.run("session.close()")


def test_a_thread_that_is_busy_at_the_stop_button_is_named_and_the_next_cell_works(
    started, make_project_in, tmp_path_factory
):
    root = tmp_path_factory.mktemp("busy")
    write_project(make_project_in, root, execution={"executor": "threads"})
    started.run(f"from tauro_nb import open_session\nsession = open_session({str(root)!r})\nsession.run('limits')")
    sent = started.client.execute("session.run('stuck')")
    started.await_output(sent, "begun")
    started.manager.interrupt_kernel()
    reply = started.collect(sent)
    assert (reply.status, reply.error[0]) == ("error", "KeyboardInterrupt")
    assert "no longer waited for: stuck" in plain(reply.error[2])
    assert started.run("session.run('limits').results").value == "{'limited': 1}"
    started.run("import steps, threading; steps.turns['a'].set()")
    started.until("not [t.name for t in threading.enumerate() if t.name.startswith('tauro_')]")
    assert started.run("str(session.tracker.search_runs()[0].status)").value == "'INTERRUPTED'"
    started.run("session.close()")


@pytest.mark.parametrize(
    ("cell", "error", "said"),
    [
        ("%tauro run breaking", "ZeroDivisionError", "mine"),
        ("%tauro run leaving", "SystemExit", "3"),
        ("%tauro run wronging", "InvalidMetric", "''"),
        ("%tauro run limits -p no_such=1", "UnknownName", "no_such"),
        ("%tauro run limitz", "UnknownName", "limitz"),
        ("%tauro run unfillable", "InjectionError", "what"),
        ("%tauro run reading", "DatasetMissing", "absent.csv"),
        ("%tauro run late", "NodeTimeout", "0.05 s"),
        ("%tauro run circling", "GraphCycle", "circle"),
        ("%tauro run importing", "RuntimeError", "not today"),
        ("%tauro run searching", "FunctionNotFound", "nowhere"),
        ("%tauro run limits -p x=1 --env prod", "UnknownName", "prod"),
        ("%tauro load dev --project /nowhere", "DescriptorNotFound", "/nowhere"),
        ("%tauro run 'limits", "UsageError", "quotation"),
        ("%tauro run limits --nod x", "UsageError", "--node"),
        ("%tauro show nobody", "RunNotFound", "nobody"),
        ("%%tauro define limited\ndef limited(:", "SyntaxError", "invalid syntax"),
        ("%tauro ruin limits", "UsageError", "did you mean 'run'"),
        ("%tauro stop", "UsageError", "no job is running"),
        ("%tauro stop 77", "UnknownName", "77"),
        ("session.run('breaking')", "ZeroDivisionError", "mine"),
    ],
)
def test_each_kind_of_failure_is_an_error_of_the_cell(kernel, cell, error, said):
    reply = kernel.run(cell)
    assert (reply.status, reply.error[0]) == ("error", error)
    assert said in plain(reply.error[1] + reply.error[2])


def test_what_two_jobs_print_and_show_goes_home(kernel):
    kernel.run("import steps; [turn.clear() for turn in steps.turns.values()]")
    code = "{0} = %tauro run talking --bg -p name={0}"
    sent = {name: kernel.client.execute(code.format(name)) for name in "ab"}
    own = {sent[name]: name for name in sent}
    streams, shown, foreign = dict.fromkeys(own, ""), dict.fromkeys(own, 0), []
    released = False
    while not all("finished" in text for text in streams.values()):
        message = kernel.client.get_iopub_msg(timeout=60)
        request, kind = message["parent_header"].get("msg_id"), message["msg_type"]
        if kind == "stream":
            if request in own:
                streams[request] += message["content"]["text"]
            else:
                foreign.append(message["content"]["text"])
        elif kind in ("display_data", "update_display_data") and request in own:
            shown[request] += 1
        if not released and all("first" in text for text in streams.values()):
            released = True
            kernel.client.execute("[steps.turns[name].set() for name in 'ba']; print('the cell now')")
    for request, name in own.items():
        assert f"first of {name}\nsecond of {name}\n" in streams[request]
        assert f"of {'b' if name == 'a' else 'a'}\n" not in streams[request]
        assert shown[request] >= 1
    assert "".join(foreign) in ("", "the cell now\n")
    assert kernel.run("a.status, b.status, session.last_report in (a.report, b.report)").value == (
        "('FINISHED', 'FINISHED', True)"
    )


def test_a_job_shows_itself_is_listed_and_stops_on_demand(kernel):
    reply = kernel.run("job = %tauro run logging --bg\njob")
    shown = [bundle["text/plain"] for bundle in reply.shown]
    assert any("[RUNNING]" in text and "%tauro stop" in text for text in shown)
    kernel.until("import steps\nbool(job.report.run_ids) and steps.logged[job.report.run_ids[0]] > 3")
    listed = kernel.run("%tauro jobs").value
    assert re.search(r"logging +dev +RUNNING +\d+ s +in endless", listed)
    assert kernel.run("session.run('limits').status").value.startswith("<PipelineStatus.FINISHED")
    assert "has stopped: INTERRUPTED" in kernel.run("%tauro stop").value
    assert kernel.run("str(session.tracker.get_run(job.report.run_ids[0]).status)").value == "'INTERRUPTED'"


def test_a_stop_that_has_to_wait_says_for_what(kernel):
    kernel.run("import steps; steps.turns['a'].clear()\njob = %tauro run talking --bg")
    kernel.until("job.busy == ['talks']")
    assert "is stopping: it ends when node talks logs a metric or is done" in kernel.run("%tauro stop").value
    assert kernel.run("job.status, job.wait(0.01)").value == "('STOPPING', False)"
    kernel.run("steps.turns['a'].set()")
    assert kernel.run("job.wait(60), job.status").value == "(True, 'INTERRUPTED')"


def test_what_two_processes_print_and_show_goes_home(kernel, root):
    (root / "go").unlink(missing_ok=True)
    code = "{0} = %tauro run apart --bg=process -p name={0}"
    own = {kernel.client.execute(code.format(name)): name for name in "ab"}
    streams, shown, foreign = dict.fromkeys(own, ""), dict.fromkeys(own, ""), []
    while not all("finished" in text for text in streams.values()):
        message = kernel.client.get_iopub_msg(timeout=60)
        request, kind = message["parent_header"].get("msg_id"), message["msg_type"]
        if kind == "stream":
            if request in own:
                streams[request] += message["content"]["text"]
            else:
                foreign.append(message["content"]["text"])
        elif kind in ("display_data", "update_display_data") and request in own:
            shown[request] += message["content"]["data"].get("text/html", "")
        if all("first" in text for text in streams.values()):
            (root / "go").touch()
    for request, name in own.items():
        assert f"first of {name}\nsecond of {name}\n" in streams[request]
        assert f"of {'b' if name == 'a' else 'a'}\n" not in streams[request]
        assert f"logged by {name}" in shown[request]
        assert "tn-mount" in shown[request]
    assert foreign == []
    assert kernel.run("a.status, b.status, a.pid == b.pid").value == "('FINISHED', 'FINISHED', False)"
    run = "session.tracker.get_run({}.report.run_ids[0]).metrics"
    assert kernel.run(f"{run.format('a')}, {run.format('b')}").value == "({'x': 2.0}, {'x': 2.0})"


def test_a_process_that_does_not_listen_is_ended_by_stop_now(kernel):
    kernel.run("job = %tauro run deaf --bg=process")
    kernel.until("bool(job.report.run_ids)")
    listed = kernel.run("%tauro jobs").value
    assert re.search(r"deaf +dev +RUNNING +\d+ s +process \d+ +in deaf", listed)
    sent = kernel.client.execute("import time; print('begun', flush=True); time.sleep(60)")
    kernel.await_output(sent, "begun")
    kernel.manager.interrupt_kernel()  # the button is for the cell, not for jobs
    assert kernel.collect(sent).error[0] == "KeyboardInterrupt"
    assert "--now ends it at once" in kernel.run("%tauro stop").value
    assert kernel.run("job.status").value == "'STOPPING'"
    assert "has stopped: INTERRUPTED" in kernel.run("%tauro stop --now").value
    assert kernel.run("str(session.tracker.get_run(job.report.run_ids[0]).status)").value == "'INTERRUPTED'"
    kernel.run("job = %tauro run logging --bg")
    reply = kernel.run("%tauro stop --now")
    assert (reply.status, reply.error[0]) == ("error", "UsageError")
    assert "--bg=process" in plain(reply.error[2])
    kernel.run("%tauro stop")


def test_a_process_that_fails_tells_so_in_its_cell_and_what_debug_cannot_do(kernel):
    reply = kernel.run("job = %tauro run breaking --bg=process\njob.wait(60)")
    assert "ZeroDivisionError: mine" in reply.stdout
    assert "steps.py" in reply.stdout
    assert "execution.py" not in reply.stdout
    debug = kernel.run("%tauro debug")
    assert debug.error[0] == "UsageError"
    assert "%tauro node breaks" in plain(debug.error[2])


def test_a_job_that_fails_tells_so_in_its_cell_with_the_users_lines(kernel):
    sent = kernel.client.execute("job = %tauro run breaking --bg\njob.wait(60)")
    reply = kernel.collect(sent)
    assert reply.status == "ok"
    assert "✗ job" in reply.stdout
    assert "ZeroDivisionError: mine" in reply.stdout
    assert "steps.py" in reply.stdout
    assert "execution.py" not in reply.stdout


def test_a_kernel_that_is_shut_down_leaves_interrupted_runs_and_whole_files(start_kernel, root):
    kernel = start_kernel(root)
    kernel.run("%load_ext tauro_nb\n%tauro load dev\njob = %tauro run logging --bg")
    kernel.until("import steps\nbool(job.report.run_ids) and steps.logged[job.report.run_ids[0]] > 10")
    run_id = eval(kernel.run("job.report.run_ids[0]").value)
    kernel.manager.shutdown_kernel()
    with open_session(root) as session:
        run = session.tracker.get_run(run_id)
        assert run.status == "INTERRUPTED"
        assert run.record.ended_at_ns is not None
        assert len(run.metric_history("x")) > 10
