"""``%tauro debug``: look into the frames of a node that failed, any time later."""

from __future__ import annotations

import shlex

import click

from tauro_nb.commands.bind import bind
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb
from tauro_nb.errors import UsageError
from tauro_nb.pipeline.frames import arguments, user_traceback


@verb("debug")
@click.option("--as", "prefix", default="", metavar="PREFIX", help="Bind PREFIX_rows instead of rows, and so on.")
def command(desk: Desk, prefix: str) -> None:
    """Open the debugger where the last execution failed.

    What the node was called with is bound too, as `bind` does, and stays when the debugger is left.
    """
    desk.demand_kernel("debug", "tauro run PIPELINE --debug")
    report = desk.session.last_report
    failed = [] if report is None else [node for node in report.nodes.values() if node.traceback is not None]
    away = next((node for node in report.nodes.values() if node.error is not None), None) if report else None
    if not failed and away is not None:
        raise UsageError(
            f"node {away.name!r} failed in a process of its own, and its frames with it",
            fix=f"let it fail here: {desk.cue} node {shlex.quote(away.name)}",
        )
    if not failed:
        raise UsageError("nothing has failed in this session", fix="run a pipeline; debug is for when it fails")
    node = failed[0]
    frames = user_traceback(node.traceback)
    if frames is None:
        raise UsageError(
            f"node {node.name!r} failed in no code of yours: {type(node.error).__name__}: {node.error}",
            fix="what its function returned, if it did, is in session.last_report.results",
        )
    try:
        bind(desk, arguments(frames), prefix, "debug")
    except UsageError as taken:
        desk.say("\n".join(taken.lines()))
    desk.say(f"{type(node.error).__name__} in node {node.name!r}; p NAME prints, u goes up, q leaves")
    desk.debug(frames)
