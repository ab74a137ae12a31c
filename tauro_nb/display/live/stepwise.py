"""What the cards of pipelines and sweeps have in common: a row for each step, of which those are told that changed.

Nothing is done when a step starts or ends: the poller reads the report, which is filled in while the work goes on, so
what watching costs does not grow with the number of steps that come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tauro_nb.display.live.card import Mounted
from tauro_nb.display.live.grid import short

FIRST_S = 0.3
"""What is over sooner has no live form, for making that would take longer than all its steps."""


class Stepwise(Mounted):
    """A card with a row for each step.

    Parameters
    ----------
    report : PipelineReport or SweepReport
    bundle : callable
        Returns the static form as it is then, by MIME type.
    log : callable
        Returns the newest lines of the log.
    """

    KIND: ClassVar[str]
    """What the page draws it as."""

    def __init__(self, report: Any, bundle: Callable[[], Mapping[str, str]], log: Callable[[], list[str]]) -> None:
        super().__init__(report, bundle)
        self._log = log
        self._told: list[list[Any]] = []
        """The rows as they were told."""
        self._head: dict[str, Any] = {}

    def _tell(self) -> None:
        from tauro_nb.display.live import view

        if self._place is None or self._run.duration_s < FIRST_S:
            return
        head, news = self._facts(), self._news()
        if self._view is None:
            view.ensure_code()
            self._view = view.StepwiseView(
                self._receive, lambda: self._told, kind=self.KIND, uid=self._place.uid, head=self._timed(head)
            )
        else:
            if news:
                self._view.send({"rows": news})
            if head != self._head:
                self._view.head = self._timed(head)
        self._head = head

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        if message.get("do") == "gone":
            self.close()

    def _news(self) -> list[list[Any]]:
        """Return the rows that changed, each with its place, and note them as told."""
        raise NotImplementedError

    def _facts(self) -> dict[str, Any]:
        """Return what stands above and below the rows."""
        report = self._run
        return {"environment": short(report.environment), "status": str(report.status), "log": self._log()}

    def _timed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {**facts, "elapsed_s": self._run.duration_s}
