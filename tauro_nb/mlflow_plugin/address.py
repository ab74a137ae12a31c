"""Addresses of a store and of what lies in it, as MLflow hands them about.

::

    tauro:///path/to/mlops_data                                          the store
    tauro:///path/to/mlops_data/runs/<run_id>/artifacts/<path>           a file or folder of a run
    tauro:///path/to/mlops_data/models/<name>/<version>/<path>           a file or folder of a version of a model

They name what is meant, not where its bytes lie. The store's path and the name of a model are spelled as in a URL; a
path within a run or version stands as it is.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.store import keys

SCHEME = "tauro"
_BEGINS = f"{SCHEME}://"
_EXAMPLE = "write it like tauro:///path/to/mlops_data: three slashes, then an absolute path"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What an address names."""

    root: str
    """The store's folder, absolute."""
    run_id: str | None = None
    model: str | None = None
    version: int = 0
    """Of the model."""
    path: str = ""
    """Within the run or version."""

    def below(self, path: str | None) -> Address:
        """Return the address of `path` under this one; under the store itself it names a run or version first."""
        inner = "/".join(part for part in (path or "").split("/") if part not in ("", "."))
        if self.run_id is None and self.model is None:
            return _within(self.root, inner.split("/")) or msgspec.structs.replace(self, path=inner)
        whole = f"{self.path}/{inner}".strip("/")
        return msgspec.structs.replace(self, path=whole)


def root_of(uri: str) -> str:
    """Return the store's folder that an address of a store names.

    Raises
    ------
    UsageError
        It names no absolute path.
    """
    told = _path_of(uri)
    if not told.strip("/"):
        raise UsageError(f"{uri}: no address of a Tauro store", fix=_EXAMPLE)
    if "?" in told or "#" in told:
        raise UsageError(f"{uri}: an address of a Tauro store has neither '?' nor '#'", fix="write %3F and %23")
    return str(Path(unquote(told)))


def parse(uri: str) -> Address:
    """Return what an address names.

    Raises
    ------
    UsageError
        It is none of a Tauro store.
    """
    parts = _path_of(uri).split("/")
    for cut in range(2, len(parts)):
        found = _within(str(Path(unquote("/".join(parts[:cut])))), parts[cut:])
        if found is not None and (Path(found.root) / keys.FORMAT).is_file():
            return found
    return Address(root=root_of(uri))


def store_uri(root: str) -> str:
    """Return the address of the store in this folder."""
    return f"{_BEGINS}{quote(root)}"


def run_uri(base: str, run_id: str) -> str:
    """Return the address of a run's artifacts, below that of its store."""
    return f"{base.rstrip('/')}/runs/{run_id}/artifacts"


def version_uri(base: str, model: str, version: int, path: str = "") -> str:
    """Return the address of a version's files, or of what lies there under `path`, below that of its store."""
    return f"{base.rstrip('/')}/models/{quote(model, safe='')}/{version}{'/' if path else ''}{path}"


def _path_of(uri: str) -> str:
    """Return what stands after the scheme; where MLflow puts an address together anew it leaves two slashes out."""
    scheme, _, told = uri.partition(":")
    path = told.removeprefix("//")
    if scheme != SCHEME or not path.startswith("/"):
        raise UsageError(f"{uri}: no address of a Tauro store", fix=_EXAMPLE)
    return path


def _within(root: str, parts: list[str]) -> Address | None:
    match parts:
        case ["runs", run_id, "artifacts", *path] if run_id:
            return Address(root=root, run_id=run_id, path="/".join(filter(None, path)))
        case ["models", model, version, *path] if model and keys.number(version) is not None:
            return Address(root=root, model=unquote(model), version=int(version), path="/".join(filter(None, path)))
    return None
