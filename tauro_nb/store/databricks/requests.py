"""Requests to a Databricks workspace, repeated where that helps, for a bounded time.

Everything that this store asks may be asked twice: reading, replacing, deleting, and creating what can be told apart by
its bytes. So a request is repeated after 429 (when the server says), after 5xx, and after a cut connection; whether one
of the tries may have been done all the same is told with a refusal.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from tauro_nb.errors import AccessDenied, StoreError, StoreUnreachable
from tauro_nb.store.databricks.presence import Absent
from tauro_nb.store.databricks.workspace import Workspace, sdk

T = TypeVar("T")

_LONGEST_PAUSE_S = 3.0

Why = Literal[
    "missing", "taken", "invalid", "denied", "unknown", "busy", "failing", "cut", "unreachable", "unsafe", "other"
]
_AGAIN: frozenset[Why] = frozenset({"busy", "failing", "cut", "unreachable"})
_DOUBTFUL: frozenset[Why] = frozenset({"failing", "cut"})
"""After these nobody knows whether it was done."""


class Refusal(Exception):
    """The workspace answered, and does not do it.

    Attributes
    ----------
    why : {'missing', 'taken', 'invalid'}
    told : str
        The workspace's own words.
    doubtful : bool
        An earlier try of the same call may have been done.
    took_s : float
        How long the last try took.
    """

    def __init__(self, why: Why, told: str, *, doubtful: bool, took_s: float) -> None:
        super().__init__(told)
        self.why = why
        self.told = told
        self.doubtful = doubtful
        self.took_s = took_s


class Answer(NamedTuple, Generic[T]):
    """What came of a call."""

    value: T
    took_s: float
    """How long the last try took."""


class _Failure(NamedTuple):
    why: Why
    told: str
    wait_s: float | None = None
    """How long the server asks to wait."""
    most_s: float | None = None
    """How long it is tried, where that is less than other things are."""


class Requests:
    """Asks one workspace; safe to share between threads.

    Parameters
    ----------
    workspace : Workspace
    where : str
        The volume, for errors.
    """

    def __init__(self, workspace: Workspace, where: str) -> None:
        self.workspace = workspace
        self._where = where

    def api(self, method: str, path: str, act: str, **options: Any) -> Answer[Any]:
        """Call an endpoint of the REST interface, and return what it answers.

        Parameters
        ----------
        act : str
            What is done, for errors: ``read 'a/b'``.
        **options
            As `databricks.sdk.core.ApiClient.do` takes them; `data` is read from its start at each try.

        Raises
        ------
        Refusal
        AccessDenied, StoreUnreachable, StoreError
        """
        data = options.get("data")

        def send(client: Any) -> Any:
            if data is not None:
                data.seek(0)
            return client.api_client.do(method, path, **options)

        return self.ask(send, act)

    def ask(self, send: Callable[[Any], T], act: str) -> Answer[T]:
        """Have `send` ask with the client that it is given, again where that may help; as `api` otherwise."""
        sdk()  # whose import may take seconds that are not the host's
        began = tried = time.monotonic()
        doubtful = False
        tries = 0
        while True:
            try:
                client = self.workspace.client()
                with self.workspace.slots:
                    tried = time.monotonic()
                    return Answer(send(client), time.monotonic() - tried)
            except (StoreError, Refusal):
                raise
            except OSError as error:
                failure = self._judged(error)
            tries += 1
            if failure.why not in _AGAIN:
                raise self._error(failure, act, doubtful=doubtful, took_s=time.monotonic() - tried)
            doubtful = doubtful or failure.why in _DOUBTFUL
            if failure.why in ("cut", "unreachable"):
                self.workspace.presence.doubt()
            pause_s = failure.wait_s
            if pause_s is None:
                pause_s = min(_LONGEST_PAUSE_S, 0.05 * 2**tries) * (0.5 + random.random())  # noqa: S311 - only a pause
            spent_s = time.monotonic() - began
            if spent_s + pause_s > (self.workspace.timeout_s if failure.most_s is None else failure.most_s):
                if failure.most_s:
                    self.workspace.presence.give_up(failure.told)
                raise self._given_up(failure, act, spent_s)
            time.sleep(pause_s)

    def _judged(self, error: OSError) -> _Failure:
        """Tell what an error of the SDK or of the network means."""
        import requests
        from databricks.sdk import errors

        if isinstance(error, Absent):
            return _Failure("unreachable", str(error), most_s=0 if error.again else self.workspace.patience_s)
        if isinstance(error, TimeoutError) and isinstance(error.__cause__, OSError):
            error = error.__cause__  # the SDK's own time is up after one try
        told = self.workspace.told(error)
        if isinstance(error, errors.DatabricksError):
            for kind, why in _kinds(errors):
                if isinstance(error, kind):
                    if why == "denied" and "access token" in told.lower():  # so says the service of one that is wrong
                        return _Failure("unknown", told)
                    return _Failure(why, told, getattr(error, "retry_after_secs", None) if why != "missing" else None)
            # 502 and what else has no name of its own; a proxy's page may be all that is known of it
            return _Failure("failing" if type(error) is errors.DatabricksError else "other", told)
        host = self.workspace.host or "the workspace"
        if isinstance(error, requests.exceptions.SSLError):
            reason = re.search(r"certificate verify failed[^(]*", told)
            return _Failure("unsafe", f"no safe connection to {host}: {reason[0] if reason else told}")
        if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError) or _never_connected(error):
            return _Failure("unreachable", f"no connection to {host}", most_s=self.workspace.patience_s)
        if isinstance(error, requests.Timeout):
            return _Failure("cut", f"no answer from {host}")
        if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError | Cut):
            return _Failure("cut", f"the connection to {host} was cut")
        return _Failure("other", told)

    def _error(self, failure: _Failure, act: str, *, doubtful: bool, took_s: float) -> Exception:
        if failure.why in ("missing", "taken", "invalid"):
            return Refusal(failure.why, failure.told, doubtful=doubtful, took_s=took_s)
        if failure.why == "unknown":
            return AccessDenied(
                f"{self._where}: cannot {act}: the workspace does not accept these credentials: {failure.told}",
                fix="make a new token, or sign in again, and see that DATABRICKS_HOST is its workspace",
            )
        if failure.why == "denied":
            return AccessDenied(f"{self._where}: cannot {act}: {failure.told}", fix=_grant_mend(failure.told))
        fix = "`tauro doctor --databricks` looks closer"
        if failure.why == "unsafe":
            fix = "see that DATABRICKS_HOST is right, and name the certificates that are trusted in REQUESTS_CA_BUNDLE"
        return StoreError(f"{self._where}: cannot {act}: {failure.told}", fix=fix)

    def _given_up(self, failure: _Failure, act: str, spent_s: float) -> StoreUnreachable:
        if failure.why == "busy":
            fix = "try again later, lower mlops.databricks.max_in_flight, or raise mlops.databricks.timeout_s"
        elif failure.why == "failing":
            fix = "try again later, or raise mlops.databricks.timeout_s"
        else:
            fix = "see that DATABRICKS_HOST is right and the network there, or raise mlops.databricks.timeout_s"
        tried = "given up a moment ago" if failure.most_s == 0 else f"tried for {spent_s:.0f} s"
        return StoreUnreachable(f"{self._where}: cannot {act}: {failure.told} ({tried})", fix=fix)


class Cut(OSError):
    """A body that ended before it was whole."""


def _kinds(errors: Any) -> tuple[tuple[type[Exception], Why], ...]:
    return (
        (errors.NotFound, "missing"),
        (errors.ResourceConflict, "taken"),
        (errors.BadRequest, "invalid"),
        (errors.Unauthenticated, "unknown"),
        (errors.PermissionDenied, "denied"),
        (errors.TooManyRequests, "busy"),
        (errors.TemporarilyUnavailable, "failing"),
        (errors.InternalError, "failing"),
        (errors.DeadlineExceeded, "failing"),
    )


def _never_connected(error: OSError) -> bool:
    """Tell whether no connection came about, so that nothing can have been done."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


GRANTS = ("USE CATALOG", "USE SCHEMA", "CREATE VOLUME", "READ VOLUME", "WRITE VOLUME")


def _grant_mend(told: str) -> str:
    """Return how to get the right that an answer says is missing."""
    missing = next((grant for grant in GRANTS if grant in told.upper().replace("_", " ")), None)
    wanted = missing or "USE CATALOG, USE SCHEMA, READ VOLUME and WRITE VOLUME"
    place = re.search(rf"{missing} on (catalog|schema|volume) '?([\w.-]*\w)", told, re.IGNORECASE) if missing else None
    on = f" ON {place[1].upper()} {place[2]} TO you" if place else " to you"
    return f"ask an owner to GRANT {wanted}{on}; `tauro doctor --databricks` shows which rights there are"
