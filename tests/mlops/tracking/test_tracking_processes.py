"""What becomes of runs when processes end, fork, die and meet: with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore

PREAMBLE = """
import os, signal, sys, time
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

tracker = ExperimentTracker(LocalStore(sys.argv[1]))
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(local_store: LocalStore, tmp_path: Path) -> Start:
    """Start a script that has a tracker on the store; its other arguments are `sys.argv[2:]`."""

    def begin(script: str, *arguments: str) -> subprocess.Popen[str]:
        path = tmp_path / "script.py"
        path.write_text(PREAMBLE + textwrap.dedent(script), encoding="utf-8")
        command = [sys.executable, str(path), str(local_store.root), *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return begin


@pytest.fixture
def only_run(local_store: LocalStore) -> Callable[[], Run]:
    def find() -> Run:
        (run,) = ExperimentTracker(local_store).search_runs()
        return run

    return find


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("", RunStatus.FINISHED, None),
        ("sys.exit(0)", RunStatus.FINISHED, None),
        ("raise ValueError('oh')", RunStatus.FAILED, "ValueError"),
        ("raise KeyboardInterrupt", RunStatus.INTERRUPTED, "KeyboardInterrupt"),
    ],
)
def test_a_script_that_forgets_to_end_its_run_ends_it_as_it_ends_itself(
    start: Start, only_run: Callable[[], Run], ending: str, status: RunStatus, error: str | None
) -> None:
    _, _, err = finish(start(f"run = tracker.start_run('a')\nrun.log_metric('loss', 0.5)\n{ending}"))
    run = only_run()
    assert run.status is status, err
    assert (run.error.type if run.error else None) == error
    assert run.metrics == {"loss": 0.5}
    assert run.record.ended_at_ns is not None
    assert run.record.source is not None


