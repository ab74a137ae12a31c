"""The output of a sweep that runs: a row for each trial; what its pipelines and runs would show is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tauro_nb.display import format as fmt
from tauro_nb.display import sweeps
from tauro_nb.display.live.feed import spelled
from tauro_nb.display.live.grid import short
from tauro_nb.display.live.picture import Picture
from tauro_nb.display.live.stepwise import Stepwise
from tauro_nb.events import Event, EventType

MOST_ROWS = 500
"""Trials that the card has rows for; the head counts all."""


class _OfSweep(Picture):
    """What a picture of a sweep's report has of its own."""

    ENDING: ClassVar[EventType] = EventType.SWEEP_ENDED

    @property
    def title(self) -> str:
        """What it shows, as a warning names it."""
        return f"sweep {self._run.pipeline}"

    def _is_about(self, event: Event) -> bool:
        return event.subject is self._run


class SweepPicture(_OfSweep):
    """A sweep's static form, drawn anew every second while it runs."""


class SweepCard(_OfSweep, Stepwise):
    """A card with a row for each trial."""

    KIND = "sweep"

    def __init__(self, report: Any, bundle: Callable[[], Mapping[str, str]], log: Callable[[], list[str]]) -> None:
        super().__init__(report, bundle, log)
        self._varied = sweeps.varied_params(report)
        self._over = 0
        """How many rows from the first on belong to trials that are over, and can change no more."""

    def _news(self) -> list[list[Any]]:
        news = []
        trials = self._run.begun[:MOST_ROWS]
        for at in range(self._over, len(trials)):
            trial = trials[at]
            is_over = trial.ended_at_ns is not None
            row = self._row(trial)
            if at == len(self._told):
                self._told.append(row)
                news.append([at, row])
            elif row != self._told[at]:
                self._told[at] = row
                news.append([at, row])
            if is_over and at == self._over:
                self._over += 1
        return news

    def _row(self, trial: Any) -> list[Any]:
        """Return number, state, parameters, objective, start, seconds and failure of a trial."""
        return [
            trial.number,
            str(trial.status),
            [fmt.value(trial.params.get(key)).text for key in self._varied],
            spelled(trial.value),
            trial.started_at_ns / 1e9,
            None if trial.ended_at_ns is None else trial.duration_s,
            short(sweeps.remark(self._run, trial)) if trial.error is not None else "",
        ]

    def _facts(self) -> dict[str, Any]:
        report = self._run
        best = report.leading
        return {
            **super()._facts(),
            "name": short(f"sweep {report.pipeline}"),
            "params": [short(key) for key in self._varied],
            "objective": None if report.objective is None else short(report.objective.name),
            "counts": sweeps.counted(report),
            "best": None if best is None else best.number,
            "best_told": sweeps.best_of(report),
        }
