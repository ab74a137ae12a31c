"""How evaluations are shown: in the page of their run, by themselves, and as plotly figures."""

# ruff: noqa: N806 - X is what scikit-learn calls it

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import pytest

from tauro_nb import faces
from tauro_nb.display import charts, html
from tauro_nb.display.data import Bars, Matrix, Panel, Panels
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.memory import MemoryStore

pytest.importorskip("sklearn")

HOSTILE = ["<img src=x onerror=alert(1)>", "</text></svg><script>", "\"'&\x1b\u202e"]


@pytest.fixture
def tracker():
    return ExperimentTracker(MemoryStore())


def classified(n_classes, names=None):
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(0)
    codes = np.r_[np.arange(n_classes), rng.integers(0, n_classes, 400)]
    X = np.column_stack([codes + rng.normal(size=len(codes)), rng.normal(size=len(codes))])
    y = codes if names is None else np.array(names, dtype=object)[codes]
    return GaussianNB().fit(X, y), X, y


def pictured(page):
    return [chart for section in page.sections if isinstance(section, Panels) for chart in section.items]


def drawn(shown):
    """Parse every picture of some HTML."""
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    return [ET.fromstring(base64.b64decode(each)) for each in pictures]


def texts(picture):
    return [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_the_page_of_a_run_shows_what_it_was_evaluated_to(tracker):
    with tracker.start_run() as run:
        run.log_evaluation(*classified(2), prefix="val/")
    page = faces.answer("page", run)
    assert [chart.title for chart in pictured(page)] == [
        "val/ · Confusion",
        "val/ · ROC: true over false positives",
        "val/ · Precision over recall",
        "val/ · Calibration: observed over predicted",
    ]
    shown = html.render(page)
    assert "<script" not in shown
    matrix = texts(drawn(shown)[0])
    counts = [f"{int(count):,}" for row in pictured(page)[0].cells for count in row]
    assert [text for text in matrix if text in counts] == counts


def test_an_evaluation_shows_itself_and_each_class(tracker):
    with tracker.start_run() as run:
        evaluation = run.log_evaluation(*classified(3, ["a", "b", "c"]))
    bundle = evaluation._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Evaluation\n  GaussianNB · 403 rows · macro average")
    assert re.search(r"^  a +\d", bundle["text/plain"], flags=re.MULTILINE)
    assert "roc_auc" in bundle["text/html"]


def test_of_many_evaluations_the_page_shows_the_first(tracker):
    with tracker.start_run() as run:
        model, X, y = classified(2)
        for fold in range(5):
            run.log_evaluation(model, X, y, prefix=f"fold{fold}/")
    bundle = run._repr_mimebundle_()
    assert "2 more evaluations: run.evaluations()" in bundle["text/plain"]
    assert len(bundle["text/html"]) < 100_000


@pytest.mark.parametrize("n_classes", [2, 5, 20, 60])
def test_a_confusion_matrix_of_any_size_is_a_small_picture_with_its_numbers(tracker, n_classes):
    with tracker.start_run() as run:
        evaluation = run.log_evaluation(*classified(n_classes))
    chart = pictured(faces.answer("page", evaluation))[0]
    assert isinstance(chart, Matrix)
    assert len(chart.names) == min(20, n_classes)
    width, height = charts.size(chart)
    assert width <= 1_000
    assert height <= 500
    assert len(charts.image(chart)) < 60_000
    counts = [f"{int(count):,}" for row in chart.cells for count in row if count]
    shown = texts(ET.fromstring(charts.draw(chart)))
    assert [text for text in shown[2 + 2 * len(chart.names) + 1 :] if text != "0"] == counts


def test_names_of_classes_and_features_are_text_in_every_form(tracker):
    with tracker.start_run() as run:
        evaluation = run.log_evaluation(*classified(3, HOSTILE), prefix="<b>val</b>/")
    shown = evaluation._repr_mimebundle_()["text/html"]
    assert "<img src=x" not in shown
    assert "<b>val" not in shown
    assert "<script" not in shown
    assert len(drawn(shown)) == 3
    bars = Bars("Importance", tuple(HOSTILE), (1.0, -0.5, 0.0), (0.1, 0.1, 0.0), more=2)
    assert ET.fromstring(charts.draw(bars)) is not None
    figure = run.figure("evaluation")
    assert "<img" not in figure.to_json()


def test_large_and_weighted_counts_fit_their_cells():
    shown = texts(ET.fromstring(charts.draw(Matrix("Confusion", ("a", "b"), ((12_345_678_901.0, 0.5), (0.0, 7.0))))))
    assert shown[-4:] == ["1.235e+10", "0.5", "0", "7"]
    many = Matrix("Confusion", tuple(map(str, range(6))), ((1_234_567.0,) * 6,) * 6)
    assert texts(ET.fromstring(charts.draw(many)))[-1] == "1235k"


def test_a_figure_has_a_panel_for_each_chart(tracker):
    from sklearn.linear_model import LinearRegression

    with tracker.start_run("trained") as run:
        model, X, y = classified(2)
        run.log_evaluation(model, X, y, prefix="val/")
        run.log_evaluation(LinearRegression().fit(X, y), X, y, prefix="line/")
    figure = run.figure("evaluation")
    assert isinstance(figure, go.Figure)
    headings = [each.text for each in figure.layout.annotations]
    assert headings[:2] == ["<b>line/ · Residuals over predicted</b>", "<b>line/ · Importance (coef_)</b>"]
    assert len(headings) == 6
    roc = run.figure("roc", dark=True)
    assert [each.text for each in roc.layout.annotations] == ["<b>val/ · ROC: true over false positives</b>"]
    assert roc.layout.template == go.layout.Template(roc.layout.template)
    heat = run.figure("confusion_matrix").data[0]
    assert [int(text) for row in heat.text for text in row] == [
        int(count) for row in pictured(faces.answer("page", run))[2].cells for count in row
    ]


def test_a_metric_comes_before_a_chart_of_its_name(tracker):
    with tracker.start_run() as run:
        run.log_evaluation(*classified(2))
        run.log_metric("roc", 0.5)
    assert run.figure("roc").data[0].orientation == "h"
    assert isinstance(pictured(faces.answer("page", run))[1], Panel)


def test_a_figure_that_is_not_there_is_told(tracker):
    with tracker.start_run() as run:
        run.log_metric("f1", 0.5)
    with pytest.raises(UsageError, match="the run has no evaluation"):
        run.figure("evaluation")
    with tracker.start_run() as run:
        run.log_evaluation(*classified(2))
    with pytest.raises(UnknownName, match="no chart named 'residuals'"):
        run.figure("residuals")
