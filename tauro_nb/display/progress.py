"""The tutorial's lines while a pipeline runs; each is printed when it has come true."""

from __future__ import annotations

from collections.abc import Callable

from tauro_nb.events import Event, EventType

Say = Callable[[str], None]

WIDTH = 40
"""Columns from the node's name to its position, as in the tutorial."""


class ProgressLines:
    """Turns the events of a pipeline into lines; `tick` prints one that went well, `say` any other."""

    def __init__(self, tick: Say, say: Say) -> None:
        self._tick = tick
        self._say = say

    def __call__(self, event: Event) -> None:
        """Print the line of this event, if it has one."""
        if event.type is EventType.PIPELINE_STARTED:
            self._tick("Starting execution...")
        elif event.type is EventType.NODE_ENDED:
            self._node(event)
        elif event.type is EventType.PIPELINE_ENDED and event.data["status"] == "FINISHED":
            self._tick(f"Pipeline completed in {duration(event.data['duration_s'])}")

    def _node(self, event: Event) -> None:
        data = event.data
        line = f"{data['node']} ".ljust(WIDTH, ".") + f" [{data['position']}/{data['total']}]"
        if data["status"] == "FINISHED":
            self._tick(line)
        else:
            self._say(f"{'-' if data['status'] == 'SKIPPED' else '✗'} {line} {data['status'].lower()}")


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
