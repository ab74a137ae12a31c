"""``%tauro stop``: ask a job to stop."""

from __future__ import annotations

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import Homeless, verb
from tauro_nb.errors import UsageError

GRACE_S = 1.0
"""How long the answer waits for the job."""


@verb("stop", cls=Homeless)
@click.argument("number", metavar="[JOB]", required=False, type=int, shell_complete=completion.jobs)
@click.option("--now", is_flag=True, help="Do not ask: end its process. Only for jobs of `run --bg=process`.")
def command(desk: Desk, number: int | None, *, now: bool) -> Text:
    """Ask a job to stop: at the next metric that its node logs, or when the node is done.

    Without a number: the one that is running.
    """
    desk.demand_kernel("stop", "press Ctrl-C in the shell that runs it")
    from tauro_nb.pipeline.jobs import jobs

    running = jobs.running
    if number is None and len(running) != 1:
        told = ", ".join(f"{job.number} ({job.report.pipeline})" for job in running)
        raise UsageError(
            f"{len(running)} jobs are running: {told}" if running else "no job is running",
            fix=f"{desk.cue} stop {running[0].number}{' --now' * now}" if running else f"{desk.cue} jobs lists them",
        )
    job = running[0] if number is None else jobs[number]
    if job.is_over:
        return Text(f"job {job.number} is over: {job.status}")
    job.stop(now=now)
    if job.wait(GRACE_S):
        return Text(f"✓ job {job.number} has stopped: {job.status}")
    where = f"node {', '.join(job.busy)}" if job.busy else "its node"
    sooner = "" if job.pid is None else f"\n  {desk.cue} stop {job.number} --now ends it at once"
    return Text(f"job {job.number} is stopping: it ends when {where} logs a metric or is done{sooner}")
