from __future__ import annotations

import math
import subprocess
import sys

import pytest

from tauro_nb.errors import MissingDependency, RunNotFound, UnknownName, UsageError
from tauro_nb.events import get_event_emitter
from tauro_nb.pipeline import space as spaces
from tauro_nb.session import open_session

STEPS = """
    import threading, time
    from tauro_nb import Run, ExperimentTracker

    calls = []
    held = threading.Event()

    def load(): return [1, 2, 3]

    def train(rows, run: Run, depth: int = 1, rate: float = 0.1):
        calls.append((depth, rate))
        if depth == 13:
            raise ZeroDivisionError("mine")
        if depth == 99:
            raise KeyboardInterrupt
        if depth == 77:
            held.set()
            for _ in range(100_000):
                run.log_metric("loss", 1)
                time.sleep(0.001)
        run.log_metric("loss", 5, step=0)
        run.log_metric("loss", 1 / depth, step=1)
        return {"score": depth * rate, "text": "x"}

    def folds(tracker: ExperimentTracker, depth: int = 1):
        with tracker.start_run("cv") as outer:
            outer.log_metric("f1", depth)
            with tracker.start_run("fold", parent=outer) as inner:
                inner.log_metric("f1", -1)

    def alone(depth: int = 1): return depth

    go = threading.Event()

    def waits(depth: int = 1):
        held.set()
        assert go.wait(60)
        return depth * 10

    def diverges(run: Run, depth: int = 1):
        run.log_metric("loss", float("nan") if depth == 2 else depth)

    def sometimes(run: Run, depth: int = 1):
        if depth != 2:
            run.log_metric("loss", depth)
"""
NODES = {
    "load": {"outputs": "rows"},
    "train": {"inputs": {"rows": "rows"}},
    "folds": {},
    "alone": {},
    "diverges": {},
    "sometimes": {},
    "waits": {},
}
PIPELINES = {"p": ["load", "train"], **{name: [name] for name in ("folds", "alone", "diverges", "sometimes", "waits")}}


@pytest.fixture
def session(make_project, tmp_path):
    make_project(STEPS, NODES, pipelines=PIPELINES)
    with open_session(tmp_path) as opened:
        yield opened


def calls():
    return sys.modules["steps"].calls


def test_each_combination_is_a_trial_with_a_run_whose_children_are_those_of_the_pipeline(session):
    report = session.sweep("p", {"depth": [1, 2], "train.rate": [0.5, 1.0]}, minimize="metrics.loss")
    assert calls() == [(1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)]
    assert (report.status, report.run.status, report.run.parent_id) == ("FINISHED", "FINISHED", None)
    assert [run.parent_id for run in report.runs] == [report.run_id] * 4
    first = report.runs[0]
    assert first.params == {"depth": 1, "train.rate": 0.5}
    assert first.metrics == {"loss": 1.0}
    (child,) = session.tracker.search_runs(f"parent_id = '{first.run_id}'")
    assert (child.name, child.tags["trial"], child.tags["sweep"]) == ("train", "1", report.sweep_id)
    assert child.tags["pipeline"] == "p"
    assert [run.run_id for run in session.tracker.search_runs("tags.kind = 'trial'", ["start_time"])] == [
        trial.run_id for trial in report.begun
    ]
    assert report.run.params["space"] == {"depth": [1, 2], "train.rate": [0.5, 1.0]}
    assert list(report.run.metric_history("best.loss")["value"]) == [1.0, 0.5]


def test_the_best_is_the_first_with_the_best_objective(session):
    report = session.sweep("p", {"depth": [1, 2, 3, 4], "rate": [1.0]}, maximize="results.train.score")
    assert (report.best.number, report.best.value, dict(report.best.params)) == (4, 4.0, {"depth": 4, "rate": 1.0})
    assert report.runs.best("results.train.score").run_id == report.best.run_id
    frame = report.trials
    assert list(frame.columns[:5]) == ["trial", "status", "params.depth", "params.rate", "results.train.score"]
    assert list(frame["results.train.score"]) == [1.0, 2.0, 3.0, 4.0]
    assert session.sweep("p", {"depth": [2, 2, 4], "rate": [1.0, 0.5]}, maximize="results.train.score").best.number == 3


