"""Parameters as they are typed: ``-p key=value``, ``-p node.key=value``, ``-p @variable``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UsageError

_NULLS = ("~", "null", "Null", "NULL")

option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; repeatable. node.key=value wins over key=value; @name takes a dict of the notebook.",
)


def parse(items: Sequence[str], desk: Desk) -> dict[str, Any]:
    """Read the values as the project's files are read: ``300``, ``0.1``, ``null``, ``true``, ``[1, 2]``, else text.

    Of several values for one key the last wins.

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
        params[key.strip()] = _value(text)
    return params


def _value(text: str) -> Any:
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
