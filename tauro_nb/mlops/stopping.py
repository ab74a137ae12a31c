"""How work is asked to stop: by an exception out of the next call that logs a metric."""

from __future__ import annotations


class StopRequested(KeyboardInterrupt):
    """Somebody asked the work that logs to a run to stop.

    It is a `KeyboardInterrupt`: what saves its work when the user interrupts it does so here too, and an ``except
    Exception`` around a training step does not swallow it. Code that swallows it meets it again at its next point.
    """
