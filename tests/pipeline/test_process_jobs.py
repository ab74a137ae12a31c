"""Jobs in processes of their own: what comes back of them, how they end, and what they leave."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tauro_nb.errors import PipelineError, UnknownName, UsageError
from tauro_nb.events import get_event_emitter
from tauro_nb.mlops.tracking.cell import Cell, work_for
from tauro_nb.pipeline.jobs import jobs
from tauro_nb.session import open_session, open_store

STEPS = """
    import logging
    import os
    import subprocess
    import sys
    import threading
    import time
    from tauro_nb import Run

    class Mine(Exception): ...

    class Odd(Exception):
        def __init__(self, text, more):
            super().__init__(text)

    def rows(): return [1, 2, 3]

    def total(rows, weight=1):
        print("summing", flush=True)
        print("aside", file=sys.stderr, flush=True)
        return {"pid": os.getpid(), "total": sum(rows) * weight}

    class Leaves:
        def __reduce__(self): raise SystemExit("not picklable")

    class Breaks:
        def __init__(self): self.x = 1
        def __setstate__(self, state): raise RuntimeError("not to be opened")

    def leaving_result(): return Leaves()
    def breaking_result(): return Breaks()

    def flaky(rows):
        if not os.path.exists("mended"):
            raise Mine("first")
        return rows

    def forked():
        if not (pid := os.fork()):
            logging.getLogger("mine").warning("from the child")
            os._exit(0)
        os.waitpid(pid, 0)

    def locked(): return threading.Lock()
    def logged(logger: logging.Logger): logger.info("from afar %s", 1)
    def fails(): raise Mine("mine")
    def fails_oddly(): raise Odd("odd", 1)
    def dies(): os.kill(os.getpid(), 9)
    def leaves(): os._exit(3)

    def with_child(run):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        run.set_tag("child", child.pid)

    def steady(run: Run):
        with_child(run)
        step = 0
        while True:
            run.log_metric("x", step)
            step += 1
            time.sleep(0.001)

    def deaf(run: Run):
        with_child(run)
        for step in range(1000):
            run.log_metric("x", step)
        open("deaf", "w").close()
        while True:
            pass

    def slow(): time.sleep(600)
