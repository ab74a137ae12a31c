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
    """As health, but compare every file of a model with its checksum; any finding is a failure."""
    from tauro_nb.mlops.monitoring.health import HealthMonitor
    from tauro_nb.mlops.monitoring.inspection import clean as clean_up

    session = desk.session
    if clean:
        clean_up(session.tracker, session.registry)
    monitor = HealthMonitor()
    monitor.register_storage_check(session.context.storage_dir)
    monitor.register_store_checks(
        session.tracker, session.registry, sample=None, timeout_s=3600, mend=f"{desk.cue} doctor --clean"
    )
    return monitor.check_all()
