"""``tauro models``: what the registry holds, and how versions leave it and come into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tauro_nb.commands import completion, output
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import VerbGroup, verb

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.pruning import Pruning
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.registry.version import ModelVersion


@verb("prune")
@click.option("--yes", "-y", is_flag=True, help="Do it; else it only shows what would go.")
def prune(desk: Desk, *, yes: bool) -> Pruning:
    """Move aside the versions that are too old or too many, or show which.

    So say mlops.model_retention_days and mlops.registry.max_versions_per_model. Versions with a stage or an alias
    stay, and so does a model's newest; what was moved aside can be restored.
    """
    return desk.session.registry.prune(dry_run=not yes)


@verb("export")
@click.argument("name", shell_complete=completion.models)
@click.argument("version", type=click.IntRange(min=1), shell_complete=completion.versions)
@click.argument("path", type=click.Path())
def export(desk: Desk, name: str, version: int, path: str) -> Text:
    """Write VERSION of the model NAME to PATH: a zip file if that ends in .zip, else a folder."""
    target = desk.session.registry.export(name, version, path)
    return Text(f"✓ {name} v{version} written to {target}\n  into another registry: {desk.cue} models import {target}")


@verb("import")
@click.argument("path", type=click.Path())
@click.option("--name", help="What the model is called here; else as it was called there.")
def import_(desk: Desk, path: str, name: str | None) -> ModelVersion:
    """Register what `models export` wrote to PATH; what is here already stays as it is."""
    return desk.session.registry.import_model(path, name)


@verb("models", cls=VerbGroup, commands=[prune, export, import_])
@output.options("of_models")
def command(desk: Desk) -> ModelRegistry:
    """List the models with their versions, stages and metrics."""
    return desk.session.registry
