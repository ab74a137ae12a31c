"""What happens, as frozen records, and the emitter that tells it.

Events are delivered in order, after what they tell is durable. A callback that is slow, hangs or raises costs whoever
emits half a second, once, and is a warning (see `delivery`); asking for events, and ending that, never waits.

There are no per-point events: who wants points asks the run (`Run.tail`).
"""

from __future__ import annotations

from tauro_nb.events.emitter import EventEmitter, Subscription, get_event_emitter
from tauro_nb.events.records import Callback, Event, EventType

__all__ = ["Callback", "Event", "EventEmitter", "EventType", "Subscription", "get_event_emitter"]
