"""What becomes of runs whose process is gone, on this host and as seen from another."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

import tauro_nb
from tauro_nb.errors import RunEnded, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.owner import this_process
from tauro_nb.mlops.tracking.records import Beat, Owner
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store

CRASH = """
import os, signal, sys
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

tracker = ExperimentTracker(LocalStore(sys.argv[1]))
"""

ELSEWHERE = Owner(host="another", pid=1, started="1", boot="x", space="y", beat_s=0.01)

Crash = Callable[[str], str]


def until(met: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not met():
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.005)


@pytest.fixture
def crash(local_store: LocalStore, tmp_path: Path) -> Crash:
    """Run a script that has a tracker and kills itself; returns what it printed."""

    def act(script: str) -> str:
        path = tmp_path / "crash.py"
        path.write_text(f"{CRASH}{textwrap.dedent(script)}\nos.kill(os.getpid(), signal.SIGKILL)", encoding="utf-8")
        command = [sys.executable, str(path), str(local_store.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == -9, done.stderr
        return done.stdout.strip()

    return act


KILLED = """
run = tracker.start_run("killed")
run.log_artifact(__file__)
for step in range(1_000):
    run.log_metric("loss", 1 / (step + 1))
print(run.run_id, flush=True)
"""


def owned_by(store: Store, run_id: str, by: Owner) -> None:
    """Have a run that goes on look as if another process had started it."""
    archive = RunArchive(store)
    archive.change("default", run_id, lambda record: msgspec.structs.replace(record, owner=by))


def test_recovering_ends_a_crashed_run_with_all_that_was_logged(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)
    collector = MetricsCollector()
    tracker = ExperimentTracker(local_store, collector=collector)
    view = tracker.get_run(run_id)
    assert (view.status, view.duration_s) == ("INTERRUPTED", None)
    (run,) = tracker.recover()
    assert collector.get_counter("runs_interrupted") == 1
    assert run.run_id == run_id
    background.wait()
    read = ExperimentTracker(local_store).get_run(run_id)
    assert read.status == view.status == "INTERRUPTED"
    assert read.record.metrics == {"loss": 1 / 1_000}
    assert read.duration_s == view.duration_s > 0
    last = read.metric_history()["at"].iloc[-1].value
    assert last <= read.ended_at_ns <= last + owner.BEAT_S * 1e9
    assert len(read.metric_history()) == 1_000
    assert [(file.path, len(file.sha256)) for file in read.artifacts()] == [("crash.py", 64)]
    assert [path.name for path in local_store.local_dir(keys.metrics("default", run_id)).iterdir()] == [
        "metrics.parquet"
    ]
    assert len(tracker.recover()) == 0


def test_a_recovered_run_can_be_resumed_and_continues_its_steps(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)
    tracker = ExperimentTracker(local_store)
    tracker.recover()
    with tracker.resume_run(run_id) as run:
        run.log_metric("loss", 0.0)
        assert len(ExperimentTracker(local_store).recover()) == 0
    assert run.metric_history()["step"].iloc[-1] == 1_000
    assert ExperimentTracker(local_store).get_run(run_id).status == "FINISHED"


def test_runs_that_go_on_or_have_ended_are_left_alone(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as ended:
        pass
    run = tracker.start_run()
    ended.source  # noqa: B018 - wait until nobody writes any more
    before = ended.record
    assert len(again.recover()) == 0
    assert run.status == "RUNNING"
    assert again.get_run(ended.run_id).record == before


def test_of_several_who_recover_at_once_one_ends_the_run(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)
    trackers = [ExperimentTracker(local_store) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda tracker: [run.run_id for run in tracker.recover()], trackers))
    assert sorted(found) == [[], [], [], [run_id]]


def test_a_run_that_is_resumed_while_it_is_recovered_goes_on(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)

    class ResumedMeanwhile(LocalStore):
        resumed = None

        def stat(self, key):
            if key.endswith("run.json") and self.resumed is None:
                self.resumed = ExperimentTracker(local_store).resume_run(run_id)
            return super().stat(key)

    store = ResumedMeanwhile(local_store.root)
    assert len(ExperimentTracker(store).recover()) == 0
    assert ExperimentTracker(local_store).get_run(run_id).status == "RUNNING"
    store.resumed.end()


def test_a_manifest_that_a_killed_process_did_not_write_is_written(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash("""
        from tauro_nb.mlops.tracking.artifacts import Artifacts
        run = tracker.start_run()
        run.log_artifact(__file__)
        print(run.run_id, flush=True)
        Artifacts.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        run.end()
    """)
    tracker = ExperimentTracker(local_store)
    assert [file.sha256 for file in tracker.get_run(run_id).artifacts()] == [None]
    assert len(tracker.recover()) == 0
    assert [len(file.sha256) for file in tracker.get_run(run_id).artifacts()] == [64]
    assert tracker.get_run(run_id).status == "FINISHED"


def test_what_a_second_writer_logs_after_recovery_is_in_the_record_when_it_is_killed_too(
    crash: Crash, local_store: LocalStore
) -> None:
    run_id = crash(KILLED)
    script = f"""{CRASH}
