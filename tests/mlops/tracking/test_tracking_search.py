from __future__ import annotations

import itertools
import math
import pickle
from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from tauro_nb.errors import FilterError, RunNotFound, UnknownName, UsageError
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.run_table import RunTable
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store

START_NS = 1_795_500_170_000_000_000
"""2026-11-24 06:02:50 UTC."""


@pytest.fixture(scope="module", params=["local", "memory"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExperimentTracker]:
    """A tracker that sees five runs, which another has started in this order: forest, linear, broken, digits, open."""
    store = LocalStore(tmp_path_factory.mktemp("store")) if request.param == "local" else MemoryStore()
    tracker = ExperimentTracker(store, clock=itertools.count(START_NS, 1_000_000).__next__)

    def run(name: str, experiment: str, params: dict[str, object], metrics: dict[str, float], **tags: str) -> None:
        with tracker.start_run(name, experiment, tags) as made:
            made.log_params(params)
            made.log_metrics(metrics)

    run("forest", "churn", {"model": "RandomForest", "depth": 12}, {"f1": 0.95, "loss": 0.2}, team="a")
    run("linear", "churn", {"model": "Linear", "depth": 1}, {"f1": 0.80, "loss": 0.5}, team="b")
    run("broken", "churn", {"model": "Linear", "warm": True}, {"f1": math.nan, "loss": math.inf})
    run("digits", "digits", {"depth": 3}, {"loss": 0.1}, team="A%_")
    last = tracker.start_run("open", "digits")
    last.log_metric("f1", 0.5)
    last.flush_metrics()
    yield ExperimentTracker(store)
    last.end()
    background.wait()


@pytest.fixture
def find(library: ExperimentTracker) -> Callable[..., str]:
    """Names of the runs that are found, in their order."""
    return lambda *args, **kwargs: " ".join(run.name for run in library.search_runs(*args, **kwargs))


def test_without_a_filter_all_runs_come_newest_first(find: Callable[..., str]) -> None:
    assert find() == "open digits broken linear forest"
    assert find("  ") == find(filter_string="") == find()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metrics.f1 > 0.8", "forest"),
        ("metrics.f1 >= 0.8", "linear forest"),
        ("metrics.f1 >= 0.5", "open linear forest"),
        ("metrics.f1 != 0.8", "open broken forest"),
        ("metrics.f1 < inf", "open linear forest"),
        ("metrics.loss = inf", "broken"),
        ("metrics.f1 = nan", "broken"),
        ("metrics.f1 != nan", "open linear forest"),
        ("metrics.f1 IN (nan, 0.8)", "broken linear"),
        ("metrics.f1 NOT IN (nan, 0.8)", "open forest"),
        ("metrics.f1 IS NULL", "digits"),
        ("metrics.f1 > 0.9 and params.model = 'RandomForest'", "forest"),
        ("params.model = 'Linear'", "broken linear"),
        ("params.model != 'Linear'", "forest"),
        ("params.depth = '12'", "forest"),
        ("params.depth = 12", "forest"),
        ("params.depth > 1", "digits forest"),
        ("params.depth IN (1, '3')", "digits linear"),
        ("params.depth NOT IN (1, '3')", "forest"),
        ("params.warm = 'True'", "broken"),
        ("params.warm = 'true'", "broken"),
        ("params.model LIKE '%ar'", "broken linear"),
        ("params.model LIKE 'linear'", ""),
        ("params.model ILIKE 'LIN_AR'", "broken linear"),
        ("tags.team = 'a'", "forest"),
        ("tags.team ILIKE 'a%'", "digits forest"),
        ("tags.team IS NOT NULL", "digits linear forest"),
        ("tags.mlflow.runName = 'open'", "open"),
        ("status = 'RUNNING'", "open"),
        ("attributes.status != 'RUNNING'", "digits broken linear forest"),
        ("run_name LIKE '%r%'", "broken linear forest"),
        ("experiment = 'digits'", "open digits"),
        ("start_time > '2026-11-24 06:02:50'", "open digits broken linear"),
        ("start_time <= 1795500170000", "forest"),
        ("end_time IS NULL", "open"),
        ("parent_id IS NULL and duration_s >= 0", "digits broken linear forest"),
    ],
)
def test_a_filter_keeps_what_it_says(find: Callable[..., str], text: str, names: str) -> None:
    assert find(text) == names


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (["metrics.f1 DESC"], "forest linear open broken digits"),
        (["metrics.f1"], "open linear forest broken digits"),
        (["metrics.loss"], "digits forest linear broken open"),
        (["params.model", "metrics.loss DESC"], "broken linear forest digits open"),
        (["experiment DESC", "start_time ASC"], "digits open forest linear broken"),
        ("run_name", "broken digits forest linear open"),
        (["params.depth DESC"], "forest digits linear open broken"),
        ([], "open digits broken linear forest"),
    ],
)
def test_runs_are_ordered_with_nan_and_missing_last(find: Callable[..., str], order: list[str], names: str) -> None:
    assert find(order_by=order) == names


