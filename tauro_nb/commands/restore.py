"""``tauro restore``: bring deleted runs back."""

from __future__ import annotations

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.text import Text, counted
from tauro_nb.commands.verb import verb
from tauro_nb.errors import RunNotFound


@verb("restore")
@click.argument("runs", nargs=-1, required=True, shell_complete=completion.deleted_runs)
def command(desk: Desk, runs: tuple[str, ...]) -> Text:
    """Bring back deleted RUNS: ids, beginnings of ids, names, or last:N of the deleted ones."""
    tracker = desk.session.tracker
    deleted = tracker.deleted_runs()
    if not len(deleted):
        raise RunNotFound(f"{tracker.store.location} has no deleted runs", fix=f"{desk.cue} runs lists the others")
    picked = pick(tracker, runs, deleted)
    for run in picked:
        tracker.restore_run(run.run_id)
    return Text(f"✓ {counted(picked, 'run')} restored")
