"""``tauro node``: run one node; what it returns is the value."""

from __future__ import annotations

from typing import Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands import params as parameters
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb


@verb("node")
@click.argument("name", shell_complete=completion.nodes)
@parameters.options
def command(desk: Desk, name: str, params: dict[str, Any]) -> Any:
    """Run the node NAME with its inputs."""
    session = desk.session
    with desk.watching():
        return session.node(name, params=params)
