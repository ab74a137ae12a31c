"""``tauro``: runs the verbs in a shell and turns their endings into exit codes.

==  ======================================================================================
0   it ran
1   the pipeline failed, or what was asked for was refused
2   wrong usage: an unknown verb, flag, environment or name, a filter that cannot be read
3   wrong configuration
==  ======================================================================================

Errors go to standard error: what and where, then how to mend it; a traceback only with ``--debug``.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from tauro_nb.cli.desk import ShellDesk
from tauro_nb.commands import perform, verbs
from tauro_nb.confidential import hidden
from tauro_nb.errors import ConfigError, FilterError, PipelineError, TauroError, UsageError
from tauro_nb.faces import Shown

FAILED, USAGE, CONFIGURATION = 1, 2, 3
INTERRUPTED = 130
"""What a shell reports for a process that SIGINT ended."""


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # where a node prints what the terminal lacks: question marks, no error
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code.

    Parameters
    ----------
    args : sequence of str, optional
        The words after ``tauro``; those of this process if None.
    """
    desk = ShellDesk()
    words = list(sys.argv[1:] if args is None else args)
    if "_TAURO_COMPLETE" in os.environ:
        verbs.main(prog_name="tauro", obj=desk)  # ends the process
    try:
        return _ended(desk, perform(words, desk))
    except BrokenPipeError as error:
        _let_go_of_output()
        if not desk.has_failed_by(error):
            return 0
        _say(error, debug="--debug" in words)
        return FAILED
    except KeyboardInterrupt as error:
        click.echo("Interrupted." + _notes(error), err=True)
        return INTERRUPTED
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the process ends here, with the error said and a code that tells it
        _say(error, debug="--debug" in words)
        return FAILED if desk.has_failed_by(error) else _code(error)
    finally:
        desk.close()


def _let_go_of_output() -> None:
    """Where the reader of what is printed has left, as `head` does, send the rest nowhere."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ended(desk: ShellDesk, value: Any) -> int:
    """Show what a command returned; a report that is not `ok` tells of a failure."""
    from tauro_nb.commands.document import Document
    from tauro_nb.commands.listing import Listing

    desk.show(value)
    return FAILED if isinstance(value, Shown | Listing | Document) and not getattr(value, "ok", True) else 0


def _code(error: BaseException) -> int:
    """Return the code of an error that came before anything ran."""
    if isinstance(error, UsageError | FilterError):
        return USAGE
    if isinstance(error, ConfigError | PipelineError):
        return CONFIGURATION
    return FAILED


def _say(error: BaseException, *, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    elif isinstance(error, TauroError):
        click.echo(hidden("\n".join(error.lines()) + _notes(error)), err=True)
    else:
        said = f": {error}" if str(error) else ""
        click.echo(hidden(f"{type(error).__name__}{said}{_notes(error)}"), err=True)


def _notes(error: BaseException) -> str:
    return "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
