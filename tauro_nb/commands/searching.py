"""The options that say which runs are meant, and in what order: the same at each verb that looks for runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UnknownName

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run_table import RunTable


def _rows(context: click.Context, _: click.Parameter, limit: int | None) -> int | None:
    desk = context.obj
    if isinstance(desk, Desk):
        desk.rows = limit
    return limit


_OPTIONS = (
    click.option(
        "--filter",
        "filter_string",
        default="",
        help="For example: metrics.accuracy > 0.9 and params.model = 'x'.",
        shell_complete=completion.fields,
    ),
    click.option(
        "--sort",
        "order_by",
        multiple=True,
        help="For example: 'metrics.f1_score DESC'; repeatable.",
        shell_complete=completion.fields,
    ),
    click.option(
        "--experiment",
        "experiments",
        multiple=True,
        help="Only this experiment; repeatable.",
        shell_complete=completion.experiments,
    ),
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        callback=_rows,
        help="At most this many runs; a table shows all of them.",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that `search` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def search(
    desk: Desk,
    filter_string: str,
    order_by: tuple[str, ...],
    experiments: tuple[str, ...],
    limit: int | None,
    *,
    deleted: bool = False,
) -> RunTable:
    """Return the runs that the options mean, newest first unless they say otherwise.

    Raises
    ------
    FilterError
    UnknownName
        There are experiments, and none of this name; or no run has what they are to be ordered by.
    """
    tracker = desk.session.tracker
    known = {experiment.name for experiment in tracker.experiments()} if experiments else set()
    for name in experiments:
        if known and name not in known:
            raise UnknownName.among("experiment", name, known)
    found = tracker.search_runs(
        filter_string,
        order_by=list(order_by) or None,
        max_results=limit,
        experiment_names=list(experiments) or None,
        deleted=deleted,
    )
    if len(found):
        _check_orders(order_by, tracker.search_runs(deleted=deleted))
    return found


def _check_orders(order_by: tuple[str, ...], runs: RunTable) -> None:
    """Refuse to order by what no run has."""
    from tauro_nb.mlops.tracking.filters import parse_orders

    for field in (order.field for order in parse_orders(order_by)):
        known = () if field.section == "attributes" else runs.names(field.section)
        if field.section != "attributes" and field.name not in known:
            names = [f"{field.section}.{name}" for name in known]
            raise UnknownName.among("field", f"{field.section}.{field.name}", names)
