"""What happens, as frozen records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tauro_nb.errors import UnknownName


class EventType(StrEnum):
    """Every kind of event; the value is the name that `on_event` takes."""

    PIPELINE_STARTED = "PIPELINE_STARTED"
    PIPELINE_ENDED = "PIPELINE_ENDED"
    NODE_STARTED = "NODE_STARTED"
    NODE_ENDED = "NODE_ENDED"
    SWEEP_STARTED = "SWEEP_STARTED"
    SWEEP_ENDED = "SWEEP_ENDED"
    TRIAL_STARTED = "TRIAL_STARTED"
    TRIAL_ENDED = "TRIAL_ENDED"
    RUN_STARTED = "RUN_STARTED"
    RUN_ENDED = "RUN_ENDED"
    MODEL_REGISTERED = "MODEL_REGISTERED"
    MODEL_PROMOTED = "MODEL_PROMOTED"
    MODEL_ROLLED_BACK = "MODEL_ROLLED_BACK"
    ALIAS_SET = "ALIAS_SET"
    HEALTH_CHANGED = "HEALTH_CHANGED"


ALL = "*"
"""Stands for every type."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    type: EventType
    environment: str | None = None
    store: str | None = None
    """Location of the store in which it can be seen."""
    at_ns: int = msgspec.field(default_factory=time.time_ns)
    """UTC wall clock, nanoseconds since the epoch."""
    data: Mapping[str, Any] = {}
    """Plain JSON values that identify the subject (names, ids, status)."""
    subject: Any = None
    """The live object itself (a Run, a report, a version), for listeners in this process; never written anywhere."""


Callback = Callable[[Event], object]


def checked_type(event_type: str) -> str:
    """Return the name of a type of event, or ``"*"``.

    Raises
    ------
    UnknownName
    """
    if event_type != ALL and event_type not in EventType.__members__:
        raise UnknownName.among("event type", str(event_type), EventType.__members__)
    return str(event_type)
