from __future__ import annotations

import json

import pytest

from tauro_nb.errors import InvalidName, RunEnded, RunNotFound, UnknownName, UsageError
from tauro_nb.events import Event, EventEmitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.scope import Scope, current_run, scoped
from tauro_nb.mlops.stopping import StopRequested
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.protocol import Store

HOSTILE = [
    "../../etc/passwd",
    "a/b\\c",
    "<script>alert(1)</script>",
    "name\nwith\tcontrol\x00characters",
    "CON",
    "ein sehr langer Name " * 40,
    "日本語 🎉",
    "half \ud83d surrogate",
    "%2e%2e",
    " . ",
]


def test_a_run_that_is_left_normally_is_finished(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run(run_name="baseline") as run:
        assert run.status == "RUNNING"
        run.log_params({"depth": 12})
        run.log_metrics({"accuracy": 0.9})
    assert run.status is RunStatus.FINISHED
    read = again.get_run(run.run_id)
    assert (read.name, read.experiment, read.status) == ("baseline", "default", "FINISHED")
    assert read.params == {"depth": 12}
    assert read.metrics == {"accuracy": 0.9}
    assert read.error is None
    assert read.duration_s == run.duration_s > 0


def test_ids_begin_with_the_utc_time_and_sort_by_it(tracker: ExperimentTracker) -> None:
    ids = [tracker.start_run().run_id for _ in range(3)]
    assert ids[0] == "20261124-060250-00000001"
    assert ids == sorted(ids)


def test_an_id_that_is_taken_is_not_given_again(store: Store) -> None:
    given = iter(["aaaa", "aaaa", "bbbb"])
    tracker = ExperimentTracker(store, clock=lambda: 0, ids=given.__next__)
    assert [tracker.start_run().run_id for _ in range(2)] == ["19700101-000000-aaaa", "19700101-000000-bbbb"]


def test_an_exception_fails_the_run_and_goes_on(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    error = ZeroDivisionError("by zero")
    run = tracker.start_run()
    run.log_metric("loss", 1.0)
    with pytest.raises(ZeroDivisionError) as caught, run:
        raise error
    assert caught.value is error
    read = again.get_run(run.run_id)
    assert read.status == "FAILED"
    assert read.error is not None
    assert (read.error.type, read.error.message) == ("ZeroDivisionError", "by zero")
    assert "test_an_exception_fails_the_run" in read.error.traceback
    assert read.metrics == {"loss": 1.0}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "INTERRUPTED"),
        (GeneratorExit(), "INTERRUPTED"),
        (SystemExit(0), "FINISHED"),
        (SystemExit(3), "FAILED"),
    ],
)
def test_what_is_no_exception_interrupts_the_run(tracker: ExperimentTracker, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), tracker.start_run() as run:
        raise error
    assert run.status == status


def test_ending_twice_changes_nothing(tracker: ExperimentTracker, emitter: EventEmitter) -> None:
    run = tracker.start_run()
    run.end("FAILED")
    ended_at_ns = run.ended_at_ns
    run.end()
    assert (run.status, run.ended_at_ns) == ("FAILED", ended_at_ns)
    assert [event.type for event in emitter.history] == ["RUN_STARTED", "RUN_ENDED"]


