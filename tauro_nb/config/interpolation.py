"""``${VAR}``, ``${VAR:-default}`` and ``${secrets:scope/key}`` in values; keys are never touched.

The default holds where the variable is unset or empty, as in a shell. ``$${`` stands for a plain ``${``. What a
variable says is not searched for further references.

A value that is exactly one reference takes the variable's text as a YAML scalar (``${N}`` is the number 5 where N is
``5``, nothing where it is empty), unless its key wants text: then it stays the text it is. A reference within a longer
text gives text.

``${secrets:scope/key}`` is a secret of the Databricks workspace. A value that holds one is text in any case, and a
`ConfidentialText`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tauro_nb.confidential import ConfidentialText
from tauro_nb.errors import TauroError

Report = Callable[[tuple[Any, ...], str, str], None]
"""Takes the keys of a value, what is wrong with it and how to mend that."""

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<body>[^}]*)(?P<end>\}?)")
_SECRET = re.compile(r"secrets:(?P<scope>[\w.@ -]{1,128})/(?P<key>[\w.-]{1,128})")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


def interpolate(
    tree: Any, environ: Mapping[str, str], report: Report, secret: Callable[[str, str], str] | None = None
) -> tuple[Any, list[tuple[Any, ...]]]:
    """Fill in the variables and secrets of every value below `tree`.

    Parameters
    ----------
    secret : callable, optional
        Takes scope and key and gives the secret, or raises a `TauroError`; without it there are none here.

    Returns
    -------
    filled : the same shape as `tree`
        A value with a reference that cannot be filled in is left as it was, and reported.
    whole : list of keys
        Where a value was exactly one reference: it holds the variable's text, not yet read as a scalar.
    """
    whole: list[tuple[Any, ...]] = []

    def walk(value: Any, keys: tuple[Any, ...]) -> Any:
        if isinstance(value, str):
            return text(value, keys) if "${" in value else value
        if isinstance(value, dict):
            return {key: walk(item, (*keys, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*keys, index)) for index, item in enumerate(value)]
        return value

    def text(value: str, keys: tuple[Any, ...]) -> str:
        sound, confidential = True, False

        def fill(match: re.Match[str]) -> str:
            nonlocal sound, confidential
            if match["body"] is None:
                return "${"
            if match["end"] and match["body"].startswith("secrets:"):
                confidential = True
                wrong, filled = _read_secret(match["body"], secret)
            else:
                wrong, filled = _resolve(match, environ)
            if wrong:
                sound = False
                report(keys, *wrong)
            return filled

        filled = _TOKEN.sub(fill, value)
        if not sound:
            return value
        if confidential:
            from tauro_nb.config.secrets import again

            return ConfidentialText(filled, value, again)
        match = _TOKEN.fullmatch(value)
        if match and match["body"] is not None:
            whole.append(keys)
        return filled

    return walk(tree, ()), whole


def _read_secret(body: str, secret: Callable[[str, str], str] | None) -> tuple[tuple[str, str] | None, str]:
    match = _SECRET.fullmatch(body)
    if match is None:
        return (f"{'${' + body[:60] + '}'!r} names no secret", "write ${secrets:SCOPE/KEY}; it has no default"), ""
    name = f"{match['scope']}/{match['key']}"
    if secret is None:
        return (f"the secret {name} cannot be read here", "secrets stand in the five files of a project"), ""
    try:
        return None, secret(match["scope"], match["key"])
    except TauroError as error:
        return (f"the secret {name} cannot be read: {error.message[:200]}", (error.fix or "")[:200]), ""


def _resolve(match: re.Match[str], environ: Mapping[str, str]) -> tuple[tuple[str, str] | None, str]:
    if not match["end"]:
        return ("'${' without its '}'", "close it, or write '$${' for a plain '${'"), ""
    body = _BODY.fullmatch(match["body"])
    if body is None:
        name = match["body"][:40]
        return (
            f"{'${' + name + '}'!r} is no reference",
            "write ${VAR} or ${VAR:-default}, or '$${' for a plain '${'",
        ), ""
    name, default = body["name"], body["default"]
    if default is not None and "${" in default:
        return (f"the default of {name} holds another reference", "references do not nest: write the default out"), ""
    value = environ.get(name)
    if default is not None:
        return None, value or default
    if value is None:
        return (
            f"environment variable {name} is not set",
            f"set it (export {name}=...), or write a default: ${{{name}:-value}}",
        ), ""
    return None, value
