"""How jobs look: while they run, with what stops them; afterwards, as what came of them."""

from __future__ import annotations

import traceback

import msgspec

from tauro_nb import faces
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Lines, Page
from tauro_nb.display.progress import duration
from tauro_nb.errors import TauroError
from tauro_nb.pipeline.jobs import Job
from tauro_nb.pipeline.wire import RemoteTraceback


def job_page(job: Job) -> Page:
    """Return what a job is doing, or what came of it."""
    page: Page = faces.answer("page", job.report)
    title = fmt.name(f"job {job.number}: {page.title}")
    if job.is_over:
        return msgspec.structs.replace(page, title=title)
    now = "" if job.pid is None else f"; with --now it ends at once, with its process {job.pid}"
    return Page(
        title=title,
        state=job.status,
        subtitle=(fmt.text(job.report.environment), fmt.moment(job.report.started_at_ns), Cell(", ".join(job.busy))),
        sections=(Lines(f"%tauro stop {job.number} stops it{now}", tone="muted"),),
    )


def ending(job: Job) -> str:
    """Return the lines that tell, where the job was started, how it ended."""
    report = job.report
    told = f"job {job.number} {report.status.lower()} after {duration(report.duration_s)}"
    error = report.error
    stayed = [f"  the result of {node} stayed in the process: {why}" for node, why in job.left.items()]
    if error is None:
        return "\n".join((f"✓ {told}", *stayed))
    if isinstance(error, KeyboardInterrupt):
        return "\n".join((f"- {told}", *stayed))
    if isinstance(error.__cause__, RemoteTraceback):
        lines = [error.__cause__.text]
    else:
        lines = error.lines() if isinstance(error, TauroError) else traceback.format_exception(error)
    return "\n".join((f"✗ {told}", *(line.rstrip("\n") for line in lines), *stayed))
