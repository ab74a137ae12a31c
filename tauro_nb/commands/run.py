"""``tauro run``: run a pipeline, or only say whether it could run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands import params as parameters
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import Verb, verb
from tauro_nb.errors import UsageError, nearest

if TYPE_CHECKING:
    from tauro_nb.pipeline.jobs import Job
    from tauro_nb.pipeline.report import PipelineReport
    from tauro_nb.pipeline.validation import ValidationReport

THREAD, PROCESS = "thread", "process"


class _Run(Verb):
    """A verb whose ``--bg`` has a value, or none: click would take any word behind it for one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words."""
        for at, word in enumerate(args):
            if word == "--bg" and args[at + 1 : at + 2] not in ([THREAD], [PROCESS]):
                args = [*args[:at], f"--bg={THREAD}", *args[at + 1 :]]
        return super().parse_args(ctx, args)


@verb("run", cls=_Run)
@click.argument("pipeline", required=False, shell_complete=completion.pipelines)
@click.option("--pipeline", "named", metavar="PIPELINE", help="The pipeline.", shell_complete=completion.pipelines)
@click.option("--validate-only", is_flag=True, help="Check everything that can be known without running.")
@click.option("--node", "nodes", multiple=True, help="Only this node; repeatable.", shell_complete=completion.nodes)
@click.option("--from", "from_node", help="From this node on.", shell_complete=completion.nodes)
@click.option("--to", "to_node", help="Up to this node.", shell_complete=completion.nodes)
@click.option(
    "--bg",
    "beside",
    type=click.Choice([THREAD, PROCESS]),
    help="In the background: the value is a job, to wait for or to stop. Alone: in a thread; "
    "=process: in a process, which can be ended at once.",
)
@parameters.options
def command(
    desk: Desk,
    *,
    pipeline: str | None,
    named: str | None,
    validate_only: bool,
    nodes: tuple[str, ...],
    from_node: str | None,
    to_node: str | None,
    beside: str | None,
    params: dict[str, Any],
) -> PipelineReport | ValidationReport | Job:
    """Run PIPELINE."""
    if beside:
        desk.demand_kernel("run --bg", "let the shell do it: tauro run PIPELINE &")
    session = desk.session
    desk.milestone("Loading configuration...")
    name = _one(pipeline, named, session.context.pipelines, desk.cue)
    what: dict[str, Any] = {"nodes": nodes or None, "from_node": from_node, "to_node": to_node, "params": params}
    checked = session.validate(name, **what)
    checked.raise_if_problems()
    desk.milestone("Validating pipeline...")
    if validate_only:
        return checked
    if beside:
        return session.start(name, **what, process=beside == PROCESS, around=desk.beside())
    with desk.watching():
        return session.run(name, **what)


def _one(argument: str | None, option: str | None, known: object, cue: str) -> str:
    if argument and option and argument != option:
        raise UsageError(f"two pipelines are named, {argument!r} and {option!r}", fix="name one")
    name = argument or option
    if not name:
        there = nearest("", list(known)) or "config/pipelines.yaml has none yet"  # type: ignore[call-overload]
        raise UsageError("no pipeline is named", fix=f"{cue} run PIPELINE; {there}")
    return name
