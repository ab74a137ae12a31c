from __future__ import annotations

import pytest

from tauro_nb.display import html, text
from tauro_nb.display.sweeps import MOST_TRIALS, sweep_page
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.pipeline.objective import Objective
from tauro_nb.pipeline.report import PipelineStatus
from tauro_nb.pipeline.space import Space
from tauro_nb.pipeline.trials import SweepReport, Trial


@pytest.fixture
def swept():
    """Return a function that makes the report of a sweep over `params`, with one trial for each value."""

    def make(params, values, *, objective=None, planned=None):
        report = SweepReport(
            None,
            pipeline="p",
            environment="dev",
            sweep_id="s",
            space=Space(params),
            sampler="grid",
            objective=objective,
            planned=planned,
        )
        for number, (given, value) in enumerate(zip(report.space.grid(), values, strict=False), start=1):
            trial = Trial(number, given, f"run-{number}", 10**18)
            trial.value, trial.ended_at_ns = value, 2 * 10**18
            trial.status = RunStatus.FINISHED if value is not None else RunStatus.FAILED
            report.begun.append(trial)
            report.close(trial)
        return report

    return make


def test_the_page_has_a_row_for_each_trial_and_marks_the_best(swept):
    report = swept({"depth": [1, 2, 3], "kind": ["x"]}, [0.5, 0.7, None], objective=Objective("metrics.f1"), planned=9)
    report.begun[2].error = ZeroDivisionError("mine")
    lines = text.render(sweep_page(report)).splitlines()
    assert lines[0] == "sweep p  [RUNNING]"
    assert "3 of 9 trials: 2 finished, 1 failed · maximize metrics.f1 · best 0.7, trial 2 · kind=x" in lines[1]
    assert lines[2].split() == ["trial", "state", "depth", "metrics.f1", "time", "run"]
    assert [line.split()[0] for line in lines[3:]] == ["1", "2", "3"]
    assert lines[4].endswith("best")
    assert lines[5].endswith("ZeroDivisionError: mine")


def test_of_many_trials_the_best_are_shown_in_their_order(swept):
    values = [float(at % 100) for at in range(300)]
    page = sweep_page(swept({"depth": list(range(300))}, values, objective=Objective("loss", maximize=False)))
    rows = page.sections[0].rows
    assert len(rows) == MOST_TRIALS
    assert [row[0].text for row in rows] == sorted((row[0].text for row in rows), key=int)
    assert {float(row[3].text) for row in rows} == {float(at) for at in range(17)}
    assert page.sections[0].more == 250


def test_without_an_objective_the_first_are_shown_and_none_is_best(swept):
    page = sweep_page(swept({"depth": list(range(60))}, [None] * 60))
    assert [row[0].text for row in page.sections[0].rows][:2] == ["1", "2"]
    assert "best" not in text.render(page)


def test_what_a_person_typed_is_escaped(swept):
    report = swept({"<b>k</b>": ["<script>", "x\ny"]}, [1.0, 2.0], objective=Objective("metrics.<i>"))
    report.begun[0].error = ValueError("<img src=x>")
    report.status, report.error = PipelineStatus.FAILED, ValueError("<u>")
    shown = html.render(sweep_page(report, log=["INFO a: <s>"]))
    assert not [tag for tag in ("<b>k", "<script", "<i>", "<img", "<u>", "<s>") if tag in shown]


def test_an_empty_sweep_says_so(swept):
    assert "no trials yet" in text.render(sweep_page(swept({"depth": [1]}, [])))
