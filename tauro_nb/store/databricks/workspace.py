"""The way into a Databricks workspace: which SDK, which host, and who asks.

Whatever the SDK knows counts as authentication: host and token, a profile, OAuth, a notebook's own. The SDK's retries
are switched off here, because they repeat a request whose acknowledgement was lost without telling; `requests`
repeats, and knows.

The token is kept where no representation, pickle or error shows it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tauro_nb.confidential import hidden, keep
from tauro_nb.errors import AccessDenied, ConfigError, MissingDependency, TauroError
from tauro_nb.store.databricks.presence import Presence, name_of

OLDEST_SDK = (0, 44)
"""Older ones store an empty file, and report success, when a request is repeated after a cut connection."""

SILENCE_S = 10.0
"""How long a server may say nothing before the connection counts as lost."""

ABSENCE_S = 4.0
"""A host that gives no answer at all is given up sooner than one that answers wrongly."""

_SECRETS = ("token", "password", "client_secret", "azure_client_secret", "google_credentials")
"""What the SDK signs in with and nobody may be shown."""

_debug_info = re.compile(r"\.?\s+(Config: |Env: ).*", re.DOTALL)
_query = re.compile(r"(https?://[^\s?]+)\?\S+")


class Workspace:
    """A workspace whose client is made when it is first needed; safe to share between threads.

    Parameters
    ----------
    host, token : str, optional
        Where they are not given, the SDK looks for its own.
    timeout_s : float
        How long a call may be repeated. More than the usual 30 seconds also give a host more time to answer at all.
    max_in_flight : int
        Requests at the same time.
    """

    def __init__(self, host: str | None, token: str | None, *, timeout_s: float, max_in_flight: int) -> None:
        if host is not None:
            host = checked_host(host)
        keep(token)
        self.timeout_s = timeout_s
        self.patience_s = min(timeout_s, max(ABSENCE_S, timeout_s / 8))
        self.max_in_flight = max_in_flight
        self._silence_s = min(timeout_s, max(SILENCE_S, timeout_s / 3))
        self._given_host = host
        self._given: Callable[[], dict[str, str | None]] = lambda: {"host": host, "token": token}
        self.forked()

    def forked(self) -> None:
        """Begin with no client: at first, and in a child that must not use its parent's connections."""
        self._lock = threading.Lock()
        self.presence = Presence(self.patience_s)
        self.slots = threading.BoundedSemaphore(self.max_in_flight)
        self._client: Any = None
        self._transfers: Any = None

    def client(self) -> Any:
        """Return the client, which sends each request once.

        Raises
        ------
        AccessDenied
            The SDK finds no way to authenticate.
        ConfigError
            The host would be told the token in the clear.
        MissingDependency
            The SDK is not installed, or too old.
        OSError
            As `Presence.see` does.
        """
        if self._client is None:
            sdk()
        if self._given_host is not None:
            self.presence.see(self._given_host)
        with self._lock:
            if self._client is None:
                self._client = self._made(_Once())
            client = self._client
        if self._given_host is None:
            self.presence.see(client.config.host)
        return client

    def transfers(self) -> Any:
        """Return the client for files in several parts, each of which the SDK repeats by itself."""
        with self._lock:
            if self._transfers is None:
                client = self._made(None)
                client.config.files_ext_multipart_upload_default_parallelism = self.max_in_flight
                self._transfers = client
            return self._transfers

    @property
    def host(self) -> str | None:
        """The host's name, as given or as the SDK finds it; None where neither is."""
        if self._given_host is None:
            try:
                return name_of(str(self.client().config.host))
            except (TauroError, OSError):  # who asks for more than the name gets the error
                return None
        return name_of(self._given_host)

    def told(self, error: BaseException) -> str:
        """Return what an error of the SDK says, without what is secret or only noise."""
        text = _query.sub(r"\1", _debug_info.sub("", str(error))).strip() or type(error).__name__
        return hidden(text)[:500]

    def _made(self, clock: Any) -> Any:
        import filelock  # noqa: F401 - it has its say in each fork, and must not come in from a thread during one

        loaded = sdk()
        signing = _Signing(loaded.core.DefaultCredentials(), self.presence)
        try:
            with _quiet():
                config = loaded.core.Config(
                    **{name: value for name, value in self._given().items() if value},
                    credentials_strategy=signing,
                    clock=clock,
                    product="tauro-nb",
                    product_version=_version(),
                    http_timeout_seconds=self.patience_s,
                    retry_timeout_seconds=max(1, int(self.timeout_s)) if clock is None else 1,
                    debug_headers=False,
                )
        except ValueError as error:
            if signing.refused is not None:
                raise signing.refused from None
            if "default auth" in str(error) or not self._given_host:
                raise AccessDenied(
                    "the Databricks SDK finds no way to authenticate",
                    fix="set DATABRICKS_HOST and DATABRICKS_TOKEN, or sign in with `databricks auth login`; "
                    "in a Databricks notebook nothing is needed",
                ) from None
            raise AccessDenied(
                f"the Databricks SDK cannot authenticate: {self.told(error)}",
                fix="see which DATABRICKS_* variables are set, and unset those that are not meant",
            ) from None
        checked_host(config.host or "")
        config.http_timeout_seconds = self._silence_s
        return loaded.WorkspaceClient(config=config)


