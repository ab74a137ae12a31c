"""``tauro model``: one model and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion, output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.version import RegisteredModel


@verb("model")
@click.argument("name", shell_complete=completion.models)
@output.options("of_versions")
def command(desk: Desk, name: str) -> RegisteredModel:
    """Show the versions of the model NAME."""
    return desk.session.registry.model(name)
