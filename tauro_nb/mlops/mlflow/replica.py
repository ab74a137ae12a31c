"""The copy of a store on an MLflow server, as the process sees it whose runs and models they are.

Nothing here imports mlflow or waits for a server: a child process (`delivering`) reads the store and sends what is new.
It is started on a thread when the first run or model changes, started again when it was killed, and never kept from
ending. What it has trouble with is one warning; then it is quiet, and `lag` tells.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.kinds import known
from tauro_nb.mlops.mlflow.errand import Errand, Standing
from tauro_nb.mlops.monitoring.counters import get_metrics_collector
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.lifetime import open_runs

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.child import Child

START_S = 0.05
"""How long the child's start lets who is at work go on first."""
AGAIN_S = 2.0
"""How long after its end a child is started again; doubles each time."""
LONGEST_AGAIN_S = 60.0
KNOWN_S = 60.0
"""After so long the child has written down what it was told; until then it is told again if it was killed."""
JOIN_S = 2.0
"""How long what the child has said at its end may take to be heard."""


_replicas: dict[tuple[str | None, ...], Replica] = {}
_making = threading.Lock()


class Replica:
    """A `Mirror` that delivers to an MLflow server; safe to share between threads, and to fork.

    Parameters
    ----------
    errand : Errand
    folder : Path
        What a relative path of the server's address is relative to.
    exit_wait_s : float
        How long the process waits at its end for what is on its way.
    environment : str, optional
        Label of the gauges.
    where : str
        The configuration file that a warning names.
    """

    def __init__(
        self,
        errand: Errand,
        folder: Path,
        *,
        exit_wait_s: float = 10.0,
        environment: str | None = None,
        where: str = "mlops.mlflow",
    ) -> None:
        self.errand = errand
        self._environment = environment
        self.folder = folder
        self._exit_wait_s = exit_wait_s
        self._where = where
        self._warned = False
        self._closed = False
        self.forked()
        atexit.register(self._at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forked)

    def run_changed(self, experiment: str, run_id: str) -> None:
        """Hear that a run was started, has new values, or ended."""
        self._tell({"experiment": experiment, "run_id": run_id})

    def model_changed(self, model: str) -> None:
        """Hear that a model has a new version or a new act in its trail."""
        self._tell({"model": model})

    @property
    def standing(self) -> Standing:
        """How it goes, as far as this process knows."""
        return self._standing

    def lag_s(self) -> float:
        """Return how long the oldest thing waits that is not delivered; 0: nothing waits."""
        since_ns = self._standing.since_ns
        return max(0.0, (time.time_ns() - since_ns) / 1e9) if since_ns else 0.0

    @property
    def is_closed(self) -> bool:
        """Whether it delivers nothing any more."""
        return self._closed

    def close(self, timeout_s: float) -> int:
        """Wait for what is on its way while it gets on, at most `timeout_s`; then let the child end.

        Returns
        -------
        int
            How many runs and models are not delivered yet.
        """
        with self._lock:
            if self._closed:
                return self._standing.left
            self._closed = True
            child, thread = self._child, self._thread
            self._ready.notify_all()
        if thread is None:
            return 0
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._ready.wait_for(lambda: self._child or not thread.is_alive(), max(0.0, deadline_s - time.monotonic()))
            child = self._child
        if child is None:
            return self._left()
        asked_ns = time.time_ns()
        self._tell_again(child)
        child.tell(close=True)
        with self._lock:
            self._ready.wait_for(
                lambda: self._done or (self._standing.trouble and self._standing.at_ns > asked_ns),
                max(0.0, deadline_s - time.monotonic()),
            )
        child.end()
        thread.join(JOIN_S)
        return self._left()

    def forked(self) -> None:
        """Go on in a forked child, to which no thread comes along; the parent's child delivers for it, too."""
        self._lock = threading.Condition()
        self._ready = self._lock
        self._child: Child | None = None
        self._thread: threading.Thread | None = None
        self._news: dict[str, dict[str, str]] = {}
        self._told: dict[str, tuple[float, dict[str, str]]] = {}
        self._standing = Standing()
        self._heard_s = 0.0
        self._done = False
        self._closed = False

    def _tell(self, word: dict[str, str]) -> None:
        name = word.get("run_id") or word["model"]
        child = self._child
        self._told[name] = time.monotonic(), word
        if child is None or not child.tell(**word):
            self._news[name] = word
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._attend, name="tauro-mlflow", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is about to exit, and starts no thread any more
                    self._thread = None

    def _attend(self) -> None:
        """Start the child, listen to it, and start it again when it was killed."""
        time.sleep(START_S)
        again_s = AGAIN_S
        from importlib.util import find_spec

        from tauro_nb.mlops.mlflow.child import Child

        if find_spec("mlflow") is None:
            self._warn('mlflow is not installed: pip install "tauro-nb[mlflow]"')
            return
        while True:
            try:
                child = Child("follow", self.errand, self.folder)
            except OSError as error:
                self._warn(f"{type(error).__name__}: {error}")
                return
            with self._lock:
                self._child = child
                self._ready.notify_all()
            self._tell_again(child)
            self._listen(child)
            with self._lock:
                self._child = None
                self._done = True
                self._ready.notify_all()
                if self._ready.wait_for(lambda: self._closed, again_s):
                    return
                self._done = False
                self._news = {name: word for name, (_, word) in self._told.items()}
            again_s = min(LONGEST_AGAIN_S, again_s * 2)

    def _listen(self, child: Child) -> None:
        for word in child.words():
            if "error" in word:
                self._warn(word["error"], word["fix"])
            elif word.get("closed"):
                with self._lock:
                    self._done = True
                    self._told.clear()
                    self._standing = msgspec.structs.replace(self._standing, left=0, since_ns=0)
                    self._ready.notify_all()
            else:
                self._hear(msgspec.convert(word, known(Standing)))

    def _hear(self, standing: Standing) -> None:
        with self._lock:
            self._standing = standing
            self._heard_s = time.monotonic()
            self._ready.notify_all()
        for name in [name for name, (at_s, _) in list(self._told.items()) if at_s < time.monotonic() - KNOWN_S]:
            self._told.pop(name, None)
        if self._news and self._child is not None:
            self._tell_again(self._child)
        if standing.trouble:
            self._warn(standing.trouble, standing.fix)
        collector = get_metrics_collector()
        collector.set_gauge("mirror_waiting", standing.left, self._environment)
        collector.set_gauge("mirror_lag_seconds", self.lag_s(), self._environment)

    def _tell_again(self, child: Child) -> None:
        while self._news:
            name, word = self._news.popitem()
            if not child.tell(**word):
                self._news[name] = word
                return

    def _left(self) -> int:
        unheard = sum(at_s > self._heard_s for at_s, _ in list(self._told.values()))
        return self._standing.left or unheard or len(self._news)

    def _at_exit(self) -> None:
        """Wait at the end of the process, after its runs have ended."""
        if self._thread is None:
            return
        open_runs.end_all()
        left = self.close(self._exit_wait_s)
        if left:
            self._warn(f"still to be sent when the process ended: {left:,}", "tauro mlflow sync")

    def _warn(self, trouble: str, fix: str | None = None) -> None:
        """Warn once; where warnings are errors there is nobody here to raise one to."""
        if self._warned:
            return
        self._warned = True
        told = (
            f"mlops.mlflow.tracking_uri ({self.errand.address.shown}): {trouble}; runs and models are kept in the "
            f"store, and what is missing there is sent later{f' ({fix})' if fix else ''}"
        )
        try:
            warnings.warn_explicit(told, UserWarning, filename=self._where, lineno=1)
        except UserWarning:
            warn("%s", told)


def replica_of(errand: Errand, folder: Path, **options: Any) -> Replica:
    """Return this process's replica for an errand: two sessions on one store have one, and so one child."""
    address = errand.address
    name = errand.store.location, address.uri, address.registry_uri, errand.experiment, errand.catalog, errand.schema
    with _making:
        known = _replicas.get(name)
        if known is None or known.is_closed:
            known = _replicas[name] = Replica(errand, folder, **options)
        return known


def run_errand(work: str, errand: Errand, folder: Path, progress: Callable[[int, int], object]) -> object:
    """Let a process of its own do `work` (``sync`` or ``diff``), and return what it found.

    Raises
    ------
    MirrorError
        It could not be done.
    """
    from tauro_nb.errors import MirrorError
    from tauro_nb.mlops.mlflow.child import Child

    child = Child(work, errand, folder)
    result: object = None
    try:
        for word in child.words():
            if "error" in word:
                raise MirrorError(word["error"], fix=word["fix"])
            if "result" in word:
                result = word["result"]
            elif "total" in word:
                progress(word["done"], word["total"])
    finally:
        child.end()
    if result is None:
        raise MirrorError(f"{errand.address.shown}: the process that delivers ended early", fix="see logs/mlflow.jsonl")
    return result
