"""``tauro doctor``: is what is kept here in order, and what was left behind by who was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb
from tauro_nb.errors import UsageError

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.findings import HealthReport


@verb("doctor")
@click.option("--clean", is_flag=True, help="Remove leftovers, and end the runs whose process is gone.")
@click.option("--databricks", is_flag=True, help="Try instead what a volume of Unity Catalog needs: sign-in to races.")
@output.options("of_health")
def command(desk: Desk, *, clean: bool, databricks: bool) -> HealthReport:
    """As health, but compare every file of a model with its checksum; any finding is a failure."""
    if databricks and clean:
        raise UsageError("--databricks and --clean exclude one another", fix="give one of them")
    if databricks:
        return _databricks(desk)
    from tauro_nb.mlops.monitoring.health import HealthMonitor
    from tauro_nb.mlops.monitoring.inspection import clean as clean_up

    session = desk.session
    if clean:
        clean_up(session.tracker, session.registry)
    monitor = HealthMonitor()
    if session.context.settings.mlops.backend_type == "local":
        monitor.register_storage_check(session.context.storage_dir)
    monitor.register_store_checks(
        session.tracker, session.registry, sample=None, timeout_s=3600, mend=f"{desk.cue} doctor --clean"
    )
    return monitor.check_all()


def _databricks(desk: Desk) -> HealthReport:
    from tauro_nb.mlops.monitoring.databricks import examine
    from tauro_nb.store.databricks import DatabricksStore

    store = desk.session_anyway().tracker.store
    if not isinstance(store, DatabricksStore):
        raise UsageError(
            f"the environment {desk.env!r} keeps runs in {store.location}, not on Databricks",
            fix="set TAURO_MLOPS_BACKEND=databricks, TAURO_MLOPS_CATALOG and TAURO_MLOPS_SCHEMA, or name another "
            "environment with --env",
        )
    return examine(store)
