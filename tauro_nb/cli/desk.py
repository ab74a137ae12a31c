"""The shell's desk: words go to standard output, questions to the terminal."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UsageError
from tauro_nb.events import get_event_emitter
from tauro_nb.faces import Shown, answer

if TYPE_CHECKING:
    from tauro_nb.commands.document import Document
    from tauro_nb.commands.listing import Listing
    from tauro_nb.session import Session


class ShellDesk(Desk):
    """Where a command of one shell call works."""

    in_kernel = False
    cue = "tauro"

    def milestone(self, text: str) -> None:
        """Print a line with a tick, as the tutorial does."""
        click.echo(f"✓ {text}")

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    def confirm(self, question: str) -> bool:
        """Ask at the terminal, beside what is printed; where there is none, the answer is no."""
        return sys.stdin.isatty() and click.confirm(question, err=True)

    def variable(self, name: str) -> NoReturn:
        """Refuse: a shell has no variables of Python."""
        raise UsageError(f"-p @{name}: a shell has no Python variables", fix="write -p key=value")

    def bind(self, names: Mapping[str, object], *, otherwise: str) -> NoReturn:
        """Refuse: there is no namespace to bind names in."""
        raise UsageError(f"a shell has no Python variables: {', '.join(names)}", fix="use Python, or a notebook")

    def cell_functions(self) -> NoReturn:
        """Refuse: there are no cells."""
        raise UsageError("a shell has no cells", fix="write the function into a module")

    def debug(self, frames: TracebackType) -> NoReturn:
        """Refuse: a shell's command is over when it fails."""
        raise UsageError("a shell keeps no frames of what failed", fix="tauro run PIPELINE --debug")

    def load(self, prefix: str) -> Session:
        """Refuse: there is no kernel to load into."""
        raise UsageError("`load` binds names in a kernel, and this is a shell", fix="tauro run --env ENV PIPELINE")

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[int, int, str], object]]:
        """Show a bar at the terminal, beside what is printed; where there is none, nothing."""
        from tauro_nb.display.progress import Bar

        if not sys.stderr.isatty():
            yield lambda *_: None
            return
        with Bar(title, sys.stderr) as bar:
            yield bar

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Print a line for each thing that has come true."""
        from tauro_nb.display.progress import ProgressLines

        with get_event_emitter().on_event("*", ProgressLines(self.milestone, self.say), inline=True):
            yield

    def table(self, listing: Listing) -> Listing:
        """Return it as it is, to be printed as text."""
        return listing

    def show(self, value: Any) -> None:
        """Print what a command returned; the lines of a pipeline have told its report already."""
        from tauro_nb.commands.document import Document
        from tauro_nb.pipeline.report import PipelineReport

        if value is None or isinstance(value, PipelineReport):
            return
        if isinstance(value, Document):
            self._write(value)
        else:
            click.echo(value if isinstance(value, str) else self._text(value))

    def _write(self, document: Document) -> None:
        """Write what a program reads, byte for byte; at a terminal without what would move its cursor."""
        shown: str = document
        if sys.stdout.isatty():
            from tauro_nb.display.widths import plain

            shown = "\n".join(map(plain, document.splitlines()))
        click.echo(shown.encode(errors="replace"), nl=not shown.endswith("\n"))

    def _text(self, value: Any) -> str:
        from tauro_nb.commands.listing import Listing
        from tauro_nb.display import text
        from tauro_nb.display.listings import listing_page

        most = {} if self.rows is None else {"most": self.rows}
        if isinstance(value, Listing):
            return text.render(listing_page(value, **most), room=_room())
        if isinstance(value, Shown):
            return text.render(answer("page", value, **most), room=_room())
        bundle = getattr(value, "_repr_mimebundle_", None)
        if bundle is not None:
            return str(bundle()["text/plain"])
        frame_text = getattr(value, "to_string", None)
        return str(frame_text() if frame_text is not None else value)


def _room() -> float:
    """Return the columns of the terminal, or what ``COLUMNS`` says; without end where the output goes elsewhere."""
    try:
        told = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        told = 0
    if told > 0:
        return told
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
