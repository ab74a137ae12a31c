"""The tutorial's lines while a pipeline runs, each printed when it has come true; and a bar for what takes time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

from tauro_nb.events import Event, EventType

Say = Callable[[str], None]

WIDTH = 40
"""Columns from the node's name to its position, as in the tutorial."""


class ProgressLines:
    """Turns the events of a pipeline into lines; `tick` prints one that went well, `say` any other."""

    def __init__(self, tick: Say, say: Say) -> None:
        self._tick = tick
        self._say = say
        self._sweeping = False

    def __call__(self, event: Event) -> None:
        """Print the line of this event, if it has one; of a sweep there is one for each trial."""
        if event.type in (EventType.SWEEP_STARTED, EventType.SWEEP_ENDED):
            self._sweeping = event.type is EventType.SWEEP_STARTED
        elif event.type is EventType.TRIAL_ENDED:
            self._trial(event)
        elif self._sweeping:
            return
        elif event.type is EventType.PIPELINE_STARTED:
            self._tick("Starting execution...")
        elif event.type is EventType.NODE_ENDED:
            self._node(event)
        elif event.type is EventType.PIPELINE_ENDED and event.data["status"] == "FINISHED":
            self._tick(f"Pipeline completed in {duration(event.data['duration_s'])}")

    def _trial(self, event: Event) -> None:
        data = event.data
        told = [" ".join(f"{key}={value}".split()) for key, value in data["params"].items()]
        line = f"trial {data['trial']} [{data['done']}/{data['total']}] {' '.join(told)}"
        if data["status"] != "FINISHED":
            why = f": {data['error']}" if data["error"] else ""
            self._say(f"✗ {line} {data['status'].lower()}{why}")
            return
        if data["value"] is not None:
            value = data["value"] if isinstance(data["value"], str) else f"{data['value']:.4g}"
            line += f": {data['objective']} = {value}" + (", the best so far" if data["is_best"] else "")
        self._tick(line)

    def _node(self, event: Event) -> None:
        data = event.data
        line = f"{data['node']} ".ljust(WIDTH, ".") + f" [{data['position']}/{data['total']}]"
        if data["status"] == "FINISHED":
            self._tick(line)
        else:
            self._say(f"{'-' if data['status'] == 'SKIPPED' else '✗'} {line} {data['status'].lower()}")


class Stream(Protocol):
    """What a bar is written to."""

    def write(self, text: str, /) -> object:
        """Write a text."""
        ...

    def flush(self) -> object:
        """Show what was written."""
        ...


class Bar:
    """A line that says how far something is, written over itself at most 5 times a second.

    What is over within half a second shows none; at the end of the ``with`` block it is gone.
    """

    CELLS = 24
    FIRST_S = 0.5
    EVERY_S = 0.2

    def __init__(self, title: str, stream: Stream, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._stream = stream
        self._clock = clock
        self._due = clock() + self.FIRST_S
        self._width = 0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Say how much is done, of how much, and what that is."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self.EVERY_S
        share = min(1.0, done / total) if total else 1.0
        full = round(share * self.CELLS)
        line = f"{self._title} {'█' * full}{'░' * (self.CELLS - full)} {share:4.0%}  {what}"
        self._write(line.ljust(self._width))
        self._width = len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            self._write(" " * self._width)
            self._write("")

    def _write(self, line: str) -> None:
        self._stream.write(f"\r{line}")
        self._stream.flush()


def duration(seconds: float) -> str:
    """Write a duration as a person says it: ``0.4 seconds``, ``45 seconds``, ``3 min 20 s``, ``2 h 5 min``.

    Parameters
    ----------
    seconds : float
        Not negative.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    if seconds < 119.5:
        return f"{seconds:.0f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
