"""What is seen while a pipeline runs: one card in a notebook, the tutorial's lines elsewhere.

The card has a row for each node, the log of the nodes, folded, and below them the card of each run that has no parent;
the runs that it started itself are its own affair. The card of a sweep has a row for each trial, and none beside it.
Where there are no live views, the pictures are shown once, at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tauro_nb import faces
from tauro_nb.display import live, tier
from tauro_nb.display.install import bundle_of
from tauro_nb.display.live.pipeline import Output, Part, now_on_show
from tauro_nb.display.node_log import NodeLog
from tauro_nb.display.progress import ProgressLines, Say
from tauro_nb.display.reports import pipeline_page
from tauro_nb.display.sweeps import sweep_page
from tauro_nb.events import Event, EventType, get_event_emitter

if TYPE_CHECKING:
    from tauro_nb.display.live.picture import Picture

_watch: ContextVar[object] = ContextVar("tauro_nb_watch", default=None)
"""The innermost block that this code, or what it started, is watched in."""

MOST_CARDS = 8
"""Cards in one cell; the runs after that are in the tracker."""


def draws_cards() -> bool:
    """Say whether this process is a notebook's kernel that shows more than text."""
    module = sys.modules.get("IPython")
    shell: Any = module.get_ipython() if module else None
    return getattr(shell, "kernel", None) is not None and tier.current() != "text"


@contextmanager
def runs(tick: Say, say: Say, *, cards: bool = True) -> Iterator[None]:
    """Show what starts inside this block; `tick` and `say` print a line, of success and of anything else."""
    token = _watch.set(object())
    try:
        if cards and draws_cards():
            with NodeLog() as log, get_event_emitter().on_event("*", _ours(_Cards(say, log)), inline=True):
                log.addFilter(_ours(lambda _: True))
                yield
        else:
            with get_event_emitter().on_event("*", _ours(ProgressLines(tick, say)), inline=True):
                yield
    finally:
        _watch.reset(token)


def _ours(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Call back only for what is done in this block: another one may be watched in another thread."""
    mine = _watch.get()
    return lambda what: callback(what) if _watch.get() is mine else False


class _Cards:
    def __init__(self, say: Say, log: NodeLog) -> None:
        self._say = say
        self._log = log
        self._output = Output()
        self._pipelines: dict[str, tuple[Picture | None, Part]] = {}
        self._runs: dict[str, tuple[Picture | None, Part]] = {}
        self._sweep: tuple[Picture | None, Part] | None = None
        self._shown = 0

    def __call__(self, event: Event) -> None:
        """Open or freeze what this event is about."""
        if event.type is EventType.SWEEP_STARTED:
            self._start_sweep(event.subject)
        elif event.type is EventType.SWEEP_ENDED:
            self._end_sweep(event.subject)
        elif self._sweep is not None:
            return  # its rows tell of pipelines and runs
        elif event.type is EventType.PIPELINE_STARTED:
            self._start_pipeline(event.subject)
        elif event.type is EventType.PIPELINE_ENDED and event.data["execution_id"] in self._pipelines:
            self._end_pipeline(event.subject)
        elif event.type is EventType.RUN_STARTED and event.subject.parent_id is None:
            self._start_run(event.subject)
        elif event.type is EventType.RUN_ENDED and event.data["run_id"] in self._runs:
            self._end_run(event.subject)

    def _start_sweep(self, report: Any) -> None:
        part = Output().part()
        card = live.sweep_card_for(report, lambda: self._sweep_picture(report), self._log.lines)
        self._sweep = card, part
        if card is not None:
            card.show(part)

    def _end_sweep(self, report: Any) -> None:
        if self._sweep is None:
            return
        (card, part), self._sweep = self._sweep, None
        if card is not None:
            card.finish()
        else:
            part.display(self._sweep_picture(report))
        now_on_show(report)

    def _start_pipeline(self, report: Any) -> None:
        self._output = Output()
        part = self._output.part()
        card = live.pipeline_card_for(report, lambda: self._picture(report), self._log.lines)
        self._pipelines[report.execution_id] = card, part
        if card is not None:
            card.show(part)

    def _end_pipeline(self, report: Any) -> None:
        card, part = self._pipelines.pop(report.execution_id)
        if card is not None:
            card.finish()
        else:
            part.display(self._picture(report))
        now_on_show(report)

    def _start_run(self, run: Any) -> None:
        self._shown += 1
        if self._shown > MOST_CARDS:
            if self._shown == MOST_CARDS + 1:
                self._say("more runs follow without a card: tracker shows them")
            return
        part = self._output.part()
        card = live.card_for(run, lambda: faces.answer("bundle", run))
        self._runs[run.run_id] = card, part
        if card is not None:
            card.show(part)

    def _end_run(self, run: Any) -> None:
        card, part = self._runs.pop(run.run_id)
        if card is not None:
            card.finish()
        elif self._pipelines:
            part.bundle = faces.answer("bundle", run)
        else:
            part.display(faces.answer("bundle", run))

    def _sweep_picture(self, report: Any) -> dict[str, str]:
        return bundle_of(sweep_page(report, log=self._log.lines()))

    def _picture(self, report: Any) -> dict[str, str]:
        return bundle_of(pipeline_page(report, log=self._log.lines()))
