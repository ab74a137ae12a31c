"""``tauro runs``: list and search runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import output, searching
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run_table import RunTable


@verb("runs")
@searching.options
@click.option("--deleted", is_flag=True, help="Those that were deleted, instead of all others.")
@output.options("of_runs")
def command(desk: Desk, **wanted: Any) -> RunTable:
    """List runs, newest first unless sorted."""
    return searching.search(desk, **wanted)
