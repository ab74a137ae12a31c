from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from tauro_nb.errors import DatasetUnwritable, InvalidMetric, NodeTimeout, PipelineError, SchemaMismatch
from tauro_nb.pipeline.executor import PipelineExecutor
from tauro_nb.pipeline.report import NodeStatus
from tauro_nb.wiring import services

BROKEN = """
    from tauro_nb import ExperimentTracker

    def load(): return [1, 2]
    def before(rows): return len(rows)
    def train(rows, tracker: ExperimentTracker):
        with tracker.start_run() as run:
            run.log_metric("loss", 0.5)
            fit(rows)
    def fit(rows): return 1 / 0
    def after(model): return model
    def beside(rows): return "done"
"""
BROKEN_NODES = {
    "load": {"outputs": "rows"},
    "before": {"inputs": ["rows"]},
    "train": {"inputs": {"rows": "rows"}, "outputs": "model"},
    "after": {"inputs": ["model"]},
    "beside": {"inputs": ["rows"]},
}


def failing(context, error=Exception, pipeline="p", pool=None):
    executor = PipelineExecutor(context, pool)
    with pytest.raises(error) as told:
        executor.run_pipeline(pipeline)
    return told.value, executor.last_report


def test_the_users_own_exception_is_raised_with_a_note(make_project):
    error, report = failing(make_project(BROKEN, BROKEN_NODES), ZeroDivisionError)
    assert error.__notes__ == ["in node 'train' of pipeline 'p'; inputs: rows = rows (2 rows)"]
    assert report.error is error
    assert report.nodes["train"].error is error


def test_the_traceback_starts_at_the_users_frame(make_project):
    error, _ = failing(make_project(BROKEN, BROKEN_NODES), ZeroDivisionError)
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["failing", "run_pipeline", "train", "fit"]


def test_what_comes_after_a_failed_node_is_skipped_and_the_rest_keeps_its_results(make_project):
    _, report = failing(make_project(BROKEN, BROKEN_NODES), ZeroDivisionError)
    assert report.status == "FAILED"
    assert {name: node.status for name, node in report.nodes.items()} == {
        "load": "FINISHED",
        "before": "FINISHED",
        "train": "FAILED",
        "after": "SKIPPED",
        "beside": "FINISHED",
    }
    assert report.results == {"load": [1, 2], "before": 2, "beside": "done"}


def test_a_run_that_was_open_in_the_failed_node_is_failed(make_project):
    context = make_project(BROKEN, BROKEN_NODES)
    _, report = failing(context, ZeroDivisionError)
    run = services(context).tracker.get_run(report.nodes["train"].run_ids[0])
    assert run.status == "FAILED"
    assert run.metrics == {"loss": 0.5}


def test_a_run_of_the_executors_own_is_failed_with_its_node(make_project):
    context = make_project(
        "from tauro_nb import Run\ndef a(run: Run):\n    run.log_metric('x', 1)\n    raise KeyError('no')", {"a": {}}
    )
    _, report = failing(context, KeyError)
    run = services(context).tracker.get_run(report.run_ids[0])
    assert (run.status, run.error.type, run.metrics) == ("FAILED", "KeyError", {"x": 1.0})


def test_an_error_of_the_librarys_own_tells_the_users_line(make_project):
    context = make_project(
        "from tauro_nb import Run\ndef a(run: Run):\n    log(run)\ndef log(run):\n    run.log_metric('x', 'no number')",
        {"a": {}},
    )
    error, _ = failing(context, InvalidMetric)
    assert "(steps.py, line 5, in log)" in error.__notes__[0]


def test_a_pool_that_is_closed_fails_the_pipeline(make_project):
    with ThreadPoolExecutor(1) as pool:
        pass
    _, report = failing(make_project("def a(): ...", {"a": {}}), RuntimeError, pool=pool)
    assert (report.status, report.nodes["a"].status) == ("FAILED", "SKIPPED")


def test_runs_that_a_failed_node_left_open_are_failed_and_those_of_others_stay(make_project):
    context = make_project(
        """
        from tauro_nb import ExperimentTracker
        def a(tracker: ExperimentTracker): return tracker.start_run()
        def b(tracker: ExperimentTracker):
            tracker.start_run()
            raise KeyError("no")
        """,
        {"a": {}, "b": {}},
    )
    _, report = failing(context, KeyError)
    tracker = services(context).tracker
    assert tracker.get_run(report.nodes["a"].run_ids[0]).status == "RUNNING"
    assert tracker.get_run(report.nodes["b"].run_ids[0]).status == "FAILED"
    report.results["a"].end()