def test_trials_can_be_compared_and_drawn(session):
    report = session.sweep("p", {"depth": [1, 2, 3], "rate": [0.1, 0.2]}, minimize="loss")
    assert report.runs.figure("parallel", metric="loss").data
    assert [row.name for row in report.runs.compare().params_that_differ] == ["depth", "rate"]


def test_a_number_that_a_node_returns_is_an_objective_without_any_metric(session):
    report = session.sweep("alone", {"depth": [3, 1]}, minimize="results.alone")
    assert (report.best.number, report.runs[1].metrics) == (2, {"results.alone": 1.0})


def test_runs_below_those_of_the_pipeline_do_not_count(session):
    report = session.sweep("folds", {"depth": [3, 5]}, maximize="f1")
    assert [trial.value for trial in report.begun] == [3.0, 5.0]


def test_a_trial_that_fails_is_kept_and_the_sweep_goes_on(session):
    report = session.sweep("p", {"depth": [13, 2]}, minimize="loss")
    assert [trial.status for trial in report.begun] == ["FAILED", "FINISHED"]
    assert (report.status, report.best.number) == ("FINISHED", 2)
    assert report.runs[0].record.error.type == "ZeroDivisionError"
    assert report.trials["error"][0] == "ZeroDivisionError: mine"


def test_where_all_trials_fail_the_sweep_fails_by_the_first(session):
    with pytest.raises(ZeroDivisionError, match="mine") as told:
        session.sweep("p", {"depth": [13], "rate": [1, 2]})
    assert "all 2 trials failed" in told.value.__notes__[-1]
    assert (session.last_sweep.status, session.last_sweep.run.status) == ("FAILED", "FAILED")
    assert session.last_report.error is not None


def test_a_metric_that_the_first_trial_lacks_ends_the_sweep_with_one_that_may_be_meant(session):
    with pytest.raises(UnknownName, match="'los'") as told:
        session.sweep("p", {"depth": [1, 2, 3]}, minimize="metrics.los")
    assert told.value.fix == "did you mean 'loss'?"
    assert [trial.status for trial in session.last_sweep.begun] == ["FINISHED"]
    assert session.last_sweep.run.status == "FAILED"


def test_a_later_trial_without_the_metric_or_with_nan_has_no_value(session):
    report = session.sweep("sometimes", {"depth": [1, 2, 3]}, minimize="loss")
    assert [trial.value for trial in report.begun] == [1.0, None, 3.0]
    report = session.sweep("diverges", {"depth": [2, 5, 3]}, minimize="loss")
    assert math.isnan(report.begun[0].value)
    assert report.best.number == 3


@pytest.mark.parametrize(
    ("params", "how", "kind"),
    [
        ({"depht": [1]}, {}, UnknownName),
        ({"depth": [1]}, {"sampler": "gird"}, UnknownName),
        ({"depth": [1]}, {"sampler": "optuna"}, UsageError),
        ({"depth": [1]}, {"maximize": "a", "minimize": "b"}, UsageError),
        ({"depth": [1]}, {"maximize": "results.trian"}, UnknownName),
        ({"depth": [1]}, {"trials": 0}, UsageError),
        ({"depth": "0.5..1"}, {"sampler": "random"}, UsageError),
        ({"depth": [1]}, {"resume": True}, RunNotFound),
    ],
)
def test_what_can_be_known_beforehand_is_told_before_anything_is_kept(session, params, how, kind):
    with pytest.raises(kind) as told:
        session.sweep("p", params, **how)
    assert told.value.fix
    assert len(session.tracker.search_runs()) == 0


def test_an_interrupt_keeps_what_finished(session):
    with pytest.raises(KeyboardInterrupt):
        session.sweep("p", {"depth": [1, 99, 2]}, minimize="loss")
    report = session.last_sweep
    assert [trial.status for trial in report.begun] == ["FINISHED", "INTERRUPTED"]
    assert (report.status, report.run.status, report.best.number) == ("INTERRUPTED", "INTERRUPTED", 1)
    assert len(session.tracker.search_runs("status = 'RUNNING'")) == 0


