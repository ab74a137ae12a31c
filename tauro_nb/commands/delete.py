"""``tauro delete``: put runs aside."""

from __future__ import annotations

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.text import Text, counted
from tauro_nb.commands.verb import verb


@verb("delete")
@click.argument("runs", nargs=-1, required=True, shell_complete=completion.runs)
def command(desk: Desk, runs: tuple[str, ...]) -> Text:
    """Put RUNS aside: ids, beginnings of ids, names, or last:N.

    `restore` brings them back; `store gc` removes for good what was deleted 30 days ago.
    """
    tracker = desk.session.tracker
    ids = [run.run_id for run in pick(tracker, runs)]
    for run_id in ids:
        tracker.delete_run(run_id)
    return Text(f"✓ {counted(ids, 'run')} deleted\n  back: {desk.cue} restore {' '.join(ids)}")
