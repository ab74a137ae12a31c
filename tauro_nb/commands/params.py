"""Parameters as they are typed: ``-p key=value``, ``-p node.key=value``, ``-p @variable``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UsageError

option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; repeatable. node.key=value wins over key=value; @name takes a dict of the notebook.",
)


def parse(items: Sequence[str], desk: Desk) -> dict[str, Any]:
    """Read the values as YAML reads them (``300``, ``0.1``, ``null``, ``true``, ``[1, 2]``, else text); the last wins.

    Raises
    ------
    UsageError
        An item is not of that form, or a variable is no mapping.
    """
    params: dict[str, Any] = {}
    for item in items:
        if item.startswith("@"):
            value = desk.variable(item[1:])
            if not isinstance(value, Mapping):
                raise UsageError(f"-p {item}: {type(value).__name__} is not a mapping", fix="give the name of a dict")
            params.update(value)
            continue
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"-p {item}: a parameter is written key=value", fix=f"-p {key.strip() or 'key'}=VALUE")
        params[key.strip()] = _value(text)
    return params


def _value(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError:
        return text
