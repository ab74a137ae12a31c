"""Figures to keep: what they show, of real runs and versions, and that what users typed is text in them."""

import builtins
import json
import math
import re

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from tauro_nb.display.figures import curves, importance, parallel, scatter, versions
from tauro_nb.display.figures.names import plain
from tauro_nb.errors import MissingDependency, UnknownName, UsageError
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore

HOSTILE = "<a href='javascript:alert(1)'>a</a> & $x^2$ %{y} \u202e"


@pytest.fixture
def tracker():
    return ExperimentTracker(MemoryStore())


@pytest.fixture
def training(tracker):
    with tracker.start_run("training") as run:
        for step in range(30):
            run.log_metrics({"train/loss": 1 / (step + 1), "val/loss": 2 / (step + 1), "lr": 0.1}, step=step)
        run.log_metric("f1", 0.9)
    return run


def sweep(tracker, n=40, **more):
    rng = np.random.default_rng(0)
    for at in range(n):
        lr, noise = 10 ** rng.uniform(-4, -1), float(rng.normal())
        with tracker.start_run("trial") as run:
            run.log_params({"lr": lr, "noise": noise, "optimizer": ["sgd", "adam"][at % 2], "same": 1, **more})
            run.log_metric("f1", 0.9 - 0.1 * (math.log10(lr) + 2.5) ** 2)
    return tracker.search_runs()


def names_of(figure):
    return [trace.name for trace in figure.data if trace.showlegend]


def headings(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_a_run_shows_a_panel_for_each_quantity_that_has_a_curve(training):
    data = curves.pictured([training])
    assert {group.title: [line.detail for line in group.lines] for group in data.groups} == {
        "lr": ["lr"],
        "loss": ["train/loss", "val/loss"],
    }
    assert data.groups[1].lines[0].y.tolist() == [1 / (step + 1) for step in range(30)]
    figure = training.figure()
    assert isinstance(figure, go.Figure)
    assert names_of(figure) == ["train", "val"]
    assert len(figure.data) == 3


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("loss", ["train/loss", "val/loss"]),
        ("val/loss", ["val/loss"]),
        (["lr", "val/loss"], ["lr", "val/loss"]),
        ("f1", ["f1"]),
    ],
)
def test_metrics_are_named_by_themselves_or_by_their_quantity(training, key, shown):
    data = curves.pictured([training], key)
    assert [line.detail for group in data.groups for line in group.lines] == shown
    assert len(training.figure(key).data) == len(data.groups[0].lines) + len(data.groups) - 1


def test_a_run_without_curves_shows_its_last_values_as_bars(tracker):
    with tracker.start_run() as run:
        run.log_metrics({"f1": 0.8, "auc": 0.9})
    (bars,) = run.figure().data
    assert bars.type == "bar"
    assert list(bars.x) == [0.9, 0.8]


def test_a_metric_that_is_not_there_is_an_error_that_says_which_was_meant(training):
    with pytest.raises(UnknownName) as caught:
        training.figure("train/los")
    assert caught.value.fix == "did you mean 'train/loss'?"
    with pytest.raises(UnknownName, match="axis"):
        training.figure(x="epoch")
    with pytest.raises(UsageError, match="names no metric"):
        training.figure([])


def test_a_run_without_metrics_says_what_to_log(tracker):
    with tracker.start_run() as run, pytest.raises(UsageError, match="no metrics yet"):
        run.figure()


def test_what_is_not_finite_breaks_the_line_and_is_marked_beneath_it(tracker):
    with tracker.start_run() as run:
        for step, value in enumerate([1.0, math.nan, 3.0, math.inf, 5.0, 6.0]):
            run.log_metric("loss", value, step=step)
    line, marks = run.figure().data
    assert np.isnan(line.y).tolist() == [False, True, False, True, False, False]
    assert line.connectgaps is False
    assert list(marks.x) == [1, 3]
    assert list(marks.text) == ["NaN", "∞"]


