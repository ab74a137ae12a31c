"""What a sweep tries, as it is typed: ``50,100,200``, ``0.1..0.9``, ``log:1e-4..1e-1``, ``'a,b',c``, ``[1],[2,3]``."""

from __future__ import annotations

from typing import Any

from tauro_nb.commands.params import value_of
from tauro_nb.errors import UsageError
from tauro_nb.pipeline.space import Range

_CLOSING = {"[": "]", "{": "}"}


def choices_of(key: str, text: str) -> list[Any] | Range:
    """Return the choices that commas part, each read as the value of a parameter, or a range of numbers.

    A comma in quotes or brackets parts nothing.

    Raises
    ------
    UsageError
        A choice is empty, not closed, or a range beside others.
    """
    alone = Range.read(text)
    if alone is not None:
        return alone
    parts = _parts(key, text)
    if len(parts) > 1:
        for part in parts:
            if not part.strip():
                raise UsageError(f"-p {key}={text}: a choice is empty", fix="take the comma away, or write ''")
            if Range.read(part) is not None:
                raise UsageError(
                    f"-p {key}={text}: a range is not one of several choices",
                    fix=f"-p {key}={part.strip()} alone, or put it in quotes if it is a text",
                )
    return [value_of(part) for part in parts]


def _parts(key: str, text: str) -> list[str]:
    parts, closing, escaped = [""], "", False
    for char in text:
        begins = not parts[-1].strip()
        if escaped:
            escaped = False
        elif closing and closing[-1] in "'\"":
            escaped = char == "\\" and closing[-1] == '"'
            closing = closing[:-1] if char == closing[-1] else closing
        elif char in "'\"" and (begins or closing or parts[-1].endswith(char)):
            closing += char
        elif char in _CLOSING and (begins or closing):
            closing += _CLOSING[char]
        elif closing and char == closing[-1]:
            closing = closing[:-1]
        elif char == "," and not closing:
            parts.append("")
            continue
        parts[-1] += char
    if closing:
        raise UsageError(f"-p {key}={text}: {closing[-1]!r} is missing", fix="close what was opened")
    return parts
