"""Parameters as they are typed: ``-p key=value``, ``-p node.key=value``, ``-p @variable``, ``--params-file FILE``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.file import ExistingFile
from tauro_nb.errors import ConfigError, UsageError

Command = Callable[..., Any]
Reader = Callable[[str, str], Any]
"""Given key and text, returns the value of a parameter."""

_NULLS = ("~", "null", "Null", "NULL")

_option = click.option(
    "-p",
    "--param",
    "items",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; repeatable. node.key=value wins over key=value; @name takes a dict of the notebook.",
    shell_complete=completion.given,
)
_file = click.option(
    "--params-file",
    "files",
    multiple=True,
    metavar="FILE",
    type=ExistingFile(),
    help="Parameters of a YAML or JSON file, written as behind -p, which wins over it; repeatable.",
)


def _plainly(_: str, text: str) -> Any:
    return value_of(text)


def options_read_by(reader: Reader) -> Callable[[Command], Command]:
    """Return what gives a verb the two options; it takes what they say as `params`, a dict."""

    def give(command: Command) -> Command:
        @functools.wraps(command)
        def told(desk: Desk, *args: Any, items: tuple[str, ...], files: tuple[Path, ...], **named: Any) -> Any:
            return command(desk, *args, params={**_read(files), **parse(items, desk, reader)}, **named)

        return _option(_file(told))

    return give


def parse(items: Sequence[str], desk: Desk, reader: Reader = _plainly) -> dict[str, Any]:
    """Read what is behind ``-p``; of several values for one key the last wins.

    Raises
    ------
    UsageError
        An item is not of that form, or a variable is no mapping of names.
    """
    params: dict[str, Any] = {}
    for item in items:
        if item.startswith("@"):
            value = desk.variable(item[1:])
            if not isinstance(value, Mapping):
                raise UsageError(f"-p {item}: {type(value).__name__} is not a mapping", fix="give the name of a dict")
            odd = next((key for key in value if not isinstance(key, str)), None)
            if odd is not None:
                raise UsageError(f"-p {item}: {odd!r} is no name of a parameter", fix="give a dict whose keys are text")
            params.update(value)
            continue
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"-p {item}: a parameter is written key=value", fix=f"-p {key.strip() or 'key'}=VALUE")
        params[key.strip()] = reader(key.strip(), text)
    return params


def _read(paths: Sequence[Path]) -> dict[str, Any]:
    """Read files of parameters; of several values for one key the last wins.

    Raises
    ------
    ConfigError
        A file holds no mapping of names, or cannot be read; told of all files at once.
    """
    from tauro_nb.config import files
    from tauro_nb.config.problems import Problem

    params: dict[str, Any] = {}
    problems: list[Problem] = []
    for path in paths:
        found = files.read(path, f"--params-file {path}", problems) or {}
        odd = next((key for key in found if not isinstance(key, str)), None)
        if odd is not None:
            problems.append((f"--params-file {path}: {odd!r} is no name of a parameter", "put it in quotes"))
        params.update(found)
    if problems:
        raise ConfigError.of(problems)
    return params


def value_of(text: str) -> Any:
    """Read a value as the project's files are read: ``300``, ``0.1``, ``null``, ``true``, ``[1, 2]``, else text."""
    import yaml

    from tauro_nb.config import yaml_text

    text = text.strip()
    try:
        if text.startswith(("[", "{")):
            return yaml_text.parse(text)
        value = yaml_text.scalar(text)
    except (yaml.YAMLError, UnicodeError):
        return text
    quoted = text.startswith(("'", '"'))
    if isinstance(value, str):
        return value if quoted else text  # in a command there are no comments, tags and line folds
    return text if value is None and text not in _NULLS else value  # such as `&x` and `---`, which are marks to YAML


options = options_read_by(_plainly)
"""What gives the two options to a verb that runs with one value for each parameter."""
