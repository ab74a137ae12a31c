"""``tauro mlflow``: the copy of runs and models on an MLflow server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import Words, verb
from tauro_nb.errors import UsageError
from tauro_nb.wiring import services

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.replica import Replica
    from tauro_nb.mlops.mlflow.report import MirrorReport
    from tauro_nb.mlops.moving.copied import Copied


@verb("status")
@output.options("of_mirror")
def status(desk: Desk) -> MirrorReport:
    """Tell what is not there yet, by what the server has acknowledged; it is not asked."""
    from tauro_nb.mlops.mlflow import report

    return report.status(_replica(desk), desk.session.registry)


@verb("diff")
@output.options("of_mirror")
def diff(desk: Desk) -> MirrorReport:
    """Ask the server what it has, and tell what is missing or differs; fails if anything does."""
    from tauro_nb.mlops.mlflow import report

    replica = _replica(desk)
    with desk.progress("comparing") as tell:
        return report.diff(replica, lambda done, total: tell(done, total, f"{done:,} of {total:,}"))


@verb("sync")
@output.options("of_mirror")
def sync(desk: Desk) -> MirrorReport:
    """Send what is missing or differs there, and tell what is left."""
    from tauro_nb.mlops.mlflow import report

    replica = _replica(desk)
    with desk.progress("sending") as tell:
        return report.sync(replica, lambda done, total: tell(done, total, f"{done:,} of {total:,}"))


@verb("import")
@click.option("--uri", required=True, help="http://HOST:PORT, databricks, sqlite:///mlflow.db, or a folder mlruns.")
@click.option(
    "--experiment", "experiments", multiple=True, help="Only this experiment's runs and their models; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken.")
@output.options("of_copied")
def import_(desk: Desk, *, uri: str, experiments: tuple[str, ...], dry_run: bool) -> Copied:
    """Take runs and registered models of MLflow into the project's store.

    What is here already is not taken again, and an import that was broken off goes on.
    """
    from tauro_nb.mlops.mlflow.importing import import_mlflow

    store = desk.session.tracker.store
    with desk.progress("importing") as tell:
        return import_mlflow(store, uri, experiments=experiments, dry_run=dry_run, tell=tell)


command = Words(
    "mlflow", commands=[status, diff, sync, import_], help="The copy on an MLflow server, and what comes from one."
)


def _replica(desk: Desk) -> Replica:
    replica = services(desk.session.context).replica
    if replica is None:
        raise UsageError(
            "no MLflow server is configured",
            fix="write mlops: {mlflow: {tracking_uri: ADDRESS}} into global_settings.yaml",
        )
    return replica