def test_two_failures_raise_the_first_and_name_the_other(make_project):
    context = make_project("def a(): raise KeyError('of a')\ndef b(): raise ValueError('of b')", {"a": {}, "b": {}})
    error, report = failing(context, KeyError)
    assert "node 'b' failed too: ValueError: of b" in error.__notes__
    assert report.nodes["b"].status == "FAILED"


def test_one_exception_object_raised_twice_is_noted_once(make_project):
    context = make_project("E = ValueError('x')\ndef a(): raise E", {"a": {}})
    failing(context, ValueError)
    error, _ = failing(context, ValueError)
    assert len(error.__notes__) == 1


def test_an_output_that_cannot_be_written_fails_its_node_and_its_run(make_project, tmp_path):
    context = make_project(
        """
        import pandas as pd
        from tauro_nb import Run
        def a(run: Run): return pd.DataFrame({"x": [object()]})
        def b(data): return data
        """,
        {"a": {"outputs": "table"}, "b": {"inputs": ["table"]}},
        outputs={"table": {"path": "out/t.parquet", "format": "parquet"}},
    )
    _, report = failing(context, DatasetUnwritable)
    assert [node.status for node in report.nodes.values()] == ["FAILED", "SKIPPED"]
    assert report.results["a"].shape == (1, 1)
    assert services(context).tracker.get_run(report.run_ids[0]).status == "FAILED"
    assert not (tmp_path / "out" / "t.parquet").exists()


def test_an_input_that_breaks_its_schema_is_told_before_anything_runs(make_project, tmp_path):
    (tmp_path / "in.csv").write_text("x\n1\n", encoding="utf-8")
    context = make_project(
        "def a(): open('ran', 'w')\ndef b(data): ...",
        {"a": {}, "b": {"inputs": ["prices"]}},
        inputs={"prices": {"path": "in.csv", "format": "csv", "schema": [{"name": "y", "type": "integer"}]}},
    )
    executor = PipelineExecutor(context)
    with pytest.raises(SchemaMismatch, match="'y'"):
        executor.run_pipeline("p")
    assert executor.last_report is None
    assert not (tmp_path / "ran").exists()


def test_a_node_is_tried_again_as_often_as_it_says(make_project, caplog):
    context = make_project(
        """
        calls = []
        def a():
            calls.append(1)
            if len(calls) < 3:
                raise OSError("flaky")
            return len(calls)
        """,
        {"a": {"retries": 2}},
    )
    with caplog.at_level(logging.WARNING, "tauro_nb"):
        report = PipelineExecutor(context).run_pipeline("p")
    assert report.results == {"a": 3}
    assert (report.nodes["a"].attempts, report.nodes["a"].status, report.nodes["a"].error) == (3, "FINISHED", None)
    assert "attempt 2 failed" in caplog.text


def test_the_last_attempt_is_the_one_that_is_told(make_project):
    context = make_project("def a(): raise OSError('flaky')", {"a": {"retries": 1}})
    error, report = failing(context, OSError)
    assert "attempt 2 of 2" in error.__notes__[0]
    assert report.nodes["a"].attempts == 2


def test_an_interrupt_is_not_tried_again_and_stops_everything(make_project):
    context = make_project(
        """
        from tauro_nb import Run
        def a(run: Run):
            run.log_metric("x", 1)
            raise KeyboardInterrupt
        def b(): return 1
        """,
        {"a": {"retries": 5}, "b": {}},
    )
    _, report = failing(context, KeyboardInterrupt)
    assert report.status == "INTERRUPTED"
    assert [(node.status, node.attempts) for node in report.nodes.values()] == [("INTERRUPTED", 1), ("SKIPPED", 0)]
    run = services(context).tracker.get_run(report.run_ids[0])
    assert (run.status, run.metrics) == ("INTERRUPTED", {"x": 1.0})


def test_a_node_that_exits_is_failed_and_the_exit_goes_on(make_project):
    _, report = failing(make_project("import sys\ndef a(): sys.exit(3)", {"a": {}}), SystemExit)
    assert (report.status, report.nodes["a"].status) == ("FAILED", "FAILED")


