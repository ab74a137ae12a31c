"""``tauro history``: what happened to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion, output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    import pandas as pd


@verb("history")
@click.argument("name", shell_complete=completion.models)
@output.options("of_history")
def command(desk: Desk, name: str) -> pd.DataFrame:
    """List registrations and acts on the model NAME, oldest first."""
    return desk.session.registry.history(name)
