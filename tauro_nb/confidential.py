"""What must not be read by others: texts that show what was written in their place, and what has taken them in.

A `ConfidentialText` is the text itself to whoever works with it, and shows itself as the reference that stands in the
configuration. A secret that has become part of another text (an error of a driver, a parameter) is hidden by `hidden`
where this package writes: in records, in what objects show, in errors that it prints.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

MASK = "***"
SHORTEST = 8
"""Shorter secrets are too likely to be ordinary words: within other texts they are not looked for."""

_known: tuple[str, ...] = ()
_keeping = threading.Lock()


class ConfidentialText(str):
    """A text whose representation, pickle and record are the reference that it came from.

    Parameters
    ----------
    value : str
    written : str
        As the configuration has it: ``${secrets:team/password}``.
    again : callable
        Takes `written` and gives the text; what a pickle calls where it is opened, so that no pickle holds the secret.
    """

    written: str
    _again: Callable[[str], Self]

    def __new__(cls, value: str, written: str, again: Callable[[str], Self]) -> Self:
        """Make the text, which knows how it was written."""
        text = super().__new__(cls, value)
        text.written = written
        text._again = again
        return text

    def __repr__(self) -> str:
        return repr(self.written)

    def __reduce__(self) -> tuple[Callable[[str], Self], tuple[str]]:
        return self._again, (self.written,)

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[[str], Self], tuple[str]]:
        return self.__reduce__()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def keep(secret: str | None) -> None:
    """Hide this text from now on, wherever `hidden` looks; one that is too short is not."""
    global _known  # noqa: PLW0603 - what a process knows it knows once
    if secret is None or len(secret) < SHORTEST or secret in _known:
        return
    from html import escape

    plain = str.__str__(secret)
    with _keeping:
        # as HTML has it too; the longest first, for one may hold another
        _known = tuple(sorted({*_known, plain, escape(plain)}, key=len, reverse=True))


def hidden(text: str) -> str:
    """Return `text` without the secrets that were kept; one that is a `ConfidentialText`, as it was written."""
    if isinstance(text, ConfidentialText):
        return text.written
    for secret in _known:
        text = text.replace(secret, MASK)
    return text


def hidden_within(value: Any) -> Any:
    """Return a plain JSON value whose texts are as `hidden` returns them; keys stay."""
    if not _known:
        return value
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {key: hidden_within(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden_within(item) for item in value]
    return value
