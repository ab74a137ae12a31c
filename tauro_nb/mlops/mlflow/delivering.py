"""The process that delivers: what it is told, what it tells, and when it ends.

It is a process of its own because importing mlflow holds its interpreter for a second. It reads its errand from its
standard input, then lines of JSON: a run or model changed, or the end is near. It writes lines of JSON: how it goes. It
ends when it is told to, and when whoever started it is gone. Of several on one store (one for each kernel) the one that
holds the store's lock delivers, for all of them; the others wait for the lock.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import queue
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from tauro_nb.errors import LockTimeout, MissingDependency, RunNotFound, TauroError
from tauro_nb.mlops.mlflow.courier import LOOK_S, Courier
from tauro_nb.mlops.mlflow.differences import announce, differences
from tauro_nb.mlops.mlflow.errand import Errand, Standing, Waiting
from tauro_nb.mlops.mlflow.ledger import Ledgers
from tauro_nb.mlops.mlflow.newcomers import Newcomers
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Lockable

LOG_BYTES = 1_000_000
"""The log is begun anew when it is longer; the last one stays as ``mlflow.old.jsonl``."""
GIVE_UP_S = 15.0
"""How long `sync` goes on while nothing succeeds."""
GRACE_S = 2.0
"""How long the work may go on after the parent is gone."""
CLOSE = Waiting()
"""Stands for the wish that all be delivered, and the process end."""
_NICENESS = 10


def main() -> None:
    """Do what the standard input says."""
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    work, errand = pickle.loads(base64.b64decode(sys.stdin.buffer.readline()))  # noqa: S301 - from our own parent
    told = _Told()
    report = _Report(errand)
    try:
        if work == "follow":
            _follow(errand, told, report)
        elif work == "sync":
            _sync(errand, told, report)
        else:
            things, found = differences(_office(errand), report.progress)
            report.line(result={"things": things, "found": msgspec.to_builtins(found)})
    except TauroError as error:
        report.line(error=errand.address.without_secrets(error.message), fix=error.fix)
    except Exception as error:
        report.log(f"{type(error).__name__}: {error}")
        report.line(error=errand.address.without_secrets(f"{type(error).__name__}: {error}"), fix=None)
        raise


class _Told:
    """What the parent says, read on a thread of its own; that it is gone is a word too."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self.closing = threading.Event()
        self._parent = os.getppid()
        threading.Thread(target=self._listen, name="tauro-mlflow-told", daemon=True).start()
        threading.Thread(target=self._watch, name="tauro-mlflow-parent", daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            word = json.loads(line)
            if word.pop("close", None):
                self.closing.set()
                self.heard.put(CLOSE)
            else:
                self.heard.put(Waiting(**word))
        self._end()

    def _watch(self) -> None:
        """Notice that the parent is gone where a process that it forked keeps the other end of the pipe open."""
        while os.getppid() == self._parent:
            time.sleep(1)
        self._end()

    def _end(self) -> None:
        """Let the work end, in the middle of a request if need be: whatever is not acknowledged is looked up later."""
        self.heard.put(None)
        time.sleep(GRACE_S)
        os._exit(0)


class _Report:
    """What is told to the parent and to the log."""

    def __init__(self, errand: Errand) -> None:
        self._ledgers = Ledgers(errand.store, errand.address.name)
        self._errand = errand
        self._logged = ""
        self._log = None
        if isinstance(errand.store, LocalStore):
            self._log = errand.store.local_dir(keys.LOGS) / "mlflow.jsonl"

    def standing(self, now: Standing) -> None:
        """Tell how it goes."""
        self.line(**msgspec.to_builtins(now))
        self._ledgers.keep_standing(now)
        if now.trouble != self._logged:
            self._logged = now.trouble
            self.log(now.trouble or "it goes on")

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is."""
        self.line(done=done, total=total)

    def line(self, **word: Any) -> None:
        """Tell the parent; if it is gone, there is nobody to tell."""
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(f"{json.dumps(word)}\n")
            sys.stdout.flush()

    def log(self, text: str) -> None:
        """Write a line into the store's log."""
        if self._log is None:
            return
        with contextlib.suppress(OSError):  # a log that cannot be written must not stop what it tells of
            if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
                self._log.replace(self._log.with_suffix(".old.jsonl"))
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = {"at": at, "pid": os.getpid(), "told": self._errand.address.without_secrets(text)}
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(line, ensure_ascii=False)}\n")