def test_a_long_curve_keeps_its_spike_its_end_and_its_nan_in_few_points(tracker):
    with tracker.start_run() as run:
        for step in range(20_000):
            run.log_metric("loss", {7_777: 99.0, 12_345: math.nan}.get(step, 0.5), step=step)
    (line,) = curves.pictured([run]).groups[0].lines
    assert len(line.x) <= 1.1 * curves.POINTS
    assert line.x[np.argmax(line.y == 99.0)] == 7_777
    assert line.x[np.isnan(line.y)].tolist() == [12_345]
    assert line.x[-1] == 19_999


def test_time_counts_from_the_start_of_each_run(tmp_path):
    now = [10**18]
    tracker = ExperimentTracker(LocalStore(tmp_path), clock=lambda: now[0])
    runs = []
    for _ in range(2):
        with tracker.start_run() as run:
            for _ in range(3):
                now[0] += 2 * 10**9
                run.log_metric("loss", 1.0)
        runs.append(run)
    data = curves.pictured(runs, x="time")
    assert [line.x.tolist() for line in data.groups[0].lines] == [[2, 4, 6], [2, 4, 6]]


def test_runs_are_told_apart_by_colour_and_splits_by_dashes(tracker):
    for name in ("one", "two"):
        with tracker.start_run(name) as run:
            for step in range(3):
                run.log_metrics({"train/loss": step, "val/loss": step}, step=step)
    runs = tracker.search_runs()
    (group,) = curves.pictured(list(runs)).groups
    assert [(line.label, line.detail, line.colour, line.dash) for line in group.lines] == [
        ("two", "train/loss", 0, 0),
        ("two", "val/loss", 0, 1),
        ("one", "train/loss", 1, 0),
        ("one", "val/loss", 1, 1),
    ]
    assert names_of(runs.figure()) == ["two", "one"]
    assert headings(runs.figure()) == ["<b>loss</b>  train solid, val dash"]
    assert runs.compare().figure() == runs.figure("curves")


def test_metrics_of_one_point_are_compared_as_bars(tracker):
    runs = sweep(tracker, 3)
    (bars,) = runs.figure("curves", "f1").data
    assert list(bars.x) == [run.metrics["f1"] for run in runs]


def test_many_runs_and_many_quantities_are_cut_and_the_figure_says_so(tracker):
    for at in range(curves.MOST_RUNS + 1):
        with tracker.start_run(f"run {at}") as run:
            run.log_metrics({f"metric {n}": 1.0 for n in range(curves.MOST_GROUPS + 1)} if at == 50 else {"a": 1.0})
    data = curves.pictured(list(tracker.search_runs()))
    assert len(data.groups) == curves.MOST_GROUPS
    assert data.notes == ("the first 50 of 51 runs", "24 of 26 quantities: name others by key=")


def test_scatter_puts_any_two_columns_against_each_other(tracker):
    runs = sweep(tracker, 6)
    data = scatter.pictured(list(runs), "lr", "metrics.f1", color="optimizer")
    assert data.x.values.tolist() == [run.params["lr"] for run in runs]
    assert data.y.values.tolist() == [run.metrics["f1"] for run in runs]
    assert data.color.categories == ("adam", "sgd")
    figure = runs.figure("scatter", "lr", "metrics.f1", color="optimizer")
    assert [trace.name for trace in figure.data] == ["adam", "sgd"]
    assert figure.layout.xaxis.type == "log"


def test_scatter_leaves_out_runs_that_have_not_both_and_says_how_many(tracker):
    sweep(tracker, 3)
    with tracker.start_run("empty") as run:
        run.log_param("lr", 0.1)
    runs = tracker.search_runs()
    figure = runs.figure("scatter", x="lr", y="f1")
    assert len(figure.data[0].x) == 3
    assert figure.layout.title.subtitle.text == "without 1 run that have not both"


def test_scatter_chooses_a_parameter_that_differs_and_a_metric(tracker):
    data = scatter.pictured(list(sweep(tracker, 4)))
    assert (data.x.name, data.y.name) == ("params.lr", "metrics.f1")


