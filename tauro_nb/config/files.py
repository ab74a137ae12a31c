"""Reads one file of a project into plain mappings, lists and scalars: YAML or JSON, UTF-8."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tauro_nb.config.problems import DEEPEST, Problem, bounded, kind_of

_TOO_DEEP = f"more than {DEEPEST} levels of nesting"

_SUFFIXES = (".yaml", ".yml", ".json")

_HINTS = {
    "levels of nesting": "write it flatter",
    "mapping values are not allowed": "put a text that holds ': ' in quotes, or mend the indentation",
    "cannot start any token": "indent with spaces, and put a text that starts with @, `, % or a tab in quotes",
    "stands twice": "keep one of the two",
    "could not determine a constructor": "remove the tag: only plain values are read",
    "is not read here": "write a plain list or mapping",
    "expected a single document": "keep one document: remove what follows the line '---'",
}


class _Unreadable(Exception):
    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = (what, fix)


def beside(folder: Path, path: str | os.PathLike[str]) -> Path:
    """Return `path`, which is relative to `folder` unless it is absolute or starts with ``~``."""
    # unlike Path.expanduser this leaves the name of a user who does not exist as it is
    return folder / os.path.expanduser(path)  # noqa: PTH111


def exists(path: Path) -> bool:
    """Return whether there is anything at `path`; nothing can be at a path that no file system takes."""
    # unlike Path.exists this is no error for a name that is too long
    return os.path.exists(path)  # noqa: PTH110


def read(path: Path, label: str, problems: list[Problem]) -> dict[Any, Any] | None:
    """Return the mapping that the file at `path` holds, an empty one if it is empty.

    A file that cannot be read adds to `problems`, under the name `label`, and gives None.
    """
    try:
        return _mapping(_parse(path))
    except _Unreadable as unreadable:
        what, fix = unreadable.problem
        problems.append((f"{label}: {what}", fix))
        return None


def _mapping(content: Any) -> dict[Any, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _Unreadable(f"found {kind_of(content)}, expected a mapping", "write 'key: value' lines at the top level")
    return content


def _parse(path: Path) -> Any:
    if path.suffix.lower() not in _SUFFIXES:
        raise _Unreadable(f"unknown kind of file {path.suffix!r}", f"use one of {', '.join(_SUFFIXES)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}", "check that it is a file that you may read") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _Unreadable(f"line {line}: not UTF-8", "save the file as UTF-8") from error
    return _json(text) if path.suffix.lower() == ".json" else _yaml(text)


def _yaml(text: str) -> Any:
    import yaml

    from tauro_nb.config import yaml_text

    try:
        return yaml_text.parse(text)
    except yaml.YAMLError as error:
        place, what = yaml_text.placed(error)
        fix = next((fix for sign, fix in _HINTS.items() if sign in str(error)), "mend the file at that place")
        if "${" in yaml_text.around(text, error):
            fix = "put a text that holds '${' in quotes: inside { } its brace ends the mapping"
        raise _Unreadable(": ".join(filter(None, (place, bounded(what, 160)))), fix) from error


def _json(text: str) -> Any:
    import json  # a store without a project has no such files

    if not text.strip():
        return None
    try:
        content = json.loads(text, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        fix = "JSON wants double quotes, commas between items, and none after the last"
        raise _Unreadable(f"{place}: {error.msg}", fix) from error
    except _DoubleKey as double:
        raise _Unreadable(f"{_place_of_double(text)}the key {double} stands twice", "keep one of the two") from double
    except RecursionError as error:
        raise _Unreadable(_TOO_DEEP, "write it flatter") from error
    except ValueError as error:
        raise _Unreadable(f"cannot be read: {bounded(str(error), 160)}", "mend the value") from error
    if _is_too_deep(content):
        raise _Unreadable(_TOO_DEEP, "write it flatter")
    return content


def _is_too_deep(content: Any) -> bool:
    level = [content]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _DoubleKey(Exception):
    pass


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DoubleKey(bounded(repr(next(key for key in mapping if keys.count(key) > 1))))
    return mapping


def _place_of_double(text: str) -> str:
    """Ask the YAML reader, which knows places; JSON is YAML but for the tab, which is one column wide in both."""
    import yaml

    from tauro_nb.config import yaml_text

    try:
        yaml_text.parse(text.replace("\t", " "))
    except yaml.YAMLError as error:
        place, what = yaml_text.placed(error)
        return f"{place}: " if "stands twice" in what else ""
    return ""
