"""``tauro demo``: make the demo project and run it."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path

import click

from tauro_nb.commands import project
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import Homeless
from tauro_nb.errors import MissingDependency, UsageError

LEARNING_RATES = (0.001, 0.01, 0.0003)
"""The digits are trained once with each, so that there is something to compare."""


@click.command("demo", cls=Homeless)
@click.argument("folder", default="churn_demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--open", "open_lab", is_flag=True, help="Then start JupyterLab on the project's notebook.")
@click.pass_obj
def command(desk: Desk, folder: Path, open_lab: bool) -> Text | None:
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


def _found(folder: Path, desk: Desk) -> Text:
    if desk.in_kernel:
        return Text("\n  ".join(("Next: %tauro load dev, then", "tracker", "%tauro compare last:3", "registry")))
    store, shown = desk.session.context.storage_dir, shlex.quote(str(folder))
    places = (
        ("runs", store / "experiments", f"{project.go_to(folder)}tauro runs"),
        ("models", store / "model_registry", f"{project.go_to(folder)}tauro models"),
        ("notebook", desk.session.context.root / project.NOTEBOOK, f"tauro demo {shown} --open"),
    )
    paths = [_short(path) for _, path, _ in places]
    width = max(map(len, paths))
    lines = [f"  {what:<9} {path:<{width}}   {call}" for (what, _, call), path in zip(places, paths, strict=True)]
    return Text("\n".join(("", *lines)))


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _check_lab(desk: Desk) -> None:
    if desk.in_kernel:
        raise UsageError("--open starts JupyterLab, and this already is a kernel", fix="%tauro demo")
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingDependency.of("jupyterlab", "lab", what="tauro demo --open")


def _lab(notebook: Path) -> None:
    folder = notebook.parents[1]
    lab = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", str(notebook)]
    subprocess.run(lab, cwd=folder, check=False)  # noqa: S603 - our own interpreter, on our own file
