"""The names of numbers: those that the package feeds, and how any is called in Prometheus."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "timer"]

PREFIX = "tauro_"
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)
LABEL = re.compile(r"(?!(?:le|quantile|environment)$)[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)
"""What a label of the user's may be called; the others have a meaning already."""
_ENDING: dict[Kind, str] = {"counter": "_total", "gauge": "", "timer": "_seconds"}


class Family(msgspec.Struct, frozen=True):
    """What a number means."""

    kind: Kind
    meaning: str


FAMILIES = {
    "runs_started": Family("counter", "Runs that were started."),
    "runs_finished": Family("counter", "Runs that ended as FINISHED."),
    "runs_failed": Family("counter", "Runs that ended as FAILED."),
    "runs_interrupted": Family("counter", "Runs that ended as INTERRUPTED."),
    "active_runs": Family("gauge", "Runs that are open."),
    "points_logged": Family("counter", "Points of metrics that were logged."),
    "points_flushed": Family("counter", "Points of metrics that a power cut does not take."),
    "flush_seconds": Family("timer", "How long it took to make points durable."),
    "store_seconds": Family("timer", "How long a value took to be read from or written to a store."),
    "models_registered": Family("counter", "Versions of models that were registered."),
    "models_promoted": Family("counter", "Promotions of versions."),
    "node_seconds": Family("timer", "How long nodes of pipelines took."),
    "event_callback_troubles": Family("counter", "Callbacks that failed or were late, and events that one missed."),
}
"""What the package feeds."""


def exported(name: str, kind: Kind) -> str:
    """Return the name in Prometheus."""
    return f"{PREFIX}{name.removesuffix(_ENDING[kind])}{_ENDING[kind]}"


def meaning(name: str) -> str:
    """Return what a number means, as far as that is known."""
    return FAMILIES[name].meaning if name in FAMILIES else f"{name}, as its feeder calls it."
