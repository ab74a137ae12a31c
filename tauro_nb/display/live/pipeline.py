"""The output of a pipeline that runs: its nodes, and below them the card of each run; all in one output of the cell.

Nothing is done when a node starts or ends: the poller reads the report, which the pipeline fills in while it runs, so
what watching costs does not grow with the number of nodes that come and go.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tauro_nb.display.live.card import Mounted
from tauro_nb.display.live.grid import short
from tauro_nb.display.live.mount import execution
from tauro_nb.display.live.picture import Handle, Picture
from tauro_nb.events import Event, EventType

FIRST_S = 0.3
"""A pipeline that is over sooner has no live form, for making that would take longer than all its nodes."""

_on_show: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
"""The reports whose picture stands in an output, by the execution that wrote it."""


class Output:
    """An output that is written in parts, one below the other; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._handle: Handle | None = None
        self._parts: list[Part] = []

    def part(self) -> Part:
        """Return a new part, below the others; it is written by whoever gets it."""
        with self._lock:
            self._parts.append(Part(self))
            return self._parts[-1]

    def write(self, part: Part, bundle: Mapping[str, str]) -> None:
        """Put this into a part."""
        from IPython.display import DisplayHandle

        with self._lock:
            part.bundle = bundle
            whole = {
                kind: "\n".join(each.bundle[kind] for each in self._parts if kind in each.bundle) for kind in bundle
            }
            if self._handle is None:
                self._handle = DisplayHandle()
                self._handle.display(whole, raw=True)
            else:
                self._handle.update(whole, raw=True)


class Part:
    """A part of an output, which is written like one."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.bundle: Mapping[str, str] = {}

    def display(self, bundle: Mapping[str, str], /, *, raw: bool = True) -> None:
        """Write it."""
        self._output.write(self, bundle)

    def update(self, bundle: Mapping[str, str], /, *, raw: bool = True) -> None:
        """Put this in its place."""
        self._output.write(self, bundle)


class _OfPipeline(Picture):
    """What a picture of a pipeline's report has of its own."""

    ENDING: ClassVar[EventType] = EventType.PIPELINE_ENDED

    @property
    def title(self) -> str:
        """What it shows, as a warning names it."""
        return f"pipeline {self._run.pipeline}"

    def _is_about(self, event: Event) -> bool:
        return bool(event.data["execution_id"] == self._run.execution_id)


class PipelinePicture(_OfPipeline):
    """A pipeline's static form, drawn anew every second while it runs."""


class PipelineCard(_OfPipeline, Mounted):
    """A card with a row for each node, which tells the rows that changed.

    Parameters
    ----------
    report : PipelineReport
    bundle : callable
        Returns the static form as it is then, by MIME type.
    log : callable
        Returns the newest lines of the log.
    """

    def __init__(self, report: Any, bundle: Callable[[], Mapping[str, str]], log: Callable[[], list[str]]) -> None:
        super().__init__(report, bundle)
        self._log = log
        self._told: list[list[Any]] = []
        self._head: dict[str, Any] = {}

    def _tell(self) -> None:
        from tauro_nb.display.live import view

        if self._place is None or self._run.duration_s < FIRST_S:
            return
        rows, head = self._rows(), self._facts()
        if self._view is None:
            view.ensure_code()
            self._told = rows
            self._view = view.PipelineView(
                self._receive, lambda: self._told, uid=self._place.uid, head=self._timed(head)
            )
        else:
            news = [[at, row] for at, (row, old) in enumerate(zip(rows, self._told, strict=True)) if row != old]
            self._told = rows
            if news:
                self._view.send({"rows": news})
            if head != self._head:
                self._view.head = self._timed(head)
        self._head = head

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        if message.get("do") == "gone":
            self.close()

    def _rows(self) -> list[list[Any]]:
        """Return name, state, start, seconds, rows in and out of each node."""
        return [
            [
                short(node.name),
                str(node.status),
                node.started_at_ns and node.started_at_ns / 1e9,
                node.duration_s if node.ended_at_ns is not None else None,
                _total(node.rows_in),
                _total(node.rows_out),
            ]
            for node in self._run.nodes.values()
        ]

    def _facts(self) -> dict[str, Any]:
        report = self._run
        return {
            "pipeline": short(report.pipeline),
            "environment": short(report.environment),
            "status": str(report.status),
            "counts": Counter(str(node.status) for node in report.nodes.values()),
            "log": self._log(),
        }

    def _timed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {**facts, "elapsed_s": self._run.duration_s}


def _total(rows: dict[str, int]) -> int | None:
    """Return the sum; a copy first, for a node may be adding to it in another thread."""
    counts = list(rows.values())
    return sum(counts) if counts else None


def now_on_show(report: Any) -> None:
    """Note that the picture of a report was written by the execution that is going on."""
    _on_show[report] = execution() or ""


def is_on_show(report: Any) -> bool:
    """Tell once whether the picture of a report was written by the execution that is going on."""
    return _on_show.pop(report, None) == (execution() or "")
