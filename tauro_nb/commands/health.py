"""``tauro health``: is the place where runs and models are kept in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.findings import HealthReport


@verb("health")
@output.options("of_health")
def command(desk: Desk) -> HealthReport:
    """Check the project's storage: free space and a write probe."""
    from tauro_nb.mlops.monitoring.health import HealthMonitor

    monitor = HealthMonitor()
    monitor.register_storage_check(desk.session.context.storage_dir)
    return monitor.check_all()
