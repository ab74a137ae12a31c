"""``tauro init``: make the demo project."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import click

from tauro_nb.commands import project
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import Homeless
from tauro_nb.errors import UsageError


@click.command("init", cls=Homeless)
@click.argument("folder", default="churn_demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files that are there and differ.")
@click.option("--temporary", is_flag=True, help="In a notebook: in a temporary folder that goes with the kernel.")
@click.pass_obj
def command(desk: Desk, folder: Path, force: bool, temporary: bool) -> Text:
    """Make a project in FOLDER (default: churn_demo): configuration, pipelines, data and a notebook."""
    if temporary:
        if not desk.in_kernel:
            raise UsageError("--temporary is for a kernel, whose end removes the project", fix="tauro init FOLDER")
        parent = Path(tempfile.mkdtemp(prefix="tauro-"))
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        folder = parent / folder.name
    made = project.make(folder.expanduser().absolute(), force=force)
    desk.home = made.folder
    count = len(made.written)
    where = f"{folder.name}, which goes with this kernel" if temporary else str(folder)
    done = f"{count} file{'' if count == 1 else 's'} written to {where}" if count else f"{where} is already complete"
    return Text(f"✓ {done}\n  next: {_next(desk, folder)}")


def _next(desk: Desk, folder: Path) -> str:
    if desk.in_kernel:
        return "%tauro load dev"
    return f"{project.go_to(folder)}tauro run --env dev --pipeline ml_training_pipeline"