class _Signing:
    """The SDK's own ways to sign in, none of which is tried before it is seen that the host may be told anything."""

    def __init__(self, ways: Any, presence: Presence) -> None:
        self._ways = ways
        self._presence = presence
        self.refused: ConfigError | None = None
        """Why it may not; the SDK passes on only the text of it."""

    def auth_type(self) -> str:
        return str(self._ways.auth_type())

    def __call__(self, config: Any) -> Any:
        for name in _SECRETS:
            keep(getattr(config, name, None))
        if config.host:
            try:
                host = checked_host(config.host)
            except ConfigError as error:
                self.refused = error
                raise
            self._presence.see(host)
        return self._ways(config)


class _Once:
    """The clock of an SDK that is to try once: whoever sleeps has no time left."""

    def __init__(self) -> None:
        self._local = threading.local()

    def time(self) -> float:
        ahead: float = getattr(self._local, "ahead", 0.0)
        return time.time() + ahead

    def sleep(self, seconds: float) -> None:
        self._local.ahead = getattr(self._local, "ahead", 0.0) + seconds + 86_400


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the SDK from telling that an unreachable host told nothing of itself: the first request does that."""

    def wanted(record: logging.LogRecord) -> bool:
        return "host metadata" not in record.getMessage()

    logger = logging.getLogger("databricks.sdk")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def checked_host(host: str) -> str:
    """Return the address of a workspace, with its scheme.

    Raises
    ------
    ConfigError
        It is not https, and not on this machine.
    """
    host = host.strip().rstrip("/")
    address = host if "://" in host else f"https://{host}"
    parsed = urlsplit(address)
    if parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.hostname or "")):
        return address
    shown = parsed.netloc.rpartition("@")[2]
    raise ConfigError(
        f"the Databricks host {parsed.scheme}://{shown} is not https: a token would be sent in the clear",
        fix=f"set DATABRICKS_HOST to https://{shown}",
    )


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def sdk() -> Any:
    """Return the package ``databricks.sdk``.

    Raises
    ------
    MissingDependency
        It is not installed, or the one that this Python has loaded is too old.
    """
    try:
        import databricks.sdk.core
        from databricks.sdk.version import __version__
    except ImportError as error:
        raise MissingDependency.of("databricks-sdk", "databricks", what="a store on Databricks") from error
    found = tuple(int(part) for part in re.findall(r"\d+", __version__)[:2])
    if found < OLDEST_SDK:
        oldest = ".".join(map(str, OLDEST_SDK))
        raise MissingDependency(
            f"a store on Databricks needs databricks-sdk {oldest} or newer; this Python has loaded {__version__}, "
            "which can lose a file when a connection is cut",
            fix=f'run %pip install "databricks-sdk>={oldest}", then dbutils.library.restartPython() '
            "(outside Databricks: restart Python)",
        )
    return databricks.sdk


def _version() -> str:
    from tauro_nb import __version__

    return __version__
