"""A run and a tracker in many hands: threads, copies, and worker processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from tauro_nb.errors import RunEnded
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore


def test_threads_log_to_one_run_and_lose_nothing(tracker: ExperimentTracker) -> None:
    together = threading.Barrier(4)

    def work(number: int) -> None:
        together.wait(30)
        for step in range(500):
            run.log_metric(f"loss-{number}", step)
        run.log_param(f"param-{number}", number)
        run.set_tag(f"tag-{number}", number)

    with tracker.start_run() as run, ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert run.params == {f"param-{number}": number for number in range(4)}
    assert len(run.tags) == 4
    history = run.metric_history()
    assert len(history) == 2_000
    for _, points in history.groupby("key"):
        assert points["value"].tolist() == points["step"].tolist() == list(range(500))


def test_threads_that_end_a_run_at_once_end_it_once(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run.end(), range(8)))
    assert run.status == "FINISHED"
    assert [event.type for event in tracker._surroundings.emitter.history].count("RUN_ENDED") == 1


def test_a_thread_that_still_logs_when_the_run_ends_is_told(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    logged: list[int] = []

    def work() -> None:
        while True:
            run.log_metric("loss", len(logged))
            logged.append(1)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        while len(logged) < 100:
            pass
        run.end()
        with pytest.raises(RunEnded):
            future.result(30)
    assert len(run.metric_history()) in (len(logged), len(logged) + 1)


def test_a_copy_of_a_run_is_the_run(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    for other in (copy.copy(run), copy.deepcopy({"run": run})["run"]):
        assert other is run
    other.end()
    assert run.status == "FINISHED"


def log_to(run: Run, number: int) -> str:
    run.log_metric("shared", number)
    run.log_metric(f"own-{number}", number)
    return f"{run.run_id} {run.is_active}"


def start_one(tracker: ExperimentTracker, number: int) -> str:
    with tracker.start_run(f"worker-{number}") as run:
        run.log_metric("loss", number)
    return run.run_id


def test_worker_processes_log_to_the_run_that_they_are_given(local_store: LocalStore) -> None:
    tracker = ExperimentTracker(local_store, environment="dev")
    with (
        tracker.start_run() as run,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        told = set(pool.map(log_to, [run] * 4, range(4)))
        run.log_metric("mine", 1.0)
    assert told == {f"{run.run_id} True"}
    assert run.status == "FINISHED"
    assert set(run.metrics) == {"mine", "shared", "own-0", "own-1", "own-2", "own-3"}
    assert sorted(run.metric_history("shared")["value"]) == [0, 1, 2, 3]


def test_a_process_that_is_given_a_run_again_and_again_opens_it_once(local_store: LocalStore) -> None:
    run = ExperimentTracker(local_store).start_run()
    assert pickle.loads(pickle.dumps([run, run]))[1] is run
    run.end()
    assert pickle.loads(pickle.dumps(run)).status == "FINISHED"


def test_what_a_second_writer_adds_after_the_owner_has_ended_the_run_is_found(
    tracker: ExperimentTracker, again: ExperimentTracker, tmp_path: Path
) -> None:
    (tmp_path / "late.txt").write_text("late", encoding="utf-8")
    with tracker.start_run() as run:
        run.log_metric("loss", 1.0)
        other = again.resume_run(run.run_id)
    other.log_metric("loss", 0.5)
    other.log_artifact(tmp_path / "late.txt")
    other.end()
    (found,) = tracker.search_runs("metrics.loss = 0.5")
    assert found.status == "FINISHED"
    assert found.ended_at_ns == run.ended_at_ns
    assert [(file.path, file.size_bytes, file.sha256 is not None) for file in found.artifacts()] == [
        ("late.txt", 4, True)
    ]


def test_worker_processes_start_runs_of_their_own(local_store: LocalStore) -> None:
    tracker = ExperimentTracker(local_store, default_experiment="sweep", environment="dev")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        ids = set(pool.map(start_one, [tracker] * 4, range(4)))
    found = tracker.search_runs("status = 'FINISHED'", experiment_names=["sweep"])
    assert {run.run_id for run in found} == ids
    assert len(ids) == 4
