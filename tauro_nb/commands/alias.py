"""``tauro alias``: let a name mean a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.version import ModelVersion


@verb("alias")
@click.argument("name", shell_complete=completion.models)
@click.argument("version", type=click.IntRange(min=1), shell_complete=completion.versions)
@click.argument("alias")
@click.option("--delete", is_flag=True, help="Take the alias from this version.")
@click.option("--comment", help="Why; kept in the history.")
def command(desk: Desk, name: str, version: int, alias: str, *, delete: bool, comment: str | None) -> ModelVersion:
    """Let ALIAS mean VERSION of the model NAME, and no other; saying it again does nothing.

    NAME@ALIAS then stands for that version wherever a model is loaded.
    """
    from tauro_nb.mlops.registry.names import composed

    registry = desk.session.registry
    if not delete:
        return registry.set_alias(name, version, alias=alias, comment=comment)
    if composed(alias) in registry.get(name, version).aliases:
        registry.delete_alias(name, alias, comment=comment)
    return registry.get(name, version)
