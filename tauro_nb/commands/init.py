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
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files that are there and differ.")
@click.option("--temporary", is_flag=True, help="In a notebook: in a temporary folder that goes with the kernel.")
@click.option("--from-session", is_flag=True, help="In a notebook: with the nodes that it defines, here or in FOLDER.")
@click.pass_obj
def command(desk: Desk, *, folder: Path | None, force: bool, temporary: bool, from_session: bool) -> Text:
    """Make a project in FOLDER (default: churn_demo): configuration, pipelines, data and a notebook."""
    files = None
    if from_session:
        from tauro_nb.commands.session_files import files_of

        desk.demand_kernel("init --from-session", "tauro init FOLDER")
        desk.place(env=None, project=None)
        files = files_of(desk.session_anyway())
    folder = folder or Path("." if from_session else "churn_demo")
    if temporary:
        if not desk.in_kernel:
            raise UsageError("--temporary is for a kernel, whose end removes the project", fix="tauro init FOLDER")
        parent = Path(tempfile.mkdtemp(prefix="tauro-"))
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        folder = parent / (folder.name or "project")
    made = project.make(folder.expanduser().absolute(), force=force, files=files)
    desk.home = made.folder
    count = len(made.written)
    where = f"{folder.name}, which goes with this kernel" if temporary else str(folder)
    done = f"{count} file{'' if count == 1 else 's'} written to {where}" if count else f"{where} is already complete"
    return Text(f"✓ {done}\n  next: {_next(desk, folder)}")


def _next(desk: Desk, folder: Path) -> str:
    if desk.in_kernel:
        return "%tauro load dev"
    return f"{project.go_to(folder)}tauro run --env dev --pipeline ml_training_pipeline"
