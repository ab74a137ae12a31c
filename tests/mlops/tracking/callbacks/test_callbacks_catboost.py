from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.errors import RunEnded
from tauro_nb.mlops.tracking.tracker import ExperimentTracker

catboost = pytest.importorskip("catboost", reason="CatBoost comes with the extra `dev`")


def model(iterations: int, **more: Any) -> Any:
    return catboost.CatBoostClassifier(
        iterations=iterations, depth=2, thread_count=1, verbose=False, **{"allow_writing_files": False, **more}
    )


def test_each_metric_of_each_set_is_logged_by_iteration(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, val = halves
    with tracker.start_run() as run:
        fitted = model(4).fit(*train, eval_set=val, callbacks=[run.callback("catboost")])
    assert set(run.metrics) == {"learn/Logloss", "validation/Logloss"}
    steps, values = curve(run, "validation/Logloss")
    assert steps == [0, 1, 2, 3]
    assert values == pytest.approx(fitted.get_evals_result()["validation"]["Logloss"])


def test_iterations_that_were_not_evaluated_have_no_point(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, _ = halves
    with tracker.start_run() as run:
        model(5, metric_period=2).fit(*train, callbacks=[run.callback("catboost")])
    assert curve(run, "learn/Logloss")[0] == [0, 2, 4]


def test_iterations_count_on_from_a_model(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, _ = halves
    with tracker.start_run() as run:
        first = model(3).fit(*train, callbacks=[run.callback("catboost")])
        more = run.callback("catboost", start=first.tree_count_)
        model(2).fit(*train, init_model=first, callbacks=[more])
    assert curve(run, "learn/Logloss")[0] == [0, 1, 2, 3, 4]


def test_a_training_that_goes_on_from_a_snapshot_adds_only_what_is_new(
    tracker: ExperimentTracker, halves: Any, curve: Any, tmp_path: Path
) -> None:
    train, _ = halves
    kept = {"allow_writing_files": True, "train_dir": str(tmp_path), "save_snapshot": True, "snapshot_interval": 0}

    class Stop:
        def after_iteration(self, info: Any) -> bool:
            return bool(info.iteration < 3)

    with tracker.start_run() as run:
        model(5, **kept).fit(*train, callbacks=[run.callback("catboost"), Stop()])
    with tracker.resume_run(run.run_id) as run:
        model(5, **kept).fit(*train, callbacks=[run.callback("catboost")])
    assert curve(run, "learn/Logloss")[0] == [0, 1, 2, 3, 4]


def test_what_logging_raises_stops_the_training_as_the_context_of_its_own_error(
    tracker: ExperimentTracker, halves: Any
) -> None:
    train, _ = halves
    with tracker.start_run() as run:
        callback = run.callback("catboost")
    with ThreadPoolExecutor(1) as apart, pytest.raises(catboost.CatBoostError) as caught:  # it leaves its mark there
        apart.submit(model(3).fit, *train, callbacks=[callback]).result()
    assert isinstance(caught.value.__context__, RunEnded)
