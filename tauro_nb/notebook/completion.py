"""Tab behind ``%tauro``: click's own completion, as IPython wants it.

IPython cuts the word at the cursor at dashes and dots, so the whole line is read here; that also makes
``x = %tauro ...`` work. While a line is a ``%tauro`` line no other completer is asked.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

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
        args, word = _words(found["rest"])
        return {
            "completions": [SimpleCompletion(text) for text in _offered(desk, args, word)],
            "matched_fragment": word,
            "suppress": True,
        }

    done: Matcher = matcher
    return done


def _offered(desk: KernelDesk, args: list[str], word: str) -> list[str]:
    """Return what may stand in place of `word`: where nothing is known the options, or the word as it is.

    An empty answer would let IPython offer names of Python instead.
    """
    shell = ShellComplete(verbs, {"obj": desk}, "tauro", "_TAURO_COMPLETE")
    items = shell.get_completions(args, word) or ([] if word else shell.get_completions(args, "-"))
    option, equals, _ = word.partition("=")
    start = option + equals if equals and option.startswith("--") else ""  # of which click gives the value alone
    found = [start + item.value for item in items if item.type == "plain"]
    if any(item.type in ("file", "dir") for item in items):
        found += _paths(word)
    return found or ([word] if word else [])


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


def _words(text: str) -> tuple[list[str], str]:
    """Split what stands before the cursor into whole words and the one being typed, without its opening quote."""
    head, _, word = text.rpartition(" ")
    word = word.removeprefix("'") if word.startswith("'") else word.removeprefix('"')
    try:
        return shlex.split(head), word
    except ValueError:
        return head.split(), word  # a quote is still open