def test_results_are_limited_after_ordering(find: Callable[..., str]) -> None:
    assert find(order_by=["metrics.loss"], max_results=2) == "digits forest"
    assert find(max_results=100) == find()
    with pytest.raises(UsageError):
        find(max_results=0)


def test_experiments_are_chosen_by_name(find: Callable[..., str]) -> None:
    assert find(experiment_names=["digits"]) == "open digits"
    assert find(experiment_names="digits") == "open digits"
    assert find(experiment_names=[]) == ""
    assert find(experiment_names=["nowhere"]) == ""


def test_a_wrong_filter_is_an_error_even_where_there_are_no_runs(tracker: ExperimentTracker) -> None:
    with pytest.raises(FilterError):
        tracker.search_runs("metrics.f1 >")
    with pytest.raises(FilterError):
        tracker.search_runs(order_by=["f1"])


def test_children_are_found_by_their_parent(tracker: ExperimentTracker) -> None:
    with tracker.start_run("sweep") as sweep:
        tracker.start_run("child", parent=sweep).end()
    for text in (f"parent_id = '{sweep.run_id}'", f"tags.mlflow.parentRunId = '{sweep.run_id}'"):
        assert [run.name for run in tracker.search_runs(text)] == ["child"]


def test_the_frame_has_one_row_a_run(library: ExperimentTracker) -> None:
    frame = library.search_runs().frame
    assert list(frame.columns) == [
        "run_id",
        "run_name",
        "experiment",
        "status",
        "start_time",
        "end_time",
        "params.depth",
        "params.model",
        "params.warm",
        "metrics.f1",
        "metrics.loss",
        "tags.team",
    ]
    assert frame["run_name"].tolist() == ["open", "digits", "broken", "linear", "forest"]
    assert frame["status"].tolist() == ["RUNNING"] + ["FINISHED"] * 4
    assert str(frame["start_time"].dtype) == "datetime64[ns, UTC]"
    assert frame["start_time"].iloc[-1] == pd.Timestamp("2026-11-24 06:02:50", tz="UTC")
    assert frame["end_time"].isna().tolist() == [True, False, False, False, False]
    assert frame["metrics.loss"].tolist()[1:] == [0.1, math.inf, 0.5, 0.2]
    assert frame["metrics.f1"].iloc[0] == 0.5
    assert frame["params.depth"].tolist()[1::3] == [3, 12]


def test_the_frame_of_no_runs_has_the_first_columns(tracker: ExperimentTracker) -> None:
    frame = tracker.search_runs().frame
    assert list(frame.columns) == ["run_id", "run_name", "experiment", "status", "start_time", "end_time"]
    assert len(frame) == 0


def test_a_table_is_a_sequence_of_runs(library: ExperimentTracker) -> None:
    table = library.search_runs()
    assert len(table) == 5
    assert table[0].name == "open"
    assert table[-1].name == "forest"
    assert [run.name for run in table[1:3]] == ["digits", "broken"]
    assert isinstance(table[:2], RunTable)
    assert table[1] is table[1:][0] is list(table)[1]
    assert [run.run_id for run in table] == table.frame["run_id"].tolist()
    with pytest.raises(IndexError):
        table[5]
    assert repr(table) == "<RunTable of 5 runs>"


def test_a_table_is_the_same_in_another_process(local_store: LocalStore) -> None:
    tracker = ExperimentTracker(local_store)
    for number in range(3):
        with tracker.start_run(f"run-{number}") as run:
            run.log_metric("f1", number)
    table = tracker.search_runs(order_by=["metrics.f1"])
    background.wait()
    copy = pickle.loads(pickle.dumps(table))
    assert [run.name for run in copy] == ["run-0", "run-1", "run-2"]
    assert copy.frame.equals(table.frame)
    assert copy.best("f1").name == "run-2"