def test_an_interrupt_marks_the_run_and_keeps_every_point(start: Start, only_run: Callable[[], Run]) -> None:
    process = start("""
        with tracker.start_run() as run:
            for _ in range(10_099):
                run.log_metric("loss", 0.5)
            print("logged", flush=True)
            while True:
                time.sleep(0.05)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "logged\n"
    process.send_signal(signal.SIGINT)
    code, _, _ = finish(process)
    assert code != 0
    run = only_run()
    assert run.status == "INTERRUPTED"
    assert len(run.metric_history()) == 10_099


def test_a_killed_process_loses_nothing_and_its_run_is_shown_interrupted(
    start: Start, only_run: Callable[[], Run], local_store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("kept", encoding="utf-8")
    process = start(
        """
        with tracker.start_run("killed", tags={"team": "growth"}) as run:
            run.log_param("lr", 0.1)
            run.set_tag("late", "yes")
            run.log_artifact(sys.argv[2])
            for step in range(10_099):
                run.log_metric("loss", 1 / (step + 1))
            print(run.run_id, flush=True)
            signal.pause()
        """,
        str(tmp_path / "note.txt"),
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    tracker = ExperimentTracker(local_store)
    assert tracker.get_run(run_id).status == "RUNNING"
    live = tracker.get_run(run_id)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
    assert live.status == "INTERRUPTED"
    process.communicate()
    run = only_run()
    assert run.status == "INTERRUPTED"
    assert run.params == {"lr": 0.1}
    assert run.tags == {"team": "growth", "late": "yes"}
    assert run.metrics == {"loss": 1 / 10_099}
    assert len(run.metric_history()) == 10_099
    assert [each.path for each in run.artifacts()] == ["note.txt"]
    assert run.duration_s is None

    with tracker.resume_run(run_id) as resumed:
        resumed.log_metric("loss", 0.0)
    read = only_run()
    assert read.status == "FINISHED"
    assert read.metric_history()["step"].iloc[-1] == 10_099
    assert all(each.sha256 for each in read.artifacts())


def test_a_second_process_adds_to_a_run_and_leaves_its_end_to_the_owner(local_store: LocalStore, start: Start) -> None:
    tracker = ExperimentTracker(local_store)
    run = tracker.start_run()
    run.log_metric("loss", 1.0)
    run.log_param("mine", 1)
    code, out, err = finish(
        start(
            """
            with tracker.resume_run(sys.argv[2]) as run:
                run.log_metric("theirs", 2.0)
                run.log_param("theirs", 2)
                run.set_tag("who", "them")
            print(run.status)
            """,
            run.run_id,
        )
    )
    assert (code, out) == (0, "RUNNING\n"), err
    assert run.status == "RUNNING"
    assert run.metrics == {"loss": 1.0, "theirs": 2.0}
    run.log_param("late", 3)
    run.end()
    read = ExperimentTracker(local_store).get_run(run.run_id)
    assert read.params == {"mine": 1, "theirs": 2, "late": 3}
    assert read.tags == {"who": "them"}
    assert read.metrics == {"loss": 1.0, "theirs": 2.0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_logs_to_the_run_and_does_not_end_it(start: Start, only_run: Callable[[], Run]) -> None:
    code, out, err = finish(
        start("""
        run = tracker.start_run()
        run.log_metric("loss", 1.0)
        pid = os.fork()
        if pid == 0:
            with run:
                run.log_metric("child", 2.0)
            sys.exit(0)
        os.waitpid(pid, 0)
        run.log_metric("loss", 3.0)
        print(tracker.get_run(run.run_id).status, ExperimentTracker(tracker.store).get_run(run.run_id).status)
        run.end()
        """)
    )
    assert (code, out) == (0, "RUNNING RUNNING\n"), err
    run = only_run()
    assert run.status == "FINISHED"
    assert run.metrics == {"loss": 3.0, "child": 2.0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_a_thread_logs_does_not_hang(start: Start, only_run: Callable[[], Run]) -> None:
    code, out, err = finish(
        start("""
        import threading, warnings
        warnings.simplefilter("ignore")  # that forking beside threads is unwise is what this is about
        run = tracker.start_run()
        run.log_param("lr", 0.1)
        run.source  # all is imported: a child forked in the middle of an import hangs whatever is done
        stop = threading.Event()
        def work():
            while not stop.is_set():
                run.log_param("lr", 0.1)
        thread = threading.Thread(target=work)
        thread.start()
        for number in range(20):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                run.log_param(f"child-{number}", number)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0, "the child hung"
        stop.set()
        thread.join()
        run.end()
        """)
    )
    assert code == 0, out + err
    assert len(only_run().params) == 21


def test_processes_that_start_runs_at_once_lose_none(start: Start, local_store: LocalStore) -> None:
    script = """
        sys.stdin.readline()
        for number in range(10):
            with tracker.start_run(f"{sys.argv[2]}-{number}", experiment="race") as run:
                run.log_metric("loss", number)
    """
    processes = [start(script, str(number)) for number in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        code, _, err = finish(process)
        assert code == 0, err
    runs = ExperimentTracker(local_store).search_runs("status = 'FINISHED'", experiment_names=["race"])
    assert {run.name for run in runs} == {f"{process}-{number}" for process in range(4) for number in range(10)}
    assert all(run.metrics == {"loss": float(run.name.split("-")[1])} for run in runs)


def test_processes_that_change_one_run_at_once_lose_nothing(start: Start, local_store: LocalStore) -> None:
    run = ExperimentTracker(local_store).start_run()
    script = """
        run = tracker.resume_run(sys.argv[2])
        sys.stdin.readline()
        for number in range(10):
            run.log_param(f"{sys.argv[3]}-{number}", number)
    """
    processes = [start(script, run.run_id, str(number)) for number in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        code, _, err = finish(process)
        assert code == 0, err
    run.end()
    assert run.params == {f"{process}-{number}": number for process in range(3) for number in range(10)}


def test_the_record_of_a_killed_run_says_what_it_said(start: Start, local_store: LocalStore) -> None:
    process = start("run = tracker.start_run()\nprint(run.run_id, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)")
    _, out, _ = finish(process)
    raw = local_store.get(keys.run_record("default", out.strip()))
    assert b'"status":"RUNNING"' in raw


def test_a_run_imports_nothing_heavy(start: Start) -> None:
    code, out, err = finish(
        start("""
        with tracker.start_run(tags={"a": 1}) as run:
            run.log_param("lr", 0.1)
            run.log_metric("loss", 0.5)
            run.log_metrics({"loss": 0.25, "f1": 1})
        assert run.metrics == {"loss": 0.25, "f1": 1.0}
        heavy = {"numpy", "pandas", "pyarrow", "IPython", "ipywidgets", "plotly", "sklearn", "mlflow", "click", "yaml"}
        print(sorted(heavy & sys.modules.keys()))
        """)
    )
    assert (code, out) == (0, "[]\n"), err