"""
NODES = {
    "rows": {"outputs": "rows"},
    "total": {"inputs": ["rows"]},
    "locked": {"outputs": "lock"},
    "leaving_result": {},
    "breaking_result": {},
    "flaky": {"inputs": ["rows"]},
    "forked": {},
    "logged": {},
    "fails": {},
    "fails_oddly": {},
    "dies": {},
    "leaves": {},
    "steady": {},
    "deaf": {},
    "slow": {"timeout_s": 0.05},
}
PIPELINES = {
    "summing": ["rows", "total"],
    "only_total": ["total"],
    "staying": ["locked", "leaving_result", "breaking_result", "total", "rows"],
    "flaky": ["rows", "flaky"],
    "forking": ["forked"],
    "logging": ["logged"],
    "failing": ["rows", "fails"],
    "failing_oddly": ["fails_oddly"],
    "dying": ["dies"],
    "leaving": ["leaves"],
    "training": ["rows", "steady"],
    "deaf": ["deaf"],
    "slow": ["slow"],
}


@pytest.fixture
def session(make_project, tmp_path, monkeypatch):
    make_project(STEPS, NODES, pipelines=PIPELINES)
    monkeypatch.chdir(tmp_path)
    with open_session(tmp_path) as opened:
        yield opened
        jobs.end_all()


def until(condition, timeout_s=60):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def is_there(pid):
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_a_job_runs_elsewhere_and_what_it_returned_comes_back(session, capsys):
    job = session.start("summing", process=True, params={"weight": 2})
    assert job.wait(60)
    assert (job.status, job.left) == ("FINISHED", {})
    assert job.report.results == {"rows": [1, 2, 3], "total": {"pid": job.pid, "total": 12}}
    assert job.pid != os.getpid()
    assert session.last_report is job.report
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("summing\n", "aside\n")
    assert not is_there(job.pid)


def test_nodes_that_are_run_here_later_find_what_the_job_handed_over(session):
    assert session.start("summing", process=True, nodes=None).wait(60)
    assert session.inputs("total")["rows"] == [1, 2, 3]


def test_what_is_in_memory_here_is_sent_along(session):
    session.node("rows")
    job = session.start("only_total", process=True)
    assert job.wait(60)
    assert job.report.results["total"]["total"] == 6


def test_what_cannot_be_sent_is_named_and_nothing_begins(session):
    before = list(jobs)
    session.node("rows")
    session.catalog.put_memory("rows", threading.Lock())
    with pytest.raises(UsageError, match="dataset 'rows', which is in memory, cannot be sent") as told:
        session.start("only_total", process=True)
    assert "output file" in told.value.fix
    with pytest.raises(UsageError, match="parameter 'weight' cannot be sent"):
        session.start("summing", process=True, params={"weight": threading.Lock()})
    with pytest.raises(UnknownName):
        session.start("sumning", process=True)
    assert list(jobs) == before


def test_a_result_that_cannot_travel_stays_and_is_told_of_and_all_others_come(session):
    job = session.start("staying", process=True)
    assert job.wait(60)
    assert (job.status, set(job.report.results)) == ("FINISHED", {"rows", "total"})
    assert set(job.left) == {"locked", "leaving_result", "breaking_result"}
    assert "pickle" in job.left["locked"]
    assert "not to be opened" in job.left["breaking_result"]
    assert not session.catalog.is_memory("lock")


def test_a_retry_here_goes_on_from_what_failed_there(session, tmp_path):
    job = session.start("flaky", process=True)
    assert job.wait(60)
    assert str(job.report.error) == "first"
    (tmp_path / "mended").touch()
    assert session.retry().results == {"flaky": [1, 2, 3]}


def test_a_forked_child_of_a_node_mixes_nothing_into_what_is_told(session, capfd):
    assert session.start("forking", process=True).wait(60)
    assert "from the child" in capfd.readouterr().err


def test_a_job_that_is_stopped_before_it_began_runs_nothing(session):
    job = session.start("summing", process=True)
    job.stop()
    assert job.wait(60)
    assert job.status == "INTERRUPTED"
    assert {str(node.status) for node in job.report.nodes.values()} == {"SKIPPED"}


def test_events_and_log_records_are_heard_here(session, caplog):
    heard = []
    with get_event_emitter().on_event("*", lambda event: heard.append((str(event.type), event.subject)), inline=True):
        caplog.set_level("INFO")
        assert session.start("logging", process=True).wait(60)
    assert [kind for kind, _ in heard] == ["PIPELINE_STARTED", "NODE_STARTED", "NODE_ENDED", "PIPELINE_ENDED"]
    assert all(subject is session.last_report for _, subject in heard)
    assert "from afar 1" in caplog.messages


def test_the_event_log_has_each_event_once(make_project, tmp_path):
    make_project(STEPS, NODES, pipelines=PIPELINES, settings={"mlops": {"event_log": True}})
    with open_session(tmp_path) as session:
        assert session.start("summing", process=True).wait(60)
        lines = (session.context.storage_dir / "logs" / "events.jsonl").read_text().splitlines()
    assert len(lines) == 2 + 2 * 2


def test_a_failure_comes_back_as_the_users_own_exception_with_its_lines(session):
    job = session.start("failing", process=True)
    assert job.wait(60)
    error = job.report.error
    assert (job.status, type(error).__name__, str(error)) == ("FAILED", "Mine", "mine")
    assert error is job.report.nodes["fails"].error
    assert type(error) is sys.modules["steps"].Mine
    assert "steps.py" in error.__cause__.text
    assert "execution.py" not in error.__cause__.text
    assert job.report.results == {"rows": [1, 2, 3]}


def test_an_exception_that_cannot_travel_is_told_by_its_text(session):
    job = session.start("failing_oddly", process=True)
    assert job.wait(60)
    assert isinstance(job.report.error, PipelineError)
    assert "Odd: odd" in str(job.report.error)


@pytest.mark.parametrize(("pipeline", "how"), [("dying", "SIGKILL"), ("leaving", "exit code 3")])
def test_a_process_that_goes_by_itself_is_a_failure_that_names_the_node(session, pipeline, how):
    job = session.start(pipeline, process=True)
    assert job.wait(60)
    node = PIPELINES[pipeline][0]
    assert (job.status, str(job.report.nodes[node].status)) == ("FAILED", "FAILED")
    assert how in str(job.report.error)
    assert repr(node) in str(job.report.error)


def test_a_time_out_holds(session):
    job = session.start("slow", process=True)
    assert job.wait(60)
    assert isinstance(job.report.error, TimeoutError)


def test_a_stop_comes_at_the_next_metric_and_all_points_are_kept(session):
    job = session.start("training", process=True)
    until(lambda: job.report.run_ids)
    run = session.tracker.get_run(job.report.run_ids[0])
    until(lambda: len(run.metric_history("x")) > 3)
    job.stop()
    assert job.wait(60)
    assert (job.status, run.status) == ("INTERRUPTED", "INTERRUPTED")
    history = run.metric_history("x")
    assert list(history["value"]) == list(range(len(history)))
    assert {name: str(node.status) for name, node in job.report.nodes.items()} == {
        "rows": "FINISHED",
        "steady": "INTERRUPTED",
    }


def test_a_process_that_does_not_listen_is_ended_at_once_with_its_children_and_keeps_every_point(session, tmp_path):
    heard = []
    job = session.start("deaf", process=True)
    until((tmp_path / "deaf").exists)
    run = session.tracker.get_run(job.report.run_ids[0])
    job.stop()
    assert not job.wait(0.3)
    assert job.status == "STOPPING"
    with get_event_emitter().on_event("*", lambda event: heard.append(str(event.type)), inline=True):
        job.stop(now=True)
        assert job.wait(60)
    assert (job.status, run.status, len(run.metric_history("x"))) == ("INTERRUPTED", "INTERRUPTED", 1000)
    assert run.record.ended_at_ns is not None
    assert heard == ["RUN_ENDED", "NODE_ENDED", "PIPELINE_ENDED"]
    assert not is_there(job.pid)
    until(lambda: not is_there(int(run.tags["child"])))
    job.stop(now=True)


def test_a_thread_cannot_be_ended_at_once_and_says_so(session):
    job = session.start("training")
    with pytest.raises(UsageError, match="cannot be ended from outside"):
        job.stop(now=True)
    assert job.status == "RUNNING"
    job.stop()
    assert job.wait(60)


def test_its_runs_tell_the_cell_and_notebook_for_which_it_works(session):
    work_for(Cell("a cell", "a request"), "book.ipynb")
    try:
        job = session.start("training", process=True)
    finally:
        work_for(None, None)
    until(lambda: job.report.run_ids)
    job.stop()
    assert job.wait(60)
    source = session.tracker.get_run(job.report.run_ids[0]).source
    assert (source.cell, source.notebook, source.command) == ("a cell", "book.ipynb", "tauro run training")


def test_several_go_on_side_by_side(session):
    several = [session.start("training", process=True) for _ in range(2)]
    until(lambda: all(job.report.run_ids for job in several))
    assert session.run("summing").status == "FINISHED"
    for job in several:
        job.stop(now=True)
    assert all(job.wait(60) for job in several)
    assert len({job.report.run_ids[0] for job in several}) == 2


def test_functions_of_a_notebook_are_sent_with_what_they_use(tmp_path):
    code = """
        from __future__ import annotations
        import os, tempfile
        from tauro_nb import Run, open_store

        factor = 7
        def helper(x): return x * factor
        def numbers(): return [1, 2]
        def total(numbers, run: Run):
            run.log_metric("x", 1)
            return helper(sum(numbers)), os.getpid()

        session = open_store("store")
        session.define("numbers", numbers)
        session.define("total", total)
        job = session.start("notebook", process=True)
        job.wait(60)
        print(job.report.results["total"] == (21, job.pid), job.report.error)
        session.define("total", lambda numbers: session)
        try:
            session.start("notebook", process=True)
        except Exception as error:
            print(type(error).__name__, error.fix)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[0] == "True None", done.stderr
    assert done.stdout.splitlines()[1].startswith("UsageError give it as an input"), done.stdout


