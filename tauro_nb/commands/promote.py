"""``tauro promote``: move a version to a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.version import ModelVersion


@verb("promote")
@click.argument("name", shell_complete=completion.models)
@click.argument("version", type=click.IntRange(min=1), shell_complete=completion.versions)
@click.option(
    "--stage",
    default="Production",
    show_default=True,
    help="Where it goes; none takes the stage away.",
    shell_complete=completion.stages,
)
@click.option("--comment", help="Why; kept in the history.")
def command(desk: Desk, name: str, version: int, stage: str, comment: str | None) -> ModelVersion:
    """Move VERSION of the model NAME to a stage; promoting what is promoted does nothing."""
    return desk.session.registry.promote(
        name, version, stage=None if stage.lower() == "none" else stage, comment=comment
    )
