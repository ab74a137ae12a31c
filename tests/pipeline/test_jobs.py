from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from tauro_nb.errors import PipelineError, UnknownName
from tauro_nb.mlops.scope import current_run
from tauro_nb.pipeline.jobs import jobs
from tauro_nb.session import open_session

STEPS = """
    import threading, time
    from tauro_nb import Run, ExperimentTracker
    from tauro_nb.mlops.scope import current_run, scope

    go = threading.Event()
    seen = {}

    def waits():
        assert go.wait(60)
        return 1

    def after(): return 2

    def logs(run: Run):
        step = 0
        while True:
            step += 1
            try:
                run.log_metric("x", step)
            except Exception:
                pass
            except KeyboardInterrupt as error:
                seen["stopped"] = repr(error)
                raise
            seen["step"] = step
            time.sleep(0.001)

    def swallows(tracker: ExperimentTracker):
        with tracker.start_run() as run:
            for _ in range(100_000):
                try:
                    run.log_metric("x", 1)
                except BaseException:
                    seen["swallowed"] = seen.get("swallowed", 0) + 1
                    if seen["swallowed"] == 3:
                        raise
                time.sleep(0.001)

    def asks():
        seen["asked"] = current_run.get(), scope.get().node
        return threading.current_thread().name

    def fails(): return 1 / 0
    def timed(): ...
"""
NODES = {
    "waits": {},
    "after": {"dependencies": ["waits"]},
    "logs": {},
    "swallows": {},
    "asks": {},
    "fails": {},
    "timed": {"timeout_s": 5},
}
PIPELINES = {
    "waiting": ["waits", "after"],
    "logging": ["logs"],
    "swallowing": ["swallows"],
    "asking": ["asks"],
    "failing": ["fails"],
    "timing": ["timed"],
}


@pytest.fixture(params=["inline", "threads"])
def session(request, make_project, tmp_path):
    make_project(STEPS, NODES, pipelines=PIPELINES, settings={"execution": {"executor": request.param}})
    with open_session(tmp_path) as opened:
        yield opened
        jobs.end_all()


def until(condition):
    while not condition():
        pass


def steps():
    return sys.modules["steps"]


def test_a_job_goes_on_beside_and_is_the_last_report_when_it_is_over(session):
    job = session.start("waiting")
    assert (job.status, job.wait(0.01), session.last_report) == ("RUNNING", False, None)
    assert session.run("asking").status == "FINISHED"
    steps().go.set()
    assert job.wait(60)
    assert (job.status, job.report.results) == ("FINISHED", {"waits": 1, "after": 2})
    assert session.last_report is job.report
    assert job in list(jobs)
    assert job not in jobs.running


def test_a_stop_comes_at_the_next_metric_through_an_except_exception(session):
    job = session.start("logging")
    until(lambda: steps().seen.get("step", 0) > 3)
    job.stop()
    assert job.wait(60)
    run = session.tracker.get_run(job.report.run_ids[0])
    assert (job.status, run.status) == ("INTERRUPTED", "INTERRUPTED")
    assert len(run.metric_history("x")) == steps().seen["step"]
    assert "asked to stop" in steps().seen["stopped"]
    job.stop()
    assert job.status == "INTERRUPTED"


def test_a_stop_that_is_swallowed_comes_again(session):
    job = session.start("swallowing")
    until(lambda: job.report.run_ids)
    job.stop()
    assert job.wait(60)
    assert job.status == "INTERRUPTED"
    assert steps().seen["swallowed"] == 3


def test_a_stop_comes_between_nodes_and_says_that_it_waits(session):
    job = session.start("waiting")
    until(lambda: job.busy)
    job.stop()
    assert (job.status, job.busy) == ("STOPPING", ["waits"])
    steps().go.set()
    assert job.wait(60)
    assert {name: str(node.status) for name, node in job.report.nodes.items()} == {
        "waits": "FINISHED",
        "after": "SKIPPED",
    }
    assert job.status == "INTERRUPTED"


def test_a_job_belongs_to_its_node_and_to_no_run_of_who_started_it(session):
    with session.tracker.start_run() as mine:
        job = session.start("asking")
        assert job.wait(60)
        assert current_run.get() is mine
    assert steps().seen["asked"] == (None, "asks")
    assert job.report.results["asks"] != "MainThread"


def test_a_failure_is_in_the_report(session):
    job = session.start("failing")
    assert job.wait(60)
    assert job.status == "FAILED"
    assert isinstance(job.report.error, ZeroDivisionError)


def test_what_can_be_known_beforehand_is_told_at_once(session):
    before = list(jobs)
    with pytest.raises(UnknownName):
        session.start("waitting")
    with pytest.raises(PipelineError, match=r"time-out|cannot be stopped"):
        session.start("timing")
    assert list(jobs) == before


EXIT = """
    import sys
    from tauro_nb.session import open_session

    session = open_session("settings_json.json")
    job, other = session.start("logging"), session.start("waiting")
    while len(job.report.run_ids) < 1 or sys.modules["steps"].seen.get("step", 0) < 10:
        pass
    print(job.report.run_ids[0])
"""


def test_the_end_of_the_process_leaves_interrupted_runs_with_all_points(session, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(EXIT).replace(', session.start("waiting")', ", None")],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = session.tracker.get_run(done.stdout.strip())
    assert run.status == "INTERRUPTED"
    assert run.record.ended_at_ns is not None
    history = run.metric_history("x")
    assert list(history["value"]) == list(range(1, len(history) + 1))
    assert len(history) >= 10
