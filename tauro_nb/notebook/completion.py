"""Tab behind ``%tauro``: click's own completion, as IPython wants it.

IPython cuts the word at the cursor at dashes and dots, so the whole line is read here; that also makes
``x = %tauro ...`` work. While a line is a ``%tauro`` line no other completer is asked. What is offered stands as the
line is split: a name with a space in the quotes that are open, or with a backslash before it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from click.shell_completion import ShellComplete
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from tauro_nb.commands import verbs

if TYPE_CHECKING:
    from tauro_nb.notebook.desk import KernelDesk

Matcher = Callable[[CompletionContext], SimpleMatcherResult]

_LINE = re.compile(r"^\s*(?:[\w.,\s\[\]'\"]+=\s*)?%%?tauro\s+(?P<rest>.*)$", re.DOTALL)


def matcher_for(desk: KernelDesk) -> Matcher:
    """Return the matcher that completes the words of ``%tauro`` at `desk`."""

    @context_matcher(identifier="tauro_nb")  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        found = _LINE.match(context.line_with_cursor[: context.cursor_position])
        if found is None:
            return {"completions": []}
        typed = _typed(found["rest"])
        offered = [typed.write(text) for text in _offered(desk, typed.before, typed.word)]
        unknown = [typed.fragment] if typed.fragment else []  # with none, IPython would offer names of Python
        return {
            "completions": [SimpleCompletion(text) for text in offered or unknown],
            "matched_fragment": typed.fragment,
            "suppress": True,
        }

    done: Matcher = matcher
    return done


def _offered(desk: KernelDesk, args: list[str], word: str) -> list[str]:
    """Return what may stand in place of `word`; of an empty one, where nothing else is known, the options."""
    shell = ShellComplete(verbs, {"obj": desk}, "tauro", "_TAURO_COMPLETE")
    items = shell.get_completions(args, word) or ([] if word else shell.get_completions(args, "-"))
    option, equals, _ = word.partition("=")
    start = option + equals if equals and option.startswith("--") else ""  # of which click gives the value alone
    found = [start + item.value for item in items if item.type == "plain"]
    if any(item.type in ("file", "dir") for item in items):
        found += _paths(word)
    return found


def _paths(word: str) -> list[str]:
    start = word.rpartition("/")[2]
    above = word[: len(word) - len(start)]
    try:
        with os.scandir(os.path.expanduser(above or ".")) as entries:  # noqa: PTH111 - as it is typed
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(start))
    except OSError:
        return []
    shown = [(name, is_dir) for name, is_dir in found if start or not name.startswith(".")]
    return [f"{above}{name}{'/' if is_dir else ''}" for name, is_dir in shown]


class _Typed(NamedTuple):
    """What stands before the cursor, as a POSIX shell splits it."""

    before: list[str]
    word: str
    """The one being typed, without quotes and backslashes."""
    fragment: str
    """What of it is replaced, as it stands: what is behind the quote that is open, or all of it."""
    lead: str
    """What stands before the fragment."""
    quote: str
    """The quote that is open; else empty."""

    def write(self, text: str) -> str:
        """Return what makes `text` the word, in place of the fragment."""
        if self.quote == "'":
            return text.removeprefix(self.lead).replace("'", r"'\''")
        special = r'(["\\])' if self.quote else r"""([\s'"\\])"""
        return re.sub(special, r"\\\1", text.removeprefix(self.lead))


def _typed(text: str) -> _Typed:
    start = opened = 0
    quote, escaped = "", False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote, opened = char, at + 1
        elif char.isspace():
            start = at + 1
    split = opened if quote else start
    lead = _meant(text[start : max(start, split - len(quote))])
    fragment = text[split:]
    return _Typed(
        shlex.split(text[:start]),
        lead + _meant(quote + fragment.removesuffix("\\" * escaped) + quote),
        fragment,
        lead,
        quote,
    )


def _meant(text: str) -> str:
    """Return one whole word without its quotes and backslashes."""
    return "".join(shlex.split(text))