def test_texts_and_numbers_of_one_parameter_are_categories(tracker):
    for value in ("auto", 5, True, [1, 2]):
        with tracker.start_run() as run:
            run.log_param("depth", value)
            run.log_metric("f1", 1.0)
    figure = tracker.search_runs().figure("scatter", "depth", "f1")
    assert list(figure.layout.xaxis.ticktext) == ["5", "[1, 2]", "auto", "true"]


def test_a_name_that_is_parameter_and_metric_has_to_be_said_in_full(tracker):
    with tracker.start_run() as run:
        run.log_param("lr", 0.1)
        run.log_metric("lr", 0.2)
    runs = tracker.search_runs()
    with pytest.raises(UsageError) as caught:
        runs.figure("scatter", "lr", "metrics.lr")
    assert "'params.lr' or 'metrics.lr'" in caught.value.fix
    assert list(runs.figure("scatter", "params.lr", "metrics.lr").data[0].y) == [0.2]


def test_parallel_has_an_axis_for_each_parameter_that_differs_and_the_metric_last(tracker):
    data = parallel.pictured(list(sweep(tracker, 10)))
    assert [axis.label for axis in data.axes] == ["lr", "noise", "optimizer", "f1"]
    assert data.axes[2].texts == ("adam", "sgd")
    assert set(data.axes[2].values) == {0, 1}
    assert all(axis.values.shape == (10,) and np.isfinite(axis.values).all() for axis in data.axes)


def test_parallel_draws_a_missing_parameter_beneath_the_others(tracker):
    for depth in (2, 4, None):
        with tracker.start_run() as run:
            run.log_param("depth", depth)
            run.log_metric("f1", 0.5)
    axis = parallel.pictured(list(tracker.search_runs()), "metrics.f1").axes[0]
    assert axis.texts[0] == "none"
    assert axis.values[0] == axis.ticks[0] < 2
    assert axis.values[1:].tolist() == [4, 2]


def test_parallel_needs_runs_that_differ(tracker):
    with tracker.start_run() as run:
        run.log_param("lr", 1)
        run.log_metric("f1", math.nan)
    runs = tracker.search_runs()
    with pytest.raises(UsageError, match="no run has a finite"):
        runs.figure("parallel")
    with tracker.start_run() as run:
        run.log_param("lr", 1)
        run.log_metric("f1", 1.0)
    with pytest.raises(UsageError, match="differ in no parameter"):
        tracker.search_runs().figure("parallel")
    assert len(tracker.search_runs().figure("parallel", params=["lr"]).data[0].dimensions) == 2


@pytest.mark.slow
def test_importance_finds_the_parameter_that_matters_and_gives_the_same_each_time(tracker):
    runs = list(sweep(tracker))
    data = importance.pictured(runs, "f1")
    assert data.params[0] == "lr"
    assert data.shares[0] > 10 * abs(data.shares[1])
    assert 0.5 < data.explained <= 1
    assert data == importance.pictured(runs, "f1")
    figure = importance.draw(data)
    assert figure.layout.yaxis.ticktext[0] == "lr"
    assert "40 runs" in figure.layout.title.subtitle.text


def test_importance_needs_enough_runs_and_a_metric_that_varies(tracker):
    with pytest.raises(UsageError, match="at least 10 runs") as caught:
        sweep(tracker, 9).figure("importance")
    assert "parallel" in caught.value.fix
    constant = ExperimentTracker(MemoryStore())
    for at in range(10):
        with constant.start_run() as run:
            run.log_param("lr", at)
            run.log_metric("f1", 0.5)
    with pytest.raises(UsageError, match="the same in all"):
        constant.search_runs().figure("importance")


def test_importance_without_scikit_learn_names_what_to_install(tracker, monkeypatch):
    runs = sweep(tracker, 10)
    found = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match="scikit-learn"):
        runs.figure("importance")


def test_kinds_metrics_and_columns_that_do_not_exist_are_named(tracker):
    runs = sweep(tracker, 2)
    with pytest.raises(UnknownName) as caught:
        runs.figure("paralell")
    assert caught.value.fix == "did you mean 'parallel'?"
    with pytest.raises(UnknownName) as caught:
        runs.figure("f1")
    assert caught.value.fix == "write figure(\"curves\", 'f1')"
    for call in (("scatter", "learning_rate"), ("parallel", "f2"), ("parallel", "f1", ["lrr"])):
        with pytest.raises(UnknownName):
            runs.figure(*call)
    with pytest.raises(UsageError, match="no runs"):
        runs[:0].figure()


