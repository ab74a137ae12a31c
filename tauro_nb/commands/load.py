"""``%tauro load``: load a project's environment into this kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.session import Session


@verb("load")
@click.argument("environment", required=False, shell_complete=completion.environments)
@click.option(
    "--as", "prefix", default="", metavar="PREFIX", help="Bind PREFIX_session, PREFIX_tracker, PREFIX_registry."
)
def command(desk: Desk, environment: str | None, prefix: str) -> Session:
    """Open ENVIRONMENT (default: dev) and bind `session`, `tracker` and `registry`."""
    if environment:
        desk.env = environment
    return desk.load(prefix)
