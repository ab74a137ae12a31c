"""What is seen while a pipeline runs: a card for each run in a notebook, the tutorial's lines elsewhere.

A card stands for a run that has no parent; the runs that it started itself are its own affair. Where there are no live
views, the picture of a run is shown once, when it has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from tauro_nb import faces
from tauro_nb.display import live, tier
from tauro_nb.display.progress import ProgressLines, Say
from tauro_nb.events import Event, EventType, get_event_emitter

if TYPE_CHECKING:
    from tauro_nb.display.live.picture import Picture

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
    watch: AbstractContextManager[Any]
    if cards and draws_cards():
        watch = get_event_emitter().on_event("*", _Cards(say), inline=True)
    else:
        watch = get_event_emitter().on_event("*", ProgressLines(tick, say), inline=True)
    with watch:
        yield


class _Cards:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._lines = ProgressLines(lambda text: say(f"✓ {text}"), say)
        self._open: dict[str, Picture | None] = {}
        self._shown = 0

    def __call__(self, event: Event) -> None:
        """Open, freeze or print what this event is about."""
        if event.type is EventType.NODE_ENDED and event.data["total"] > 1:
            self._lines(event)
        elif event.type is EventType.RUN_STARTED and event.subject.parent_id is None:
            self._start(event.subject)
        elif event.type is EventType.RUN_ENDED and event.data["run_id"] in self._open:
            self._end(event.subject)

    def _start(self, run: Any) -> None:
        self._shown += 1
        if self._shown > MOST_CARDS:
            if self._shown == MOST_CARDS + 1:
                self._say("more runs follow without a card: tracker shows them")
            return
        card = live.card_for(run, lambda: faces.answer("bundle", run))
        self._open[run.run_id] = card
        if card is not None:
            card.show()

    def _end(self, run: Any) -> None:
        card = self._open.pop(run.run_id)
        if card is not None:
            card.finish()
            return
        from IPython.display import display

        display(faces.answer("bundle", run), raw=True)
