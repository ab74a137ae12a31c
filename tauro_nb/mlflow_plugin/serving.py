"""Whether this process works for an MLflow server, and what that server does with what clients send it."""

from __future__ import annotations

import os

from tauro_nb.mlflow_plugin import address

_STORE = "_MLFLOW_SERVER_FILE_STORE"
"""The environment variable by which a server tells its processes where its store is."""
_UPLOADS = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""That by which it tells them where it keeps the files that clients send."""
_PROXIED = "mlflow-artifacts:"


def is_server() -> bool:
    """Tell whether this process works for a server: what it logs was measured by others."""
    return _STORE in os.environ


def artifact_base(root: str, asked: str | None) -> str:
    """Return the address below which the runs of the store in `root` tell clients that their artifacts are.

    Parameters
    ----------
    asked : str, optional
        Where a server would have them. Clients send them through that server if it keeps them in this very store
        (``--artifacts-destination tauro:///...``); otherwise each finds the store by itself.
    """
    uploads = os.environ.get(_UPLOADS, "")
    if asked is not None and asked.startswith(_PROXIED) and uploads.startswith(f"{address.SCHEME}:"):
        return asked if address.root_of(uploads) == root else address.store_uri(root)
    return address.store_uri(root)
