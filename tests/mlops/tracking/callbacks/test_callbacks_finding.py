"""How a framework's callback is found by its name, whether or not the framework is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tauro_nb.errors import MissingDependency, RunEnded, TrackingError, UnknownName, UsageError
from tauro_nb.mlops.tracking import callbacks
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker


@pytest.fixture
def run(tracker: ExperimentTracker) -> Iterator[Run]:
    with tracker.start_run() as run:
        yield run


def test_the_frameworks_are_named() -> None:
    known = {"xgboost", "lightgbm", "catboost", "keras", "lightning", "transformers"}
    assert known <= set(callbacks.names())


@pytest.mark.parametrize(("given", "meant"), [("xgbost", "xgboost"), ("pytorch_lightning", "lightning")])
def test_a_wrong_name_gets_a_did_you_mean(run: Run, given: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=f"no framework named '{given}'") as caught:
        run.callback(given)
    assert caught.value.fix == f"did you mean '{meant}'?"


def test_a_name_that_is_no_text_is_refused_with_those_there_are(run: Run) -> None:
    with pytest.raises(UsageError, match="None") as caught:
        run.callback(None)
    assert "'xgboost'" in caught.value.fix


@pytest.mark.parametrize("framework", ["xgboost", "lightgbm", "catboost", "keras", "lightning", "transformers"])
def test_a_framework_that_is_not_installed_is_named_with_the_command(
    run: Run, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in (framework, "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=framework) as caught:
        run.callback(framework)
    assert caught.value.fix == f"pip install {framework}"


def test_a_run_that_has_ended_gives_no_callback(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        pass
    with pytest.raises(RunEnded):
        run.callback("lightgbm")


PLUGIN = """
class Printer:
    def __init__(self, run, *, prefix=""):
        self.run, self.prefix = run, prefix
"""


@pytest.fixture
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    site = tmp_path_factory.mktemp("site")
    (site / "printing.py").write_text(PLUGIN, encoding="utf-8")
    info = site / "printing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: printing\nVersion: 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))

    def declare(text: str) -> None:
        (info / "entry_points.txt").write_text(f"[tauro_nb.callbacks]\n{text}\n", encoding="utf-8")

    return declare


def test_another_package_adds_a_framework_by_an_entry_point(run: Run, plugins: Any) -> None:
    plugins("printing = printing:Printer")
    made = run.callback("printing", prefix="a/")
    assert (made.run, made.prefix) == (run, "a/")
    with pytest.raises(UnknownName, match=r"run.callback\('printing'\): no option named 'prefx'") as caught:
        run.callback("printing", prefx="a/")
    assert caught.value.fix == "did you mean 'prefix'?"


def test_a_broken_plugin_says_whose_it_is(run: Run, plugins: Any) -> None:
    plugins("printing = printing:NoSuchThing")
    with pytest.raises(TrackingError, match=r"'printing' of package 'printing' cannot be loaded: .*NoSuchThing"):
        run.callback("printing")
