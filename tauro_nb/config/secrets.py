"""``${secrets:scope/key}`` in values: read where the workspace keeps its secrets, once for each load.

The room that opens workspaces stands beside this one, and is asked for by name when the first such reference is met.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from tauro_nb.confidential import ConfidentialText, keep
from tauro_nb.config.credentials import Credentials
from tauro_nb.errors import TauroError

SecretReader = Callable[[str, str], str]
"""Takes scope and key and gives the secret; a `TauroError` says why there is none, and how to mend that."""


class Secrets:
    """The secrets of one load: each is asked for once, and a workspace that does not answer is not asked again.

    Parameters
    ----------
    read : callable, optional
        Where secrets come from; unless given, the workspace of `credentials`, or the notebook's own ``dbutils``.
    """

    def __init__(self, read: SecretReader | None, credentials: Credentials) -> None:
        self._reads = read
        self._credentials = credentials
        self._known: dict[tuple[str, str], str | TauroError] = {}
        self._broken: TauroError | None = None

    def read(self, scope: str, key: str) -> str:
        """Return a secret.

        Raises
        ------
        TauroError
            It cannot be had; a `LookupError` too where the workspace answers that there is none.
        """
        if (scope, key) not in self._known:
            self._known[scope, key] = self._asked(scope, key)
        found = self._known[scope, key]
        if isinstance(found, TauroError):
            raise found
        return found

    def _asked(self, scope: str, key: str) -> str | TauroError:
        if self._broken is not None:
            return self._broken
        if self._reads is None:
            self._reads = workspace_reader(self._credentials)
        try:
            secret = self._reads(scope, key)
        except TauroError as error:
            if not isinstance(error, LookupError):
                self._broken = error
            return error
        keep(secret)
        return secret


def workspace_reader(credentials: Credentials) -> SecretReader:
    """Return what reads secrets in a notebook through its ``dbutils``, and elsewhere through the SDK."""
    room = importlib.import_module("tauro_nb.store.databricks.secrets")
    return cast("SecretReader", room.reader(credentials.host, credentials.token))


def again(written: str) -> ConfidentialText:
    """Return the text that `written` stands for: what a pickle of it calls, in the process that opens it.

    Raises
    ------
    TauroError
        This process cannot read one of its secrets or variables.
    """
    import os

    from tauro_nb.config.interpolation import interpolate
    from tauro_nb.errors import ConfigError

    problems: list[tuple[str, str | None]] = []
    environ = os.environ
    credentials = Credentials(environ.get("DATABRICKS_HOST") or None, environ.get("DATABRICKS_TOKEN") or None)
    filled, _ = interpolate(
        written, environ, lambda _, what, fix: problems.append((what, fix)), Secrets(None, credentials).read
    )
    if problems:
        raise ConfigError.of(problems)
    return cast("ConfidentialText", filled)
