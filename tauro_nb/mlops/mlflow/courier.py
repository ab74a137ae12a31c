"""The work of the process that delivers: one thing after the other, what fails later again, how it goes told.

A run that goes on is looked at once a second. What fails waits a moment, then twice as long, up to a minute; where
several things fail one after the other it is the server that is in trouble, and all of them wait. Memory holds what is
on its way, never what waits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from tauro_nb.errors import MirrorUnreachable, TauroError
from tauro_nb.mlops.mlflow.errand import Standing, Waiting
from tauro_nb.mlops.mlflow.model_delivery import ModelDelivery
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.run_delivery import RunDelivery

LOOK_S = 1.0
"""How often a run that goes on is looked at."""
STEPS = 20
"""Requests for one thing before the next has its turn."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
IN_A_ROW = 3
"""So many things that fail in one round are the server's trouble."""
MOST = 200
"""Things that are on their way at a time."""

_END = object()


class _Item:
    """A run or model that waits or is on its way."""

    def __init__(self, delivery: RunDelivery | ModelDelivery) -> None:
        self.delivery = delivery
        self.steps: Iterator[object] | None = None
        self.pause_s = 0.0
        self.not_before_s = 0.0
        self.since_ns = time.time_ns()
        """Since when something of it is known to be missing there; 0: nothing is."""


class Courier:
    """Delivers what is announced, until it is told to end.

    Parameters
    ----------
    tell : callable
        Hears how it goes each time that changes.
    """

    def __init__(self, office: Office, tell: Callable[[Standing], None]) -> None:
        self._office = office
        self._tell = tell
        self._items: dict[Waiting, _Item] = {}
        self._trouble = self._fix = ""
        self._told: Standing | None = None
        self._sent = False
        """Something was acknowledged in this round."""
        self._pause_s = self._not_before_s = 0.0

    @property
    def left(self) -> int:
        """Things of which something is still to be sent."""
        return sum(1 for item in self._items.values() if item.since_ns)

    @property
    def resting(self) -> int:
        """Things that go on, and of which all is there at the moment."""
        return len(self._items) - self.left

    @property
    def trouble(self) -> str:
        """What went wrong last, and how to mend it, if nothing went right since."""
        return Standing(trouble=self._trouble, fix=self._fix).told

    def take(self) -> None:
        """Take up what was announced, at most `MOST` things at a time."""
        if len(self._items) < MOST:
            for waiting in self._office.ledgers.waiting(MOST):
                if waiting not in self._items:
                    make = ModelDelivery if waiting.model else RunDelivery
                    self._items[waiting] = _Item(make(self._office, waiting))

    def heard(self, waiting: Waiting) -> None:
        """Hear that something changed; it is looked at in the next round."""
        self._office.ledgers.announce(waiting)
        if waiting in self._items:
            item = self._items[waiting]
            item.since_ns = item.since_ns or time.time_ns()
            item.not_before_s = min(item.not_before_s, time.monotonic() + item.pause_s)

    def hurry(self) -> None:
        """Try everything at once, whatever failed before."""
        self._pause_s = self._not_before_s = 0.0
        for item in self._items.values():
            item.pause_s = item.not_before_s = 0.0

    def round(self) -> bool:
        """Let everything that is due have its turn; tell whether something was sent."""
        self._sent, failed = False, 0
        if self._not_before_s > time.monotonic():
            return False
        for waiting, item in list(self._items.items()):
            if item.not_before_s > time.monotonic():
                continue
            try:
                self._turn(waiting, item)
            except MirrorUnreachable as error:
                self._failed(item, error)
                failed += 1
            except Exception as error:  # noqa: BLE001 - one thing that cannot be delivered must not stop the others
                self._failed(item, error)
            self._say()
            if failed >= IN_A_ROW:
                break
        if self._sent:
            self._pause_s = 0.0
        elif failed:
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2 or FIRST_PAUSE_S)
            self._not_before_s = time.monotonic() + self._pause_s
        self._say()
        return self._sent

    def pause_s(self) -> float:
        """Return how long nothing is due."""
        due_s = min((item.not_before_s for item in self._items.values()), default=math.inf)
        return max(0.0, min(LOOK_S, max(due_s, self._not_before_s) - time.monotonic()))

    def _turn(self, waiting: Waiting, item: _Item) -> None:
        """Send some requests for one thing."""
        item.steps = item.steps or item.delivery.steps()
        for _ in range(STEPS):
            if next(item.steps, _END) is _END:
                item.steps = None
                self._settle(waiting, item)
                return
            self._sent = True
            self._trouble = ""
            item.since_ns = item.since_ns or time.time_ns()
            item.pause_s = 0.0

    def _settle(self, waiting: Waiting, item: _Item) -> None:
        """Nothing is left of it at the moment: forget it if nothing can come any more."""
        item.since_ns = 0
        item.not_before_s = time.monotonic() + LOOK_S
        if not item.delivery.is_over():
            return
        self._office.ledgers.settle(waiting)
        if item.delivery.is_over():
            del self._items[waiting]
        else:  # it changed just now, and whoever said so may have done it before
            self._office.ledgers.announce(waiting)

    def _failed(self, item: _Item, error: Exception) -> None:
        item.steps = None
        item.since_ns = item.since_ns or time.time_ns()
        item.pause_s = min(LONGEST_PAUSE_S, item.pause_s * 2 or FIRST_PAUSE_S)
        item.not_before_s = time.monotonic() + item.pause_s
        address = self._office.errand.address
        if isinstance(error, TauroError):
            told, self._fix = error.message.removeprefix(f"{address.shown}: "), error.fix or ""
        else:
            told, self._fix = f"{type(error).__name__}: {error}", ""
        self._trouble = address.without_secrets(f"{item.delivery.waiting.title}: {told}")

    def _say(self) -> None:
        since = [item.since_ns for item in self._items.values() if item.since_ns]
        self._trouble = self._trouble if since else ""
        now = Standing(
            at_ns=time.time_ns(),
            left=len(since),
            since_ns=min(since, default=0),
            trouble=self._trouble,
            fix=self._fix if self._trouble else "",
            points=self._office.points,
        )
        told = self._told
        if told is None or (now.left, now.trouble) != (told.left, told.trouble) or now.at_ns - told.at_ns > 1e9:
            self._told = now
            self._tell(now)
