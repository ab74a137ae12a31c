"""How a sweep looks: a row for each trial, and which is best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Page, Table
from tauro_nb.display.reports import failure_of, log_of, told
from tauro_nb.pipeline.space import Range
from tauro_nb.pipeline.trials import SweepReport, Trial

MOST_TRIALS = 50
MOST_PARAMS = 8
"""Columns of parameters."""


def sweep_page(report: SweepReport, *, log: Sequence[str] = ()) -> Page:
    """Return the trials in their order, of many the best; below them the newest lines of their log."""
    varied = varied_params(report)
    objective = () if report.objective is None else (Column(fmt.name(report.objective.name), numeric=True),)
    table = Table(
        (
            Column("trial", numeric=True),
            Column("state"),
            *(Column(fmt.name(key), numeric=_is_number(report.space.dimensions[key])) for key in varied),
            *objective,
            Column("time", numeric=True, least=fmt.TIME_WIDTH),
            Column("run"),
            Column(""),
        ),
        tuple(_row(report, trial, varied) for trial in _shown(report)),
        more=max(0, len(report.begun) - MOST_TRIALS),
        empty="no trials yet",
    )
    return Page(
        title=fmt.name(f"sweep {report.pipeline}"),
        state=report.status.value,
        subtitle=(
            fmt.text(report.environment),
            fmt.moment(report.started_at_ns),
            Cell(fmt.duration(report.duration_s)),
            Cell(report.sampler),
            Cell(counted(report)),
            fmt.text("" if report.objective is None else str(report.objective)),
            Cell(best_of(report)),
            *(Cell(f"{fmt.name(key)}={fmt.value(value).text}") for key, value in fixed_params(report)[:MOST_PARAMS]),
        ),
        sections=(table, *failure_of(report.error), *log_of(log)),
    )


def varied_params(report: SweepReport) -> list[str]:
    """Return the parameters in which trials differ, of many the first."""
    fixed = dict(fixed_params(report))
    return [key for key in report.space.dimensions if key not in fixed][:MOST_PARAMS]


def fixed_params(report: SweepReport) -> list[tuple[str, object]]:
    """Return the parameters that all trials have, with their values."""
    return [
        (key, each[0]) for key, each in report.space.dimensions.items() if isinstance(each, tuple) and len(each) == 1
    ]


def counted(report: SweepReport) -> str:
    """Return how many of the trials ended how: ``5 of 8 trials: 4 finished, 1 failed``."""
    ended = Counter(trial.status.lower() for trial in report.begun if trial.ended_at_ns is not None)
    of = f"{sum(ended.values()):,} of " if report.planned not in (None, sum(ended.values())) else ""
    total = report.planned if of else sum(ended.values())
    how = ", ".join(f"{count:,} {status}" for status, count in ended.items())
    return f"{of}{fmt.plural(total or 0, 'trial')}" + (f": {how}" if how else "")


def best_of(report: SweepReport) -> str:
    """Return which trial is best; empty where none is."""
    best = report.leading
    return "" if best is None or best.value is None else f"best {fmt.short_number(best.value)}, trial {best.number}"


def remark(report: SweepReport, trial: Trial) -> str:
    """Return what there is to say of a trial: that it is best, or why it has no value."""
    if isinstance(trial.error, KeyboardInterrupt):
        return ""
    if trial.error is not None:
        return told(trial.error)
    return "best" if trial is report.leading else ""


def _shown(report: SweepReport) -> list[Trial]:
    trials = list(report.begun)
    if len(trials) <= MOST_TRIALS or report.objective is None:
        return trials[:MOST_TRIALS]
    sign = -1 if report.objective.maximize else 1
    valued = [(sign * trial.value, trial.number) for trial in trials if trial.value is not None]
    kept = {number for value, number in sorted(each for each in valued if each[0] == each[0])[:MOST_TRIALS]}
    return [trial for trial in trials if trial.number in kept]


def _row(report: SweepReport, trial: Trial, varied: Sequence[str]) -> tuple[Cell, ...]:
    value = Cell("") if trial.value is None else fmt.number(trial.value)
    return (
        Cell(f"{trial.number:,}", kind="number"),
        Cell(trial.status.value, kind=f"state:{trial.status.value}"),
        *(fmt.value(trial.params.get(key)) for key in varied),
        *(() if report.objective is None else (value,)),
        Cell(fmt.duration(trial.duration_s), kind="number"),
        Cell(trial.run_id, kind="muted"),
        fmt.text(remark(report, trial), kind="strong" if trial.error is None else "muted"),
    )


def _is_number(dimension: Range | tuple[Any, ...]) -> bool:
    return isinstance(dimension, Range) or all(type(each) in (int, float) for each in dimension)
