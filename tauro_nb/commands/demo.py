"""``tauro demo``: make the demo project and run it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click

from tauro_nb.commands import project
from tauro_nb.commands.desk import Desk
from tauro_nb.errors import MissingDependency, UsageError

LEARNING_RATES = (0.001, 0.01, 0.0003)
"""The digits are trained once with each, so that there is something to compare."""


@click.command("demo")
@click.argument("folder", default="churn_demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--open", "open_lab", is_flag=True, help="Then start JupyterLab on the project's notebook.")
@click.pass_obj
def command(desk: Desk, folder: Path, open_lab: bool) -> str | None:
    """Make the demo project in FOLDER (default: churn_demo) and run its pipelines; files that are there are kept."""
    if open_lab:
        _check_lab(desk)
    made = project.make(folder.expanduser().absolute(), keep=True)
    if made.written:
        desk.say(f"✓ {len(made.written)} files written to {folder}")
    desk.home = made.folder
    desk.place(env="dev", project=None)
    session = desk.session
    desk.milestone("Loading configuration...")
    for pipeline in ("ml_training_pipeline", "digits_pipeline"):
        session.validate(pipeline).raise_if_problems()
    desk.milestone("Validating pipeline...")
    with desk.watching():
        session.run("ml_training_pipeline")
        for rate in LEARNING_RATES:
            session.run("digits_pipeline", params={"learning_rate": rate})
    found = _found(folder, desk)
    if not open_lab:
        return found
    desk.say(found)
    _lab(made.notebook)
    return None


def _found(folder: Path, desk: Desk) -> str:
    place = Path(desk.session.context.settings.mlops.storage_path)
    if desk.in_kernel:
        steps = ("tracker", "%tauro compare last:3", "registry")
        return "\n  ".join(("Next: %tauro load dev, then", *steps))
    return "\n".join(
        (
            "",
            f"  runs      {folder / place / 'experiments'}      cd {folder} && tauro runs",
            f"  models    {folder / place / 'model_registry'}   cd {folder} && tauro models",
            f"  notebook  {folder / project.NOTEBOOK}   tauro demo {folder} --open",
        )
    )


def _check_lab(desk: Desk) -> None:
    if desk.in_kernel:
        raise UsageError("--open starts JupyterLab, and this already is a kernel", fix="%tauro demo")
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingDependency.of("jupyterlab", "lab", what="tauro demo --open")


def _lab(notebook: Path) -> None:
    subprocess.run([sys.executable, "-m", "jupyterlab", str(notebook)], cwd=notebook.parents[1], check=False)  # noqa: S603 - our own interpreter, on our own file
