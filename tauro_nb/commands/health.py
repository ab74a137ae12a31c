"""``tauro health``: is the place where runs and models are kept in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb
from tauro_nb.wiring import services

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.findings import HealthReport


@verb("health")
@click.option("--strict", is_flag=True, help="Fail when it is degraded, too.")
@output.options("of_health")
def command(desk: Desk, *, strict: bool) -> HealthReport:
    """Check space, a write, the store's format, records, files of some models, leftovers, interrupted runs, a copy."""
    from tauro_nb.mlops.monitoring.findings import HealthStatus
    from tauro_nb.mlops.monitoring.health import HealthMonitor

    session = desk.session
    monitor = HealthMonitor()
    if session.context.settings.mlops.backend_type == "local":
        monitor.register_storage_check(session.context.storage_dir)
    monitor.register_store_checks(session.tracker, session.registry, mend=f"{desk.cue} doctor --clean")
    replica = services(session.context).replica
    if replica is not None:
        from tauro_nb.mlops.mlflow import lag

        monitor.register_check("copy on MLflow", lambda: lag.check(replica, mend=f"{desk.cue} mlflow sync"))
    return replace(monitor.check_all(), enough=HealthStatus.HEALTHY if strict else HealthStatus.DEGRADED)