def test_an_unknown_final_status_is_refused_and_the_run_goes_on(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    with pytest.raises(UnknownName, match="'FINSIHED'") as caught:
        run.end("FINSIHED")
    assert caught.value.fix == "did you mean 'FINISHED'?"
    with pytest.raises(UnknownName):
        run.end("RUNNING")
    assert run.is_active


def test_nothing_is_logged_to_a_run_that_has_ended(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    run.end()
    for log in (
        lambda: run.log_metric("loss", 1.0),
        lambda: run.log_metrics({"loss": 1.0}),
        lambda: run.log_param("lr", 1),
        lambda: run.log_artifact(__file__),
        lambda: run.log_model({}, "x.pkl"),
        lambda: run.log_table({"a": [1]}, "t"),
        run.__enter__,
    ):
        with pytest.raises(RunEnded, match="has ended"):
            log()
    assert run.metrics == {}


def test_an_ended_run_can_still_be_tagged(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        pass
    again.get_run(run.run_id).set_tag("note", "the good one")
    assert tracker.get_run(run.run_id).tags == {"note": "the good one"}


def test_runs_do_not_stop_each_other(tracker: ExperimentTracker) -> None:
    first, second = tracker.start_run("first"), tracker.start_run("second")
    with tracker.start_run("outer") as outer, tracker.start_run("inner") as inner:
        outer.log_metric("a", 1)
        inner.log_metric("a", 2)
        first.log_metric("a", 3)
    second.log_metric("a", 4)
    assert [run.metrics["a"] for run in (outer, inner, first, second)] == [1, 2, 3, 4]
    assert inner.parent_id is None


def test_the_current_run_is_the_innermost_with_block(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as outer:
        with tracker.start_run() as inner:
            assert current_run.get() is inner
        assert current_run.get() is outer
    assert current_run.get() is None


def test_a_parent_is_a_run_or_its_id(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as sweep:
        by_run = tracker.start_run(parent=sweep)
        by_id = tracker.start_run(parent=sweep.run_id)
    assert again.get_run(by_run.run_id).parent_id == sweep.run_id == by_id.parent_id
    with pytest.raises(RunNotFound):
        tracker.start_run(parent="20000101-000000-00000000")
    with pytest.raises(UsageError, match="parent=5"):
        tracker.start_run(parent=5)
    assert len(again.search_runs()) == 3


def test_a_scoped_run_carries_its_scope_as_tags(tracker: ExperimentTracker) -> None:
    of = Scope(environment="dev", pipeline="churn", node="train", execution_id="e1")
    with scoped(of):
        run = tracker.start_run(tags={"team": "growth", "node": "mine"})
        child = tracker.start_run("child")
    assert run.tags == {
        "pipeline": "churn",
        "node": "mine",
        "environment": "dev",
        "execution_id": "e1",
        "team": "growth",
    }
    assert run.name == "train"
    assert child.parent_id is None
    assert tracker.start_run().tags == {}


def test_runs_of_a_node_are_children_of_the_run_that_it_was_given(tracker: ExperimentTracker) -> None:
    with tracker.start_run("node") as given, scoped(Scope(node="train", run=given)):
        assert tracker.start_run().parent_id == given.run_id


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_tags_are_any_text(tracker: ExperimentTracker, again: ExperimentTracker, name: str) -> None:
    kept = name.encode("utf-8", "backslashreplace").decode()
    with tracker.start_run(run_name=name, experiment=name or None, tags={name: name}) as run:
        run.set_tag(name + "!", name)
        run.log_metric("loss", 1.0)
    read = again.get_run(run.run_id)
    assert (read.name, read.experiment) == (kept, kept)
    assert read.tags == {kept: kept, kept + "!": kept}
    assert [each.name for each in again.experiments()] == [kept]
    assert [found.run_id for found in again.search_runs(experiment_names=[kept])] == [run.run_id]


@pytest.mark.parametrize("name", ["", "  ", 7])
def test_a_name_that_is_none_is_refused(tracker: ExperimentTracker, name: str) -> None:
    with pytest.raises(InvalidName):
        tracker.start_run(run_name=name)
    with pytest.raises(InvalidName):
        tracker.start_run(experiment=name)
    assert len(tracker.search_runs()) == 0


@pytest.mark.parametrize("run_id", ["20000101-000000-00000000", "../../x", "", "a/b", "\x00"])
def test_a_run_that_is_not_there_is_said_to_be_missing(tracker: ExperimentTracker, run_id: str) -> None:
    tracker.start_run()
    with pytest.raises(RunNotFound):
        tracker.get_run(run_id)
    with pytest.raises(RunNotFound):
        tracker.resume_run(run_id)


def test_get_run_gives_the_object_that_logs(tracker: ExperimentTracker) -> None:
    run = tracker.start_run()
    assert tracker.get_run(run.run_id) is run
    assert tracker.search_runs()[0] is run


def test_another_tracker_sees_a_run_while_it_goes_on(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    run = tracker.start_run("live")
    view = again.get_run(run.run_id)
    assert view.status == "RUNNING"
    assert not view.is_active
    run.log_metric("loss", 0.5)
    run.flush_metrics()
    run.log_param("lr", 0.1)
    assert view.metrics == {"loss": 0.5}
    assert view.params == {"lr": 0.1}
    with pytest.raises(RunEnded, match="looked at"):
        view.log_metric("loss", 1.0)
    run.end("FAILED")
    assert view.status == "FAILED"


def test_a_resumed_run_continues_its_steps(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        run.log_metric("loss", 1.0)
        run.log_metric("loss", 0.5)
        run.log_metric("old", 7.0)
    with again.resume_run(run.run_id) as resumed:
        assert tracker.get_run(run.run_id).status == "RUNNING"
        resumed.log_metric("loss", 0.25)
        assert resumed.metrics == {"loss": 0.25, "old": 7.0}
    read = tracker.get_run(run.run_id)
    assert read.status == "FINISHED"
    assert read.metrics == {"loss": 0.25, "old": 7.0}
    assert list(read.metric_history("loss")["step"]) == [0, 1, 2]


def test_a_resumed_run_forgets_the_error_that_ended_it(tracker: ExperimentTracker) -> None:
    with pytest.raises(ValueError, match="oh"), tracker.start_run() as run:
        raise ValueError("oh")
    with tracker.resume_run(run.run_id) as resumed:
        assert resumed.error is None
    assert tracker.get_run(run.run_id).status == "FINISHED"


def test_events_tell_start_and_end_after_they_are_durable(
    tracker: ExperimentTracker, again: ExperimentTracker, emitter: EventEmitter
) -> None:
    seen: list[tuple[str, str, object]] = []

    def hear(event: Event) -> None:
        seen.append((event.type, again.get_run(event.data["run_id"]).status, event.subject))

    emitter.on_event("*", hear)
    with tracker.start_run("a", experiment="churn") as run:
        pass
    assert seen == [("RUN_STARTED", "RUNNING", run), ("RUN_ENDED", "FINISHED", run)]
    event = emitter.history[-1]
    assert event.environment == "dev"
    assert event.data == {"run_id": run.run_id, "run_name": "a", "experiment": "churn", "status": "FINISHED"}
    json.dumps(dict(event.data))


def test_counters_are_fed(tracker: ExperimentTracker, collector: MetricsCollector) -> None:
    tracker.start_run()
    failed = tracker.start_run()
    with tracker.start_run():
        assert collector.get_counter("active_runs", "dev") == 3
    failed.end("FAILED")
    told = {
        name: collector.get_counter(name) for name in ("runs_started", "runs_finished", "runs_failed", "active_runs")
    }
    assert told == {"runs_started": 3, "runs_finished": 1, "runs_failed": 1, "active_runs": 1}


def test_the_input_fingerprints_of_a_node_are_kept(tracker: ExperimentTracker) -> None:
    loaded = {"train": {"path": "data/train.parquet", "sha256": "ab"}}
    with scoped(Scope(node="train", inputs=lambda: loaded)), tracker.start_run() as run:
        loaded["late"] = {"path": "data/late.parquet", "sha256": "cd"}
    assert run.inputs == loaded
    assert tracker.get_run(run.run_id).inputs == loaded


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [Unprintable(), ValueError("half \ud83d"), ValueError("x" * 100_000)])
def test_any_error_can_be_kept(tracker: ExperimentTracker, again: ExperimentTracker, error: Exception) -> None:
    with pytest.raises(type(error)), tracker.start_run() as run:
        raise error
    kept = again.get_run(run.run_id).error
    assert kept is not None
    assert kept.type == type(error).__name__
    assert len(kept.traceback) <= 16_000


def test_a_resumed_run_keeps_where_it_came_from(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run() as run:
        source = run.source
    with ExperimentTracker(store).resume_run(run.run_id) as resumed:
        assert resumed.source == source


def test_tags_that_are_no_dict_are_refused(tracker: ExperimentTracker) -> None:
    with pytest.raises(InvalidName, match="a dict"):
        tracker.start_run(tags=["a"])  # type: ignore[arg-type]


def test_a_node_whose_run_was_ended_before_it_was_asked_to_stop_is_stopped_all_the_same(
    tracker: ExperimentTracker,
) -> None:
    run = tracker.start_run("a")
    run.end()
    run.stop_at_next_point()
    with scoped(Scope(node="endless")), pytest.raises(StopRequested):
        run.log_metric("loss", 1.0)
    with pytest.raises(RunEnded):
        run.log_metric("loss", 1.0)
