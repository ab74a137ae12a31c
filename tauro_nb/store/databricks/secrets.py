"""The secrets of a Databricks workspace: through ``dbutils`` in its notebooks, and through the SDK elsewhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from tauro_nb.errors import AccessDenied, KeyMissing, StoreError
from tauro_nb.store.databricks.notebook import ambient
from tauro_nb.store.databricks.requests import Refusal, Requests
from tauro_nb.store.databricks.workspace import Workspace

_TIMEOUT_S = 10.0
_MISSING = re.compile(r"(scope|secret)\b.*\bnot exist", re.IGNORECASE)


def reader(host: str | None, token: str | None) -> Callable[[str, str], str]:
    """Return what takes scope and key and gives the secret.

    It raises `KeyMissing` where the workspace has no such secret, `AccessDenied` where the user may not read it, and
    what `Requests.api` raises.
    """
    dbutils = ambient("dbutils")
    if dbutils is not None:
        return lambda scope, key: _of_notebook(dbutils, scope, key)
    workspace = Workspace(host, token, timeout_s=_TIMEOUT_S, max_in_flight=1)
    return lambda scope, key: _of_workspace(workspace, scope, key)


def _of_notebook(dbutils: Any, scope: str, key: str) -> str:
    try:
        return str(dbutils.secrets.get(scope=scope, key=key))
    except Exception as error:  # noqa: BLE001 - the runtime raises what its Java side raised
        told = str(error).strip().partition("\n")[0]
        if _MISSING.search(str(error)):
            raise _missing(scope, key, told) from None
        raise AccessDenied(f"dbutils.secrets: {told}", fix=_grant(scope)) from None


def _of_workspace(workspace: Workspace, scope: str, key: str) -> str:
    query = {"scope": scope, "key": key}
    try:
        told = Requests(workspace, "secrets").api("GET", "/api/2.0/secrets/get", "read it", query=query).value
    except Refusal as refusal:
        raise _missing(scope, key, refusal.told) from None
    except AccessDenied as error:
        raise AccessDenied(error.message, fix=_grant(scope) if "permission" in error.message else error.fix) from None
    try:
        return base64.b64decode(told["value"]).decode()
    except (KeyError, ValueError):
        raise StoreError("it is no text", fix="put it again as text, with --string-value") from None


def _missing(scope: str, key: str, told: str) -> KeyMissing:
    return KeyMissing(told, fix=f"correct the name, or make it: databricks secrets put-secret {scope} {key}")


def _grant(scope: str) -> str:
    return f"ask the owner of the scope: databricks secrets put-acl {scope} YOU READ"