def test_the_best_run_is_the_one_with_the_highest_or_lowest_metric(library: ExperimentTracker) -> None:
    table = library.search_runs()
    assert table.best("metrics.f1").name == table.best("f1").name == "forest"
    assert table.best("metrics.loss", mode="min").name == "digits"
    assert table.best("loss").name == "broken"
    with pytest.raises(UnknownName, match="'f2'") as caught:
        table.best("metrics.f2")
    assert caught.value.fix == "there are 'f1', 'loss'"
    with pytest.raises(RunNotFound):
        table[:0].best("f1")
    with pytest.raises(RunNotFound, match="NaN"):
        library.search_runs("metrics.f1 = nan").best("f1")
    with pytest.raises(UnknownName):
        table.best("f1", mode="highest")  # type: ignore[arg-type]


def test_a_comparison_tells_what_differs_from_what_is_the_same(tracker: ExperimentTracker) -> None:
    for number in range(2):
        with tracker.start_run(f"run-{number}", tags={"team": "a"}) as run:
            run.log_params({"lr": 0.1 * (number + 1), "depth": 3, "nested": {"a": [number]}})
            if number:
                run.log_param("only", 1)
            for step in range(3):
                run.log_metric("loss", 1 / (step + 1 + number))
            run.log_metric("f1", 0.5 + number)
    comparison = tracker.search_runs(order_by=["run_name"]).compare()
    assert [row.name for row in comparison.params_that_differ] == ["lr", "nested", "only"]
    assert [row.name for row in comparison.params_in_common] == ["depth"]
    assert comparison.params_that_differ[2].values == (None, 1)
    assert {row.name: row.values for row in comparison.metrics} == {"f1": (0.5, 1.5), "loss": (1 / 3, 1 / 4)}
    assert not comparison.tags[0].differs
    assert [(curve.run_name, curve.key) for curve in comparison.curves()] == [
        ("run-0", "f1"),
        ("run-1", "f1"),
        ("run-0", "loss"),
        ("run-1", "loss"),
    ]
    curves = comparison.curves("loss")
    assert [curve.values.tolist() for curve in curves] == [[1, 1 / 2, 1 / 3], [1 / 2, 1 / 3, 1 / 4]]
    assert curves[0].steps.tolist() == [0, 1, 2]


def test_a_comparison_of_nothing_is_empty(tracker: ExperimentTracker) -> None:
    comparison = tracker.search_runs().compare()
    assert (len(comparison), comparison.params, comparison.metrics, comparison.curves()) == (0, (), (), [])


def test_a_run_folder_without_a_record_is_passed_over(tracker: ExperimentTracker, store: Store) -> None:
    tracker.start_run("a").end()
    store.put("experiments/default/runs/20261124-000000-dead/artifacts/x", b"left by a killed process")
    store.put("experiments/half-made/runs/note", b"")
    assert [run.name for run in tracker.search_runs()] == ["a"]


def test_a_run_that_is_copied_in_or_deleted_by_hand_is_noticed(local_store: LocalStore) -> None:
    import shutil

    tracker = ExperimentTracker(local_store)
    with tracker.start_run("a") as run:
        pass
    assert len(tracker.search_runs()) == 1
    folder = local_store.root / keys.run("default", run.run_id)
    other = local_store.root / keys.run("other", run.run_id)
    shutil.copytree(folder, other)
    shutil.rmtree(folder)
    assert [run.run_id for run in ExperimentTracker(local_store).search_runs()] == [run.run_id]
    shutil.rmtree(other)
    assert len(tracker.search_runs()) == 0


def test_notes_are_found_as_mlflows_tag(tracker: ExperimentTracker) -> None:
    with tracker.start_run("noted") as noted, tracker.start_run("bare"):
        noted.set_notes("the good one")
    found = tracker.search_runs("tags.`mlflow.note.content` LIKE '%good%'")
    assert [run.name for run in found] == ["noted"]
    assert [run.name for run in tracker.search_runs("tags.`mlflow.note.content` IS NULL")] == ["bare"]
