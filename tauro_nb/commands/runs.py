"""``tauro runs``: list and search runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run_table import RunTable


@verb("runs")
@click.option(
    "--filter", "filter_string", default="", help="For example: metrics.accuracy > 0.9 and params.model = 'x'."
)
@click.option("--sort", "order_by", multiple=True, help="For example: 'metrics.f1_score DESC'; repeatable.")
@click.option("--experiment", "experiments", multiple=True, help="Only this experiment; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many runs.")
def command(
    desk: Desk, filter_string: str, order_by: tuple[str, ...], experiments: tuple[str, ...], limit: int | None
) -> RunTable:
    """List runs, newest first unless sorted."""
    return desk.session.tracker.search_runs(
        filter_string,
        order_by=list(order_by) or None,
        max_results=limit,
        experiment_names=list(experiments) or None,
    )
