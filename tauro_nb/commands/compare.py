"""``tauro compare``: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion, output, searching
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.comparison import Comparison


@verb("compare")
@click.argument("runs", nargs=-1, shell_complete=completion.runs)
@searching.options
@output.options("of_comparison")
def command(desk: Desk, runs: tuple[str, ...], **wanted: Any) -> Comparison:
    """Compare RUNS: ids, beginnings of ids, names, or last:N (default: last:2).

    With --filter, --sort, --experiment or --limit they are looked for among the runs that these find, last:N being the
    first N of them; without RUNS all that are found are compared.
    """
    from tauro_nb.mlops.tracking.run_table import RunTable

    found = searching.search(desk, **wanted)
    words = runs or (f"last:{len(found) if any(wanted.values()) else 2}",)
    return RunTable(pick(desk.session.tracker, words, found)).compare()
