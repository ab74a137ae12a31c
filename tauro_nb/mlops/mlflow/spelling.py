"""How names and values are written so that MLflow takes them.

What MLflow takes as it is stays as it is. Any other name gets a hash of itself at its end, so that two of them never
become one; a value that is too long is cut. Neither happens silently: who spells says what was changed.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

KEY_CHARS = 250
PARAM_CHARS = 6_000
TAG_CHARS = 5_000
"""What servers take since tags exist; newer ones take more."""
DESCRIPTION_CHARS = 5_000
NAME_CHARS = 250
EXPERIMENT_CHARS = 500

_FOREIGN = re.compile(r"[^/\w.\- :]")
_FOREIGN_IN_ALIAS = re.compile(r"[^\w\-]")
_FOREIGN_IN_MODEL = re.compile(r"[/:.%\"']")
_FOREIGN_IN_CATALOG = re.compile(r"[./ ]")
_RESERVED_ALIAS = re.compile(r"v\d+|latest", re.IGNORECASE)


def key(name: str) -> str:
    """Return the name of a metric, parameter or tag as MLflow takes it."""
    fit = _FOREIGN.sub("_", name)
    norm = posixpath.normpath(fit)
    if norm != fit or norm == "." or norm.startswith(("..", "/")):
        fit = fit.replace("/", "_").replace("..", "__").strip(".") or "_"
    return _marked(name, fit, KEY_CHARS)


def alias(name: str) -> str:
    """Return an alias of a version as MLflow takes it."""
    fit = _FOREIGN_IN_ALIAS.sub("_", name)
    return _marked(name, fit, KEY_CHARS, changed=bool(_RESERVED_ALIAS.fullmatch(name)))


def logged_model(name: str) -> str:
    """Return the name of a logged model as MLflow takes it; it need not be unique."""
    return _FOREIGN_IN_MODEL.sub("-", name)[:NAME_CHARS]


def catalog_model(name: str) -> str:
    """Return the last part of a registered model's name in Unity Catalog."""
    return _marked(name, _FOREIGN_IN_CATALOG.sub("_", name), KEY_CHARS)


def shared(name: str) -> str:
    """Return the path on Databricks of an experiment that is named by no path: its folder is there already."""
    return f"/Shared/{_marked(name, name.replace('/', '-'), EXPERIMENT_CHARS)}"


def param(value: Any) -> str:
    """Return a parameter's value as text, as MLflow's own client writes it; of containers as JSON."""
    import json  # nothing that is spelled is on the way to the first metric

    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def cut(text: str, most: int) -> str:
    """Return `text`, and where it is longer than `most`, its beginning, with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _marked(name: str, fit: str, most: int, *, changed: bool = False) -> str:
    if fit == name and len(name) <= most and not changed:
        return name
    import hashlib

    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{fit[: most - 9]}-{digest}"