def test_a_version_is_marked_among_the_versions_of_its_model():
    registry = ModelRegistry(MemoryStore())
    for at in range(3):
        registry.register_model({"w": at}, "churn", metrics={"train/f1": 0.8 + at / 100, "val/f1": 0.7, "auc": 0.9})
    registry.promote("churn", 2)
    version = registry.get("churn", 2)
    data = versions.pictured(version, "f1")
    assert [(line.detail, line.x.tolist()) for line in data.groups[0].lines] == [
        ("train/f1", [1, 2, 3]),
        ("val/f1", [1, 2, 3]),
    ]
    figure = version.figure("f1")
    assert [list(trace.x) for trace in figure.data if trace.mode == "markers"] == [[2], [2]]
    assert list(figure.layout.xaxis.ticktext) == ["v1", "v2<br>Production", "v3"]
    with pytest.raises(UnknownName):
        version.figure("f2")


def test_a_version_without_metrics_says_how_to_give_it_some():
    registry = ModelRegistry(MemoryStore())
    with pytest.raises(UsageError, match="has no metrics"):
        registry.register_model({"w": 1}, "churn").figure()


def texts(node):
    """Every text of a figure's JSON that plotly shows, with where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in {"legendgroup", "template"}:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def test_what_users_typed_is_text(tracker):
    for at in range(2):
        with tracker.start_run(HOSTILE) as run:
            run.log_params({HOSTILE[:-1]: at, "optimizer": [HOSTILE, "adam"][at]})
            for step in range(3):
                run.log_metrics({f"train/{HOSTILE[:-1]}": step, f"val/{HOSTILE[:-1]}": step + at}, step=step)
    registry = ModelRegistry(MemoryStore())
    version = registry.register_model({"w": 1}, "churn", metrics={HOSTILE[:-1]: 1.0})
    runs = tracker.search_runs()
    figures = [
        runs[0].figure(),
        runs.figure(),
        runs.figure("scatter", color="optimizer"),
        runs.figure("scatter", "optimizer", color=f"params.{HOSTILE[:-1]}"),
        version.figure(),
    ]
    allowed = re.compile(r"</?b>|<br>|</?extra>")
    for figure in figures:
        shown = list(texts(json.loads(figure.to_json())))
        assert any("&lt;a href" in text for text in shown)
        for text in shown:
            assert "<" not in allowed.sub("", text)
            assert "$" not in text
            assert "\u202e" not in text
            assert "%{y} " not in text
    labels = [dimension.label for dimension in runs.figure("parallel").data[0].dimensions]
    assert any(label.startswith("&lt;a href") for label in labels)


def test_a_long_name_is_cut():
    assert plain("x" * 10_000) == "x" * 39 + "…"
    assert plain("<" * 50) == "&lt;" * 39 + "…"


@pytest.mark.filterwarnings("ignore:.scattermapbox:DeprecationWarning")  # in the default template of plotly 6.0
def test_the_own_templates_leave_the_default_alone_and_follow_it_into_the_dark(training, monkeypatch):
    before = pio.templates.default
    light, dark = training.figure().layout.template, training.figure(dark=True).layout.template
    assert pio.templates.default == before
    assert {"tauro", "tauro_dark"} <= set(pio.templates)
    assert light == pio.templates["tauro"]
    assert dark == pio.templates["tauro_dark"]
    assert light.layout.paper_bgcolor == "rgba(0,0,0,0)"
    monkeypatch.setattr(pio.templates, "default", "tauro_dark")
    assert training.figure().layout.template == pio.templates["tauro_dark"]
    assert training.figure(dark=False).layout.template == pio.templates["tauro"]


def test_no_button_of_a_figure_sends_the_data_away(training):
    assert "sendChartToCloud" in training.figure().layout.template.layout.modebar.remove
