"""``tauro sweep``: run a pipeline once for each of many parameters, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands import params as parameters
from tauro_nb.commands.choices import choices_of
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.pipeline.jobs import Job
    from tauro_nb.pipeline.trials import SweepReport


@verb("sweep")
@click.argument("pipeline", shell_complete=completion.pipelines)
@click.option(
    "--sampler",
    default="grid",
    metavar="NAME",
    show_default=True,
    help="grid: every combination; random: each at most once; optuna: what its TPE expects most of.",
    shell_complete=completion.samplers,
)
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option(
    "--maximize",
    metavar="OBJECTIVE",
    help="What is good: metrics.NAME, or results.NODE, a number that a node returns.",
    shell_complete=completion.objectives,
)
@click.option(
    "--minimize", metavar="OBJECTIVE", help="The same where less is good.", shell_complete=completion.objectives
)
@click.option("--seed", type=int, metavar="N", help="Has a sampler give the same trials again.")
@click.option("--resume", is_flag=True, help="Go on with the newest sweep of the same words; --trials may differ.")
@click.option("--node", "nodes", multiple=True, help="Only this node; repeatable.", shell_complete=completion.nodes)
@click.option("--from", "from_node", help="From this node on.", shell_complete=completion.nodes)
@click.option("--to", "to_node", help="Up to this node.", shell_complete=completion.nodes)
@click.option("--bg", "beside", is_flag=True, help="In the background: the value is a job, to wait for or to stop.")
@parameters.options_read_by(choices_of)
def command(
    desk: Desk, *, pipeline: str, nodes: tuple[str, ...], beside: bool, params: dict[str, Any], **how: Any
) -> SweepReport | Job:
    """Run PIPELINE once for each of many parameters: -p n_estimators=50,100,200 -p max_depth=4,8.

    Ranges of numbers are for the samplers random and optuna: -p rate=0.1..0.9, -p rate=log:1e-4..1e-1, -p depth=2..12.
    A value that has a comma is put in quotes or brackets: -p name='"a,b",c'.
    """
    if beside:
        desk.demand_kernel("sweep --bg", "let the shell do it: tauro sweep PIPELINE &")
    session = desk.session
    what: dict[str, Any] = {"nodes": nodes or None, **how}
    if beside:
        return session.start_sweep(pipeline, params, **what, around=desk.beside())
    with desk.watching():
        return session.sweep(pipeline, params, **what)