def _office(errand: Errand) -> Office:
    from tauro_nb.mlops.mlflow.server import Server

    try:
        return Office(errand, Server(errand.address))
    except ModuleNotFoundError as error:
        raise MissingDependency.of(
            "mlflow", "mlflow", what="the copy of runs and models on an MLflow server"
        ) from error


class _Turn:
    """What lets one process at a time deliver from a store to a server; free as soon as its holder is dead."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._held = contextlib.ExitStack()
        self._mine = not isinstance(errand.store, Lockable)  # without locks what is done twice is looked up first

    def take(self) -> bool:
        """Tell whether it is this process's turn, now or still."""
        store = self._errand.store
        if not self._mine and isinstance(store, Lockable):
            with contextlib.suppress(LockTimeout):
                self._held.enter_context(store.lock(f"mlflow-{self._errand.address.name}", timeout_s=0.0))
                self._mine = True
        return self._mine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._held.close()


def _follow(errand: Errand, told: _Told, report: _Report) -> None:
    """Deliver what is announced until the parent wants an end."""
    ledgers = Ledgers(errand.store, errand.address.name)
    own: set[Waiting] = set()
    with _Turn(errand) as turn:
        while not turn.take():
            for news in _news(told, LOOK_S):
                if news is None:
                    return
                if news != CLOSE:
                    ledgers.announce(news)
                    own.add(news)
            left = len(own.intersection(ledgers.waiting())) if told.closing.is_set() else 1
            if not left:
                report.line(left=0, closed=True)
                return
        office = _office(errand)
        courier, newcomers = Courier(office, report.standing), Newcomers(office.archive)
        hurried = False
        while True:
            for waiting in newcomers.look():
                courier.heard(waiting)
            courier.take()
            sent = courier.round()
            if told.closing.is_set() and not hurried:
                courier.hurry()
                hurried = True
            elif hurried and not courier.left:
                report.line(left=0, closed=True)
                return
            for news in _news(told, 0.001 if sent else max(0.01, courier.pause_s())):
                if news is None:
                    return
                if news != CLOSE:
                    courier.heard(news)


def _sync(errand: Errand, told: _Told, report: _Report) -> None:
    """Deliver all that is missing, and then end; where another process delivers already, look on."""
    office = _office(errand)
    _, found = differences(office, lambda *_: None)
    announce(office, found)
    total = left = _unfinished(office)
    courier = Courier(office, report.standing)
    since_s = time.monotonic()
    with _Turn(errand) as turn:
        while left and time.monotonic() - since_s < GIVE_UP_S:
            mine = turn.take()
            if mine:
                courier.take()
            sent = mine and courier.round()
            now = office.ledgers.waiting_count() - courier.resting if mine else _unfinished(office)
            if sent or now < left:
                since_s = time.monotonic()
            left = now
            report.progress(max(0, total - left), total)
            if None in _news(told, 0.001 if sent else 0.2):
                return
        trouble = courier.trouble if turn.take() else office.ledgers.standing().told
    waiting = set(office.ledgers.waiting())
    behind = [each for each in found if each.waiting in waiting]
    report.line(result={"total": total, "found": msgspec.to_builtins(behind), "trouble": trouble if left else ""})


def _unfinished(office: Office) -> int:
    """Return how many things wait; runs that go on wait as long as they do, and are not waited for."""
    count = 0
    for each in office.ledgers.waiting():
        with contextlib.suppress(RunNotFound):
            goes_on = not each.model and office.record(each).status is RunStatus.RUNNING
            count += not goes_on
    return count


def _news(told: _Told, timeout_s: float) -> list[Waiting | None]:
    """Return what was heard, after waiting for the first of it."""
    found: list[Waiting | None] = []
    with contextlib.suppress(queue.Empty):
        found.append(told.heard.get(timeout=timeout_s))
        while True:
            found.append(told.heard.get_nowait())
    return found
