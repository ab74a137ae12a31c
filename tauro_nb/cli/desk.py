"""The shell's desk: words go to standard output, questions to the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UsageError
from tauro_nb.events import get_event_emitter

if TYPE_CHECKING:
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
        """Ask at the terminal; where there is none, the answer is no."""
        return sys.stdin.isatty() and click.confirm(question)

    def variable(self, name: str) -> NoReturn:
        """Refuse: a shell has no variables of Python."""
        raise UsageError(f"-p @{name}: a shell has no Python variables", fix="write -p key=value")

    def load(self, prefix: str) -> Session:
        """Refuse: there is no kernel to load into."""
        raise UsageError("`load` binds names in a kernel, and this is a shell", fix="tauro run --env ENV PIPELINE")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Print a line for each thing that has come true."""
        from tauro_nb.display.progress import ProgressLines

        with get_event_emitter().on_event("*", ProgressLines(self.milestone, self.say)):
            yield

    def show(self, value: Any) -> None:
        """Print what a command returned; the lines of a pipeline have told its report already."""
        from tauro_nb.pipeline.report import PipelineReport

        if value is None or isinstance(value, PipelineReport):
            return
        click.echo(value if isinstance(value, str) else _text(value))


def _text(value: Any) -> str:
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle is not None:
        return str(bundle()["text/plain"])
    frame_text = getattr(value, "to_string", None)
    return str(frame_text() if frame_text is not None else value)
