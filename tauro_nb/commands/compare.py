"""``tauro compare``: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.comparison import Comparison


@verb("compare")
@click.argument("runs", nargs=-1, shell_complete=completion.runs)
def command(desk: Desk, runs: tuple[str, ...]) -> Comparison:
    """Compare RUNS: ids, beginnings of ids, names, or last:N (default: last:2)."""
    from tauro_nb.mlops.tracking.run_table import RunTable

    return RunTable(pick(desk.session.tracker, runs or ("last:2",))).compare()