run = tracker.resume_run("{run_id}")
run.log_metric("loss", 5.0)
print(flush=True)
sys.stdin.readline()
run.log_metric("loss", 7.0)
run.log_metric("late", 1.0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    owned_by(local_store, run_id, this_process())
    command = [sys.executable, "-c", script, str(local_store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        second.stdout.readline()
        owned_by(local_store, run_id, msgspec.structs.replace(this_process(), started="1"))
        tracker = ExperimentTracker(local_store)
        assert [run.metrics["loss"] for run in tracker.recover()] == [5.0]
        assert len(tracker.recover()) == 0
        second.communicate("go on\n", timeout=60)
    assert len(tracker.recover()) == 0
    run = ExperimentTracker(local_store).get_run(run_id)
    assert (run.status, run.metrics) == ("INTERRUPTED", {"loss": 7.0, "late": 1.0})
    assert [found.run_id for found in tracker.search_runs("metrics.late = 1")] == [run_id]
    assert [len(file.sha256 or "") for file in run.artifacts()] == [64]
    background.wait()


def test_opening_a_session_finishes_what_crashed(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)
    with tauro_nb.open_store(local_store.root) as session:
        until(lambda: session.tracker.get_run(run_id).ended_at_ns is not None)
    background.wait()


def test_a_run_that_cannot_be_finished_does_not_stop_the_others(crash: Crash, local_store: LocalStore) -> None:
    broken, other = crash(KILLED), crash(KILLED)
    local_store.put(keys.beat("default", broken), b"torn")
    with pytest.warns(RuntimeWarning, match=f"{broken} could not be finished.*beat"):
        found = ExperimentTracker(local_store).recover()
    assert [run.run_id for run in found] == [other]


def test_a_damaged_record_does_not_stop_the_others(crash: Crash, local_store: LocalStore) -> None:
    damaged, other = crash(KILLED), crash(KILLED)
    local_store.put(keys.run_record("default", damaged), b"torn")
    with pytest.warns(RuntimeWarning, match=f"{damaged}.*left out"):
        found = ExperimentTracker(local_store).recover()
    assert [run.run_id for run in found] == [other]


def test_of_several_who_resume_a_crashed_run_at_once_one_owns_it(crash: Crash, local_store: LocalStore) -> None:
    run_id = crash(KILLED)
    trackers = [ExperimentTracker(local_store) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda tracker: tracker.resume_run(run_id), trackers))
    owners = [run for run in runs if not run._guest]
    assert len(owners) == 1
    for run in sorted(runs, key=lambda run: not run._guest):
        run.log_metric("loss", 0.0)
        run.end()
    read = ExperimentTracker(local_store).get_run(run_id)
    assert read.status == "FINISHED"
    assert len(read.metric_history()) == 1_004


@pytest.mark.slow
def test_recovering_can_be_killed_at_any_moment_and_done_again(local_store: LocalStore, tmp_path: Path) -> None:
    begin = tmp_path / "begin.py"
    begin.write_text(
        f"{CRASH}\nfor number in range(40):\n    run = tracker.start_run(str(number))\n"
        "    run.log_metric('loss', number)\n    run.log_artifact(__file__)\nos.kill(os.getpid(), signal.SIGKILL)",
        encoding="utf-8",
    )
    subprocess.run([sys.executable, str(begin), str(local_store.root)], check=False, timeout=60)
    again = tmp_path / "again.py"
    again.write_text(f"{CRASH}\nprint('ready', flush=True)\ntracker.recover()", encoding="utf-8")
    for attempt in range(12):
        process = subprocess.Popen(
            [sys.executable, str(again), str(local_store.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.02 * attempt)
        process.kill()
        process.communicate()
    tracker = ExperimentTracker(local_store)
    tracker.recover()
    runs = tracker.search_runs()
    assert len(runs) == 40
    for run in runs:
        assert (run.status, run.record.metrics) == ("INTERRUPTED", {"loss": float(run.name)})
        assert run.ended_at_ns is not None
        assert [len(file.sha256 or "") for file in run.artifacts()] == [64]


def test_a_silent_owner_on_another_host_is_held_for_gone(tracker: ExperimentTracker, store: Store) -> None:
    run = tracker.start_run("far")
    run.log_metric("loss", 0.5)
    run.source  # noqa: B018 - wait until nobody writes any more
    far = ExperimentTracker(store)
    owned_by(store, run.run_id, msgspec.structs.replace(ELSEWHERE, beat_s=30.0))
    assert far.get_run(run.run_id).status == "RUNNING"
    owned_by(store, run.run_id, msgspec.structs.replace(ELSEWHERE, beat_s=0.1))
    until(lambda: far.get_run(run.run_id).status == "INTERRUPTED")
    store.put(keys.beat("default", run.run_id), encoding.encode(Beat(at_ns=run.started_at_ns + 10**9)))
    assert far.get_run(run.run_id).status == "RUNNING"
    until(lambda: [each.status for each in far.search_runs()] == ["INTERRUPTED"])
    assert [each.run_id for each in far.recover()] == [run.run_id]
    ended = far.get_run(run.run_id)
    assert ended.metrics == {"loss": 0.5}
    assert ended.ended_at_ns - run.started_at_ns >= 10**9
    run.end()


def on_another_host() -> list[str] | None:
    """Return what starts a command under another host's name, where that is allowed."""
    command = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"]
    try:
        done = subprocess.run([*command, "true"], check=False, capture_output=True, timeout=30)
    except OSError:
        return None
    return command if done.returncode == 0 else None


def test_a_process_on_another_host_is_seen_to_live_and_to_be_gone(local_store: LocalStore, tmp_path: Path) -> None:
    command = on_another_host()
    if command is None:
        pytest.skip("this system lets nobody take another host's name")
    script = tmp_path / "far.py"
    script.write_text(
        f"{CRASH}\nowner.BEAT_S = 0.2\nrun = tracker.start_run('far')\nrun.log_metric('loss', 0.5)\n"
        "print(run.run_id, flush=True)\nsignal.pause()",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [*command, sys.executable, str(script), str(local_store.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            run_id = process.stdout.readline().strip()
            near = ExperimentTracker(local_store)
            view = near.get_run(run_id)
            assert view.record.owner.host == "elsewhere"
            beat = keys.beat("default", run_id)
            until(lambda: "beat.json" in [entry.name for entry in local_store.list(keys.run("default", run_id))])
            first = local_store.stat(beat)
            until(lambda: local_store.stat(beat) != first)
            assert len(near.recover()) == 0
            assert view.status == "RUNNING"
        finally:
            process.kill()
    until(lambda: view.status == "INTERRUPTED")
    assert [run.run_id for run in near.recover()] == [run_id]
    assert view.metrics == {"loss": 0.5}
    assert view.duration_s is not None


def test_about_an_owner_elsewhere_that_gives_no_beat_nothing_is_assumed(
    tracker: ExperimentTracker, store: Store
) -> None:
    run = tracker.start_run()
    owned_by(store, run.run_id, msgspec.structs.replace(ELSEWHERE, beat_s=None))
    assert not RunArchive(store).is_gone(RunArchive(store).find(run.run_id))
    run.end()


def test_only_a_run_that_stays_open_beats(
    tracker: ExperimentTracker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "BEAT_S", 0.02)

    def beats(run_id: str) -> bool:
        return "beat.json" in [entry.name for entry in store.list(keys.run("default", run_id))]

    run = tracker.start_run()
    until(lambda: beats(run.run_id))
    run.end()
    monkeypatch.setattr(owner, "BEAT_S", 30.0)
    with tracker.start_run() as short:
        pass
    assert not beats(short.run_id)


def test_a_run_that_was_held_for_gone_in_error_is_taken_back_with_its_next_beat(
    tracker: ExperimentTracker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tracker.start_run()
    run.log_artifact(__file__)
    run.source  # noqa: B018 - wait until nobody writes any more
    owned_by(store, run.run_id, ELSEWHERE)
    far = ExperimentTracker(store)
    until(lambda: len(far.recover()) == 1)
    owned_by(store, run.run_id, this_process())
    assert far.get_run(run.run_id).status == "INTERRUPTED"
    monkeypatch.setattr(owner, "BEAT_S", 1e-9)
    run.beat()
    assert far.get_run(run.run_id).status == "RUNNING"
    run.end()
    assert far.get_run(run.run_id).status == "FINISHED"
    assert all(file.sha256 for file in far.get_run(run.run_id).artifacts())


def test_what_waits_in_the_spool_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    class OutOfReach(MemoryStore):
        fails = False

        def put(self, key, data):
            if self.fails and "/metrics/" in key:
                raise StoreError("out of reach", fix="wait")
            super().put(key, data)

    store = OutOfReach()
    run = ExperimentTracker(store).start_run()
    run.log_metric("loss", 0.5)
    store.fails = True
    with pytest.raises(StoreError):
        run.end()
    store.fails = False
    tracker = ExperimentTracker(store)
    tracker.recover()
    assert tracker.get_run(run.run_id).metrics == {"loss": 0.5}
    run.end()


def test_a_deleted_run_is_not_resumed(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        pass
    tracker.delete_run(run.run_id)
    with pytest.raises(RunEnded, match="deleted"):
        tracker.resume_run(run.run_id)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_gives_no_sign_of_life_for_its_parents_runs(crash: Crash, local_store: LocalStore) -> None:
    printed = crash("""
        owner.BEAT_S = 0.05
        run = tracker.start_run()
        pid = os.fork()
        if pid == 0:
            from tauro_nb.mlops.tracking.heartbeat import heart
            os._exit(heart.has(run))
        print(run.run_id, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    """)
    assert printed.endswith(" 0")
