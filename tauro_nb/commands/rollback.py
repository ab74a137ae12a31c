"""``tauro rollback``: return Production to the version before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.version import ModelVersion


@verb("rollback")
@click.argument("name", shell_complete=completion.models)
@click.option("--expect", type=click.IntRange(min=1), help="Refuse unless this version is in Production now.")
@click.option("--comment", help="Why; kept in the history.")
def command(desk: Desk, name: str, expect: int | None, comment: str | None) -> ModelVersion:
    """Return Production of the model NAME to the version that was there before."""
    return desk.session.registry.rollback(name, expect=expect, comment=comment)
