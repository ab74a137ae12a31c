"""``tauro models``: what the registry holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tauro_nb.commands import output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry


@verb("models")
@output.options("of_models")
def command(desk: Desk) -> ModelRegistry:
    """List the models with their versions, stages and metrics."""
    return desk.session.registry
