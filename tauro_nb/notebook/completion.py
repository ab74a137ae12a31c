"""Tab behind ``%tauro``: click's own completion, as IPython wants it.

IPython cuts the word at the cursor at dashes and dots, so the whole line is read here; that also makes
``x = %tauro ...`` work. While a line is a ``%tauro`` line no other completer is asked.
"""

from __future__ import annotations

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
        items = ShellComplete(verbs, {"obj": desk}, "tauro", "_TAURO_COMPLETE").get_completions(args, word)
        return {
            "completions": [SimpleCompletion(item.value) for item in items if item.type == "plain"],
            "matched_fragment": word,
            "suppress": True,
        }

    done: Matcher = matcher
    return done


def _words(text: str) -> tuple[list[str], str]:
    """Split what stands before the cursor into whole words and the one being typed, without its opening quote."""
    head, _, word = text.rpartition(" ")
    word = word.removeprefix("'") if word.startswith("'") else word.removeprefix('"')
    try:
        return shlex.split(head), word
    except ValueError:
        return head.split(), word  # a quote is still open
