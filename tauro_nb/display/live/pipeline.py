"""The output of a pipeline that runs: its nodes, and below them the card of each run; all in one output of the cell."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from tauro_nb.display.live.grid import short
from tauro_nb.display.live.mount import execution
from tauro_nb.display.live.picture import Handle, Picture
from tauro_nb.display.live.stepwise import Stepwise
from tauro_nb.events import Event, EventType

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


class PipelineCard(_OfPipeline, Stepwise):
    """A card with a row for each node."""

    KIND = "pipeline"

    def _news(self) -> list[list[Any]]:
        rows, told = self._rows(), self._told
        self._told = rows
        return [[at, row] for at, row in enumerate(rows) if told[at : at + 1] != [row]]

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
            **super()._facts(),
            "pipeline": short(report.pipeline),
            "counts": Counter(str(node.status) for node in report.nodes.values()),
        }


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