def test_a_sweep_in_the_background_stops_where_a_pipeline_would(session):
    job = session.start_sweep("p", {"depth": [1, 77, 2]}, minimize="loss")
    assert sys.modules["steps"].held.wait(60)
    assert job.busy == ["train of trial 2"]
    job.stop()
    assert job.wait(60)
    assert (job.status, [trial.status for trial in job.report.begun]) == ("INTERRUPTED", ["FINISHED", "INTERRUPTED"])
    assert job.report.run.status == "INTERRUPTED"
    assert session.last_sweep is job.report


def test_a_sweep_beside_goes_on_with_the_code_that_it_began_with(session, tmp_path):
    job = session.start_sweep("waits", {"depth": [1, 2, 3]}, maximize="results.waits")
    old = sys.modules["steps"]
    assert old.held.wait(60)
    text = (
        (tmp_path / "steps.py").read_text().replace("assert go.wait(60)", "pass").replace("depth * 10", "depth * 1000")
    )
    (tmp_path / "steps.py").write_text(text)
    assert session.reload()
    assert session.run("waits").results == {"waits": 1000}
    old.go.set()
    assert job.wait(60)
    assert [trial.value for trial in job.report.begun] == [10, 20, 30]


def test_resuming_runs_only_what_did_not_finish_under_the_same_run(session):
    with pytest.raises(KeyboardInterrupt):
        session.sweep("p", {"depth": [1, 2, 99], "rate": [0.1, 0.5]}, maximize="results.train.score")
    before, first = len(calls()), session.last_sweep
    with pytest.raises(KeyboardInterrupt):
        session.sweep("p", {"depth": [1, 2, 99], "rate": [0.1, 0.5]}, maximize="results.train.score", resume=True)
    again = session.last_sweep
    assert calls()[before:] == [(99, 0.1)]
    assert (again.run_id, again.sweep_id) == (first.run_id, first.sweep_id)
    assert [trial.number for trial in again.begun] == [1, 2, 3, 4, 6]
    assert again.best.value == first.best.value


def test_resuming_a_sweep_that_optuna_led_goes_on_to_more_trials(session):
    pytest.importorskip("optuna", reason="optuna comes with the extra `optuna`")
    what = {"depth": "1..6", "rate": "log:1e-3..1"}
    first = session.sweep("p", what, sampler="optuna", trials=4, seed=1, minimize="loss")
    again = session.sweep("p", what, sampler="optuna", trials=7, seed=1, minimize="loss", resume=True)
    assert [trial.run_id for trial in again.begun[:4]] == [trial.run_id for trial in first.begun]
    assert len(again.begun) == 7
    assert len({str(dict(trial.params)) for trial in again.begun}) == 7


def test_a_slice_is_swept_on_what_is_in_memory(session):
    session.run("p")
    report = session.sweep("p", {"depth": [1, 2]}, nodes=["train"], minimize="loss")
    assert report.best.number == 2
    assert report.run.params["nodes"] == ["train"]


def test_the_events_of_a_sweep_tell_it_from_its_start_to_its_end(session):
    heard = []
    with get_event_emitter().on_event("*", heard.append, inline=True):
        session.sweep("p", {"depth": [1, 13]}, minimize="loss")
    own = [event for event in heard if event.type.startswith(("SWEEP", "TRIAL"))]
    assert [event.type.value for event in own] == [
        "SWEEP_STARTED",
        *("TRIAL_STARTED", "TRIAL_ENDED") * 2,
        "SWEEP_ENDED",
    ]
    assert [event.data.get("value") for event in own[2:5:2]] == [1.0, None]
    assert own[4].data["error"] == "ZeroDivisionError: mine"
    assert own[-1].data["status"] == "FINISHED"


def test_a_sweep_imports_optuna_only_when_it_is_asked(session, monkeypatch):
    code = "import sys, tauro_nb.pipeline.sweep_settings; print('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependency, match="optuna"):
        session.sweep("p", {"depth": [1]}, sampler="optuna", minimize="loss")


def test_a_range_object_is_taken_as_its_text_is(session):
    one = session.sweep("p", {"rate": spaces.Range(0.1, 0.2)}, sampler="random", trials=3, seed=5)
    other = session.sweep("p", {"rate": "0.1..0.2"}, sampler="random", trials=3, seed=5)
    assert [trial.params for trial in one.begun] == [trial.params for trial in other.begun]
