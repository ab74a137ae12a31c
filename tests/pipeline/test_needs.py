"""What is reused and what is run again: for one node's inputs, and when a pipeline goes on."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.session import Session

CODE = """
    import logging
    from tauro_nb import ExperimentTracker, Run

    calls = []
    broken = True

    def load(size=3):
        calls.append("load")
        return list(range(size))

    def save(rows):
        calls.append("save")
        return {"rows": rows}

    def train(rows, saved, tracker: ExperimentTracker, log: logging.Logger, run: Run, rate, depth=None):
        calls.append(f"train {rate} {depth}")
        if broken:
            raise KeyError("no")
        return sum(rows) * rate

    def after(trained):
        calls.append("after")
        return -trained
"""
NODES = {
    "load": {"outputs": "rows"},
    "save": {"inputs": ["rows"], "outputs": "saved"},
    "train": {"inputs": ["rows", "saved"], "params": {"rate": 1}, "outputs": "trained"},
    "after": {"inputs": ["trained"]},
}
OUTPUTS = {"saved": {"path": "data/saved.json", "format": "json"}}


@pytest.fixture
def session(make_project):
    with Session(make_project(CODE, NODES, outputs=OUTPUTS, pipelines={"p": list(NODES), "q": ["load"]})) as opened:
        yield opened


def steps():
    return sys.modules["steps"]


def calls():
    found = list(steps().calls)
    steps().calls.clear()
    return found


def test_inputs_are_datasets_helpers_parameters_and_defaults_by_name(session):
    found = session.inputs("train", {"rate": 0.5, "load.size": 2})
    assert isinstance(found.pop("tracker"), ExperimentTracker)
    assert isinstance(found.pop("log"), logging.Logger)
    assert found == {"rows": [0, 1], "saved": {"rows": [0, 1]}, "rate": 0.5, "depth": None}
    assert calls() == ["load", "save"]
    assert session.last_report.status == "FINISHED"
    assert list(session.last_report.nodes) == ["load", "save"]


def test_inputs_that_are_in_files_or_memory_are_not_made_again(session, tmp_path):
    session.inputs("train")
    calls()
    report = session.last_report
    assert session.inputs("train")["rows"] == [0, 1, 2]
    assert calls() == []
    assert session.last_report is report
    Path(tmp_path / "data" / "saved.json").unlink()
    session.inputs("train")
    assert calls() == ["save"]


def test_a_mistake_about_inputs_runs_nothing(session):
    for name, params, fix in (("trian", None, "did you mean 'train'?"), ("train", {"rat": 1}, "did you mean 'rate'?")):
        with pytest.raises(UnknownName) as told:
            session.inputs(name, params)
        assert told.value.fix == fix
    assert session.last_report is None


def test_retry_runs_what_did_not_finish_with_the_parameters_of_then(session):
    with pytest.raises(KeyError):
        session.run("p", params={"size": 2, "rate": 3, "train.depth": 4})
    assert calls() == ["load", "save", "train 3 4"]
    with pytest.raises(KeyError):
        session.retry()
    assert calls() == ["train 3 4"]
    steps().broken = False
    report = session.retry({"depth": 5})
    assert calls() == ["train 3 5", "after"]
    assert report is session.last_report
    assert report.results == {"train": 3, "after": -3}
    with pytest.raises(UsageError, match="pipeline 'p' finished"):
        session.retry()


def test_a_node_that_is_tried_in_between_does_not_make_retry_forget_the_pipeline(session):
    with pytest.raises(KeyError):
        session.run("p")
    with pytest.raises(KeyError):
        session.node("train")
    steps().broken = False
    session.node("train")
    calls()
    assert list(session.retry().nodes) == ["train", "after"]


def test_retry_makes_anew_what_is_no_longer_there(session, tmp_path):
    with pytest.raises(KeyError):
        session.run("p")
    Path(tmp_path / "data" / "saved.json").unlink()
    steps().broken = False
    calls()
    session.retry()
    assert calls() == ["save", "train 1 None", "after"]


def test_without_a_run_there_is_nothing_to_retry(session):
    with pytest.raises(UsageError, match="nothing has been run"):
        session.retry()
