"""What tracking does, on every kind of store: one class for the local disk, memory and a volume of Databricks.

The other tests of this folder ask for a `store` too, and run on a volume in their long form.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tauro_nb.errors import ArtifactMissing, InvalidMetric, RunActive, RunEnded, RunNotFound
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


class TestTrackingOnEveryStore:
    @pytest.fixture(params=["local", "memory", "databricks"])
    def store(self, request: pytest.FixtureRequest, open_store: Callable[[str], Store]) -> Store:
        return open_store(request.param)

    @pytest.fixture
    def tracker(self, store: Store) -> Iterator[ExperimentTracker]:
        yield ExperimentTracker(store, clock=itertools.count(10**18, 1_000_000).__next__)
        background.wait()

    @pytest.fixture
    def elsewhere(self, store: Store) -> ExperimentTracker:
        """Another tracker, which knows only what the store has."""
        return ExperimentTracker(store)

    @staticmethod
    def ended(tracker: ExperimentTracker, name: str, **params: float) -> Run:
        with tracker.start_run(name) as run:
            run.log_params(params)
            run.log_metric("loss", 1 / (1 + sum(params.values())))
        background.wait()
        return run

    def test_a_run_reads_the_same_elsewhere(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        with tracker.start_run("größe/ß 🚀", experiment="a/b %", tags={"team": "risk"}) as parent:
            parent.log_params({"depth": 3, "nested": {"a": [1, None]}})
            parent.set_tags({"state": "seen"})
            child = tracker.start_run("child", parent=parent)
            child.end("FAILED")
        background.wait()
        read = elsewhere.get_run(parent.run_id)
        assert (read.name, read.experiment, read.status) == ("größe/ß 🚀", "a/b %", "FINISHED")
        assert read.params == {"depth": 3, "nested": {"a": [1, None]}}
        assert read.tags == {"team": "risk", "state": "seen"}
        assert elsewhere.get_run(child.run_id).parent_id == parent.run_id
        assert elsewhere.get_run(child.run_id).status == "FAILED"
        assert {each.name for each in elsewhere.experiments()} == {"a/b %", "default"}
        with pytest.raises(RunNotFound):
            elsewhere.get_run("20000101-000000-00000000")

    def test_every_point_arrives_in_its_order(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        run = tracker.start_run()
        values = [math.nan, math.inf, *map(float, range(5_000))]
        for value in values:
            run.log_metric("loss", value)
        run.log_metrics({"accuracy": 0.5, "f1": 0.25}, step=7)
        with pytest.raises(InvalidMetric):
            run.log_metrics({"accuracy": 0.9, "f1": "high"})
        run.flush_metrics()
        history = elsewhere.get_run(run.run_id).metric_history("loss")
        assert history["step"].tolist() == list(range(len(values)))
        assert history["value"].map(str).tolist() == [str(value) for value in values]
        run.end()
        background.wait()
        read = elsewhere.get_run(run.run_id)
        assert read.metrics == {"loss": 4_999.0, "accuracy": 0.5, "f1": 0.25}
        assert read.metric_history("loss", last=2)["value"].tolist() == [4_998.0, 4_999.0]
        assert read.metric_history("accuracy")["step"].tolist() == [7]

    def test_an_error_fails_the_run_and_goes_on(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        with pytest.raises(ZeroDivisionError), tracker.start_run() as run:
            run.log_metric("loss", 1 / 2), 1 / 0
        read = elsewhere.get_run(run.run_id)
        assert read.status == "FAILED"
        assert read.error is not None
        assert read.error.type == "ZeroDivisionError"
        assert read.metrics == {"loss": 0.5}
        with pytest.raises(RunEnded):
            run.log_metric("loss", 0.4)

    def test_a_run_goes_on_where_it_ended(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        run = self.ended(tracker, "a")
        with elsewhere.resume_run(run.run_id) as resumed:
            resumed.log_metric("loss", 0.25)
        background.wait()
        history = tracker.get_run(run.run_id).metric_history("loss")
        assert list(zip(history["step"], history["value"], strict=True)) == [(0, 1.0), (1, 0.25)]

    def test_files_models_and_tables_come_back(
        self, tracker: ExperimentTracker, elsewhere: ExperimentTracker, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "ä b.txt").write_text("text")
        (tmp_path / "empty").write_bytes(b"")
        table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
        with tracker.start_run() as run:
            run.log_artifacts(tmp_path / "data", "data")
            run.log_artifact(tmp_path / "empty")
            run.log_model({"weights": [1, 2]}, "model")
            run.log_table(table, "rows")
        background.wait()
        read = elsewhere.get_run(run.run_id)
        files = {file.path: file for file in read.artifacts()}
        assert {"data/ä b.txt", "empty", "rows.parquet"} < set(files)
        assert all(len(file.sha256 or "") == 64 for file in files.values())
        kept = functools.partial(keys.artifact, run.experiment, run.run_id)
        assert store.get(kept("data/ä b.txt")) == b"text"
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(store.get(kept("rows.parquet")))), table)
        assert read.load_model("model") == {"weights": [1, 2]}
        with pytest.raises(ArtifactMissing):
            read.load_model("another")

    def test_runs_are_found_and_compared(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        for depth in (1, 2, 3):
            self.ended(tracker, f"depth {depth}", depth=depth)
        found = elsewhere.search_runs("metrics.loss < 0.4 and params.depth != '9'", order_by=["metrics.loss ASC"])
        assert [run.name for run in found] == ["depth 3", "depth 2"]
        assert [run.name for run in elsewhere.search_runs(max_results=1)] == ["depth 3"]
        (differing,) = elsewhere.search_runs(order_by=["run_name"]).compare().params_that_differ
        assert (differing.name, list(differing.values)) == ("depth", [1, 2, 3])
        tracker.get_run(found[0].run_id).set_tag("best", "yes")
        assert [run.name for run in elsewhere.search_runs("tags.best = 'yes'")] == ["depth 3"]

    def test_notes_are_changed_after_the_end(self, tracker: ExperimentTracker, elsewhere: ExperimentTracker) -> None:
        run = self.ended(tracker, "a")
        run.set_notes("# Why\n*because*")
        assert elsewhere.get_run(run.run_id).notes == "# Why\n*because*"

    def test_a_model_is_measured_and_its_evaluation_kept(
        self, tracker: ExperimentTracker, elsewhere: ExperimentTracker
    ) -> None:
        linear = pytest.importorskip("sklearn.linear_model")
        features, truth = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        with tracker.start_run() as run:
            run.log_evaluation(linear.LogisticRegression().fit(features, truth), features, truth)
        background.wait()
        (kept,) = elsewhere.get_run(run.run_id).evaluations()
        assert kept.metrics["accuracy"] == elsewhere.get_run(run.run_id).metrics["accuracy"] == 1.0

    def test_a_deleted_run_comes_back_or_goes_for_good(
        self, tracker: ExperimentTracker, elsewhere: ExperimentTracker, store: Store
    ) -> None:
        stays, goes = self.ended(tracker, "stays"), self.ended(tracker, "goes")
        for run in (stays, goes):
            tracker.delete_run(run.run_id)
        assert len(elsewhere.search_runs()) == 0
        assert {run.name for run in elsewhere.deleted_runs()} == {"stays", "goes"}
        elsewhere.restore_run(stays.run_id)
        assert [run.name for run in tracker.search_runs()] == ["stays"]
        assert [run.run_id for run in tracker.gc(0).runs] == [goes.run_id]
        tracker.gc(0, dry_run=False)
        assert [key for key in walk(store) if goes.run_id in key] == []
        with pytest.raises(RunNotFound):
            elsewhere.get_run(goes.run_id)
        going_on = tracker.start_run()
        with pytest.raises(RunActive):
            elsewhere.delete_run(going_on.run_id)
        going_on.end()

    def test_what_a_version_came_from_is_kept(self, tracker: ExperimentTracker, store: Store) -> None:
        with tracker.start_run() as run:
            run.log_model({"w": 1}, "model")
        background.wait()
        ModelRegistry(store).register_from_run(run, "model", "m")
        tracker.delete_run(run.run_id)
        assert tracker.gc(0, dry_run=False).runs == ()
        assert tracker.restore_run(run.run_id).load_model("model") == {"w": 1}

    def test_usage_adds_up(self, tracker: ExperimentTracker) -> None:
        run = self.ended(tracker, "a")
        found = tracker.usage()
        assert [each.run_id for each in found.runs] == [run.run_id]
        assert found.size_bytes == sum(found.parts.values()) > 0
