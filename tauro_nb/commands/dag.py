"""``tauro dag``: draw a pipeline's graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import verb
from tauro_nb.errors import UsageError, nearest

if TYPE_CHECKING:
    from tauro_nb.pipeline.dag import Dag
    from tauro_nb.session import Session


@verb("dag")
@click.argument("pipeline", required=False, shell_complete=completion.pipelines)
@click.option(
    "--svg", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture to FILE."
)
def command(desk: Desk, pipeline: str | None, file: Path | None) -> Dag | Text:
    """Draw the nodes of PIPELINE (default: the one that ran last, or the only one), and how they ended here."""
    session = desk.session
    drawn = session.dag(pipeline or _only(desk, session))
    if file is None:
        return drawn
    try:
        return Text(f"✓ {drawn.save(file)}")
    except OSError as error:
        raise UsageError(f"--svg {file}: {error.strerror}", fix="name a file that can be written") from error


def _only(desk: Desk, session: Session) -> str:
    known = list(session.context.pipelines)
    if session.last_report is not None and session.last_report.pipeline in known:
        return session.last_report.pipeline
    if len(known) != 1:
        raise UsageError(
            "no pipeline is named", fix=f"{desk.cue} dag PIPELINE; {nearest('', known) or 'there are none yet'}"
        )
    return known[0]
