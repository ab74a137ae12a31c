"""``tauro show``: one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion, output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.verb import verb
from tauro_nb.errors import UsageError

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run


@verb("show")
@click.argument("run", default="last:1", shell_complete=completion.runs)
@output.options("of_run")
def command(desk: Desk, run: str) -> Run:
    """Show RUN: an id, the beginning of one, or last:1 (the default)."""
    found = pick(desk.session.tracker, [run])
    if len(found) > 1:
        raise UsageError(f"{run!r} names {len(found)} runs, and one is shown", fix=f"{desk.cue} compare {run}")
    return found[0]