OWNER = """
    import os, sys, time
    from tauro_nb.session import open_session

    session = open_session("settings_json.json")
    jobs = [session.start(name, process=True) for name in ("training", "deaf")]
    while not (all(job.report.run_ids for job in jobs) and os.path.exists("deaf")):
        time.sleep(0.01)
    print(*(job.pid for job in jobs), *(job.report.run_ids[0] for job in jobs), flush=True)
    if sys.argv[1] == "wait":
        time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end", "wait"])
def test_nothing_is_orphaned_when_the_kernel_ends_or_is_killed(session, tmp_path, how):
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), how], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    *pids, steady, deaf = owner.stdout.readline().split()
    if how == "wait":
        owner.send_signal(signal.SIGKILL)
    owner.wait(60)
    owner.stdout.close()
    until(lambda: not any(is_there(int(pid)) for pid in pids))
    session.tracker.recover()
    for run_id in (steady, deaf):
        run = session.tracker.get_run(run_id)
        assert run.status == "INTERRUPTED"
        until(lambda run=run: not is_there(int(run.tags["child"])))
    assert len(session.tracker.get_run(deaf).metric_history("x")) == 1000
    history = session.tracker.get_run(steady).metric_history("x")
    assert list(history["value"]) == list(range(len(history)))


def test_a_store_without_a_project_has_no_pipelines_to_start(tmp_path):
    with pytest.raises(UnknownName):
        open_store(tmp_path).start("any", process=True)
