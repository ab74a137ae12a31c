"""``tauro store``: what the storage holds, what of it can go, and copies of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion, output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.selection import pick
from tauro_nb.commands.text import counted
from tauro_nb.commands.verb import Words, verb

if TYPE_CHECKING:
    from tauro_nb.mlops.moving.copied import Copied
    from tauro_nb.mlops.tracking.deletion import Removal
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker
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


def _wanted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that say what is copied."""
    for option in reversed(
        (
            click.option(
                "--experiment",
                "experiments",
                multiple=True,
                help="The runs of this experiment; repeatable.",
                shell_complete=completion.experiments,
            ),
            click.option(
                "--run",
                "runs",
                multiple=True,
                help="This run: its id, the beginning of it, its name, or last:N; repeatable.",
                shell_complete=completion.runs,
            ),
            click.option(
                "--model",
                "models",
                multiple=True,
                help="This model, with the runs of its versions; repeatable.",
                shell_complete=completion.models,
            ),
            click.option("--dry-run", is_flag=True, help="Only show what would be copied."),
            click.option("--overwrite", is_flag=True, help="Runs that were edited on both sides are taken from here."),
        )
    ):
        command = option(command)
    return command


@verb("push")
@click.argument("to", required=False, metavar="[TO]")
@_wanted
@output.options("of_copied")
def push(desk: Desk, *, to: str | None, runs: tuple[str, ...], **wanted: Any) -> Copied:
    """Copy runs and models to the store TO: a folder, an environment or a volume.

    A folder is written with a slash (./backup), an environment of the project is a word, a volume of Unity Catalog is
    /Volumes/CATALOG/SCHEMA/VOLUME. What is there already stays, and a copy that was broken off goes on. Without TO
    only what waits on this machine, on its way to the project's own store, is delivered.
    """
    session = desk.session
    ids = _ids(session.tracker, runs)
    with desk.progress("pushing") as tell:
        return session.push(to, runs=ids, tell=tell, **wanted)


@verb("pull")
@click.argument("source", metavar="FROM")
@_wanted
@output.options("of_copied")
def pull(desk: Desk, *, source: str, runs: tuple[str, ...], **wanted: Any) -> Copied:
    """Copy runs and models from the store FROM, which is named as push does."""
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker
    from tauro_nb.wiring import open_address

    session = desk.session
    there = open_address(source, session.context)
    ids = _ids(ExperimentTracker(there), runs)
    with desk.progress("pulling") as tell:
        return session.pull(there, runs=ids, tell=tell, **wanted)


command = Words("store", commands=[usage, gc, push, pull], help="What the storage holds, and copies of it elsewhere.")


def _ids(tracker: ExperimentTracker, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(run.run_id for run in pick(tracker, words)) if words else ()


def _question(plan: Removal) -> str:
    names = ", ".join(repr(run.name) for run in plan.runs[:MOST_NAMED])
    more = f" and {len(plan.runs) - MOST_NAMED:,} more" if len(plan.runs) > MOST_NAMED else ""
    return f"Remove {counted(plan.runs, 'run')} for good ({names}{more}; {plan.size_bytes:,} bytes)?"
