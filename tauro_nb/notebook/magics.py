"""``%tauro``: the verbs in a notebook, with the words, the help and the completion of the shell.

The line is split as a shell splits it, and IPython's own expansion of ``$x`` and ``{...}`` is off. What a verb returns
is the value of the cell. A mistake in the words is a real error, which nbval and nbclient see, shown as two lines; an
error of a node's function shows from the user's frame on.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from tauro_nb.commands import SUMMARIES, perform
from tauro_nb.errors import UsageError
from tauro_nb.notebook.completion import matcher_for
from tauro_nb.notebook.desk import KernelDesk
from tauro_nb.notebook.preferences import Tauro
from tauro_nb.pipeline.frames import user_traceback, without_our_end

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


_CLICK = (str(Path(click.__file__).parent) + os.sep,)


@magics_class
class TauroMagics(Magics):
    """The magic ``%tauro`` of one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.preferences = Tauro(shell)
        self.desk = KernelDesk(shell, self.preferences)
        self.matcher = matcher_for(self.desk)

    @no_var_expand
    @line_cell_magic
    def tauro(self, line: str, cell: str | None = None) -> Any:
        """Run a verb of tauro; ``%tauro --help`` lists them, ``%tauro VERB --help`` tells the options of one."""
        __tracebackhide__ = True
        try:
            self.desk.cell = cell
            return perform(_words(line, whole=cell is not None), self.desk)
        except BaseException as error:  # noqa: BLE001 - raised again
            users = without_our_end(user_traceback(error.__traceback__, also=_CLICK))
            if users is None and not isinstance(error, SyntaxError):  # whose frames IPython never hides
                users = error.__traceback__
            raise error.with_traceback(users) from error.__cause__


TauroMagics.tauro.__doc__ = "\n".join(
    (f"{TauroMagics.tauro.__doc__}\n", *(f"{name:<10} {summary}" for name, summary in SUMMARIES.items()))
)
"""What ``%tauro?`` shows."""


def split(line: str) -> list[str]:
    """Split a line as a POSIX shell does.

    Raises
    ------
    UsageError
        A quote is not closed.
    """
    try:
        return shlex.split(line, posix=True)
    except ValueError as error:
        raise UsageError(f"%tauro {line}: {str(error).lower()}", fix="close the quote") from None


def _words(line: str, *, whole: bool) -> list[str]:
    """Split the line of a command, which stands over a `whole` cell or is alone."""
    words = split(line)
    if whole and (not words or (words[0] in SUMMARIES and words[0] != "define")):
        command = f"%tauro {line}".strip()
        raise UsageError(f"%{command}: only define takes a cell", fix=f"{command}, and the rest below it")
    return words


def load(shell: InteractiveShell) -> None:
    """Register the magic and its completion; doing it twice is harmless."""
    if _loaded(shell) is None:
        magics = TauroMagics(shell)
        shell.register_magics(magics)
        shell.Completer.custom_matchers.append(magics.matcher)
        shell.configurables.append(magics.preferences)  # type: ignore[arg-type]


def unload(shell: InteractiveShell) -> None:
    """Remove all that `load` added, and the names that ``%tauro load`` bound."""
    magics = _loaded(shell)
    if magics is not None:
        shell.Completer.custom_matchers.remove(magics.matcher)
        for added in (magics.preferences, magics):  # the latter by its own base class
            shell.configurables.remove(added)  # type: ignore[arg-type]
        for kind in ("line", "cell"):
            del shell.magics_manager.magics[kind]["tauro"]
        del shell.magics_manager.registry[TauroMagics.__name__]
        magics.desk.close()


def _loaded(shell: InteractiveShell) -> TauroMagics | None:
    found: TauroMagics | None = shell.magics_manager.registry.get(TauroMagics.__name__)
    return found
