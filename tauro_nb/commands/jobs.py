"""``%tauro jobs``: what runs in the background, and what did."""

from __future__ import annotations

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import Homeless, verb


@verb("jobs", cls=Homeless)
def command(desk: Desk) -> Text:
    """List the jobs of this kernel, oldest first."""
    desk.demand_kernel("jobs", "a shell has jobs of its own")
    from tauro_nb.pipeline.jobs import jobs

    rows = [
        (
            str(job.number),
            job.report.pipeline,
            job.report.environment,
            job.status,
            f"{job.report.duration_s:.0f} s",
            "" if job.pid is None else f"process {job.pid}",
            f"in {', '.join(job.busy)}" if job.busy else "",
        )
        for job in jobs
    ]
    if not rows:
        return Text(f"no jobs\n  {desk.cue} run PIPELINE --bg starts one")
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in columns]
    return Text("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in zip(*columns, strict=True)))