STUBBORN = """
    import time
    from tauro_nb import Run
    def a(run: Run):
        run.log_metric("x", 1)
        while True:
            try:
                time.sleep(60)
            except Exception:
                pass
"""


def test_a_node_is_stopped_at_its_time_out_even_if_it_catches_exceptions(make_project):
    context = make_project(STUBBORN, {"a": {"timeout_s": 0.2}})
    started = time.monotonic()
    error, report = failing(context, NodeTimeout)
    assert time.monotonic() - started < 30
    assert "node 'a' ran longer than its timeout_s of 0.2 s" in str(error)
    assert traceback.extract_tb(error.__traceback__)[-1].name == "a"
    assert report.nodes["a"].status is NodeStatus.FAILED
    assert services(context).tracker.get_run(report.run_ids[0]).status == "FAILED"


def test_a_timer_that_ran_before_a_time_out_goes_on_after_it(make_project):
    rang = threading.Event()
    handler = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    left = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        PipelineExecutor(make_project("def a(): return 1", {"a": {"timeout_s": 5}})).run_pipeline("p")
        assert rang.wait(30)
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *left)


def test_a_time_out_is_refused_where_it_cannot_be_kept(make_project):
    context = make_project("def a(): ...", {"a": {"timeout_s": 1}}, settings={"execution": {"executor": "threads"}})
    failing(context, PipelineError)
    told = []

    def elsewhere():
        told.append(failing(make_project("def a(): ...", {"a": {"timeout_s": 1}}), PipelineError)[0])

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "main thread" in str(told[0])


def test_a_failure_in_a_thread_lets_the_others_end(make_project):
    context = make_project(BROKEN, BROKEN_NODES, settings={"execution": {"executor": "threads", "max_workers": 3}})
    error, report = failing(context, ZeroDivisionError)
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][2:] == ["train", "fit"]
    assert report.nodes["after"].status == "SKIPPED"
    assert report.nodes["beside"].status == "FINISHED"


CHILD = """
    import os, signal, sys, threading
    from pathlib import Path
    from tauro_nb.session import open_session

    session = open_session("settings_json.json")

    def interrupt():
        while not Path("started").exists():
            pass
        # to this thread, so that nothing wakes the main one: as if it came just before that began to wait
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        session.run("p")
    except KeyboardInterrupt as error:
        report = session.last_report
        run = session.tracker.get_run(report.run_ids[0])
        print(report.status, report.nodes["a"].status, report.nodes["b"].status, run.status, run.metrics["x"] > 3)
        print(getattr(error, "__notes__", None))
    Path("started").unlink()
    Path("short").touch()
    print(session.run("p").status)
    print([thread.name for thread in threading.enumerate() if thread.name.startswith("tauro_")])
"""
INTERRUPTED = """
    import time
    from pathlib import Path
    from tauro_nb import Run
    def a(run: Run):
        step = 0
        while not (step > 3 and Path("short").exists()):
            run.log_metric("x", step)
            step += 1
            if step > 10:
                Path("started").touch()
            time.sleep(0.001)
    def b(): return 1
"""


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_a_real_interrupt_keeps_every_point_and_leaves_the_session_usable(make_project, tmp_path, executor):
    make_project(
        INTERRUPTED,
        {"a": {"outputs": "x"}, "b": {"dependencies": ["a"]}},
        settings={"execution": {"executor": executor}},
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, notes, second, *_ = done.stdout.splitlines()
    assert first == "INTERRUPTED INTERRUPTED SKIPPED INTERRUPTED True"
    assert ("in node 'a'" in notes) if executor == "inline" else ("no longer waited for: a" in notes)
    assert second == "FINISHED"


def test_an_error_of_ours_at_saving_names_no_line_that_is_not_the_users(make_project):
    context = make_project(
        "from pathlib import Path\ndef a():\n    Path(__file__).with_name('data').touch()\n    return [{'x': 1}]",
        {"a": {"outputs": "out"}},
        outputs={"out": {"path": "data/out.csv", "format": "csv"}},
    )
    error, _ = failing(context, DatasetUnwritable)
    assert error.__notes__ == ["in node 'a' of pipeline 'p'; inputs: none"]
