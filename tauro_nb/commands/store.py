"""``tauro store``: what the storage holds, and what of it can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import counted
from tauro_nb.commands.verb import Words, verb

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.deletion import Removal
    from tauro_nb.mlops.tracking.usage import Usage

MOST_NAMED = 5
"""Runs that a question names."""


@verb("usage")
@output.options("of_usage")
def usage(desk: Desk) -> Usage:
    """Tell what takes how much room, by part, experiment and run."""
    return desk.session.tracker.usage()


@verb("gc")
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Runs that were deleted at least so many days ago.",
)
@click.option("--force", is_flag=True, help="Those too to which a registered version leads back.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@output.options("of_removal")
def gc(desk: Desk, *, days: float, force: bool, yes: bool) -> Removal:
    """Remove deleted runs for good, or show which would go.

    They go with all their files once that is confirmed. Those to which a registered version leads back stay.
    """
    tracker = desk.session.tracker
    plan = tracker.gc(days, force=force)
    if not plan.runs or not (yes or desk.confirm(_question(plan))):
        return plan
    return tracker.gc(days, dry_run=False, force=force)


command = Words("store", commands=[usage, gc], help="What the storage holds, and what of it can go.")


def _question(plan: Removal) -> str:
    names = ", ".join(repr(run.name) for run in plan.runs[:MOST_NAMED])
    more = f" and {len(plan.runs) - MOST_NAMED:,} more" if len(plan.runs) > MOST_NAMED else ""
    return f"Remove {counted(plan.runs, 'run')} for good ({names}{more}; {plan.size_bytes:,} bytes)?"
