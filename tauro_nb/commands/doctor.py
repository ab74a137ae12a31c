"""``tauro doctor``: is what is kept here in order, and what was left behind by who was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.findings import HealthReport


@verb("doctor")
@click.option("--clean", is_flag=True, help="Remove leftovers, and end the runs whose process is gone.")
@output.options("of_health")
def command(desk: Desk, *, clean: bool) -> HealthReport:
    """Look for what is wrong: room and rights, the store's format, damaged records, leftovers, interrupted runs."""
    from tauro_nb.mlops.monitoring.health import HealthMonitor
    from tauro_nb.mlops.monitoring.inspection import Inspection

    session = desk.session
    inspection = Inspection(session.tracker, session.registry, mend=f"{desk.cue} doctor --clean")
    if clean:
        inspection.clean()
    monitor = HealthMonitor()
    monitor.register_storage_check(session.context.storage_dir)
    for name, check in inspection.checks():
        monitor.register_check(name, check, timeout_s=120)
    return monitor.check_all()
