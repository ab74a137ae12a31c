"""The verbs of `tauro`, one module each; shell and magic are two faces of this one list.

A verb is a small click command that takes a `Desk` and returns an object: the shell prints it as text, a notebook
displays it, a button calls it. A verb's module is imported when the verb is used.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands.verb import Words
from tauro_nb.errors import UsageError, nearest

if TYPE_CHECKING:
    from tauro_nb.commands.desk import Desk

SUMMARIES = {
    "init": "Make the demo project.",
    "demo": "Make the demo project and run it.",
    "load": "Load a project's environment into this kernel.",
    "run": "Run a pipeline, or validate it.",
    "sweep": "Run a pipeline once for each of many parameters.",
    "node": "Run one node; its result is the value.",
    "dag": "Draw a pipeline's graph.",
    "bind": "Put what a node is called with into variables.",
    "define": "Let a cell's function stand in for a node.",
    "retry": "Go on with a pipeline that did not finish.",
    "debug": "Open the debugger where the last execution failed.",
    "jobs": "List what runs in the background.",
    "stop": "Ask a job to stop.",
    "reload": "Read the project's modules and files anew.",
    "runs": "List and search runs.",
    "show": "Show one run.",
    "compare": "Compare runs.",
    "delete": "Put runs aside.",
    "restore": "Bring deleted runs back.",
    "models": "List the registry's models; prune, export, import.",
    "model": "Show one model's versions.",
    "promote": "Move a version to a stage.",
    "rollback": "Return Production to the version before.",
    "alias": "Let a name mean a version.",
    "history": "What happened to a model.",
    "health": "Check the project's storage.",
    "doctor": "Look for what is wrong, and clean it up.",
    "store": "What the storage holds: usage, gc; copies of it: push, pull.",
    "mlflow": "The copy on an MLflow server: status, diff, sync; import from one.",
    "schema": "Print the schema of a file, to paste into input.yaml.",
}
"""The verbs, in the order of the work, and what each is for."""


class Verbs(Words):
    """A group whose commands are imported one by one, when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the work."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in SUMMARIES:
            return None
        command: click.Command = importlib.import_module(f"tauro_nb.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing one."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.pass_context
def _alone(ctx: click.Context) -> Any:
    """Tell where one stands, where no verb is given."""
    if ctx.invoked_subcommand is not None:
        return None
    from tauro_nb.commands.standing import standing

    ctx.obj.place(env=None, project=None)
    return standing(ctx.obj)


verbs = Verbs(
    "tauro",
    callback=_alone,
    invoke_without_command=True,
    help="Pipelines, experiments and models, in a shell and in a notebook.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(package_name="tauro-nb", message="%(package)s %(version)s")(verbs)


def perform(words: Sequence[str], desk: Desk) -> Any:
    """Run one command at `desk` and return what it returns; None where it only said something, as ``--help`` does.

    Raises
    ------
    UsageError
        The words are no command.
    KeyboardInterrupt
        The person broke off at a question.
    """
    try:
        with verbs.make_context(desk.cue, list(words), obj=desk) as context:
            return verbs.invoke(context)
    except click.exceptions.Exit:
        return None
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        raise _usage(error, words, desk) from None


def _usage(error: click.ClickException, words: Sequence[str], desk: Desk) -> UsageError:
    context = getattr(error, "ctx", None)
    command = " ".join((desk.cue, *(word for word in words[:1] if word in SUMMARIES)))
    if context is not None:
        command = context.command_path
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        meant = nearest(error.option_name, error.possibilities)
        return UsageError(f"{command}: no option named {error.option_name!r}", fix=meant)
    message, _, mend = error.format_message().partition("; ")
    asked = getattr(error, "param", None)
    wrong = re.search(r"'([^']*)' is not one of ", message)
    if asked is not None and isinstance(asked.type, click.Choice) and wrong is not None:
        mend = nearest(wrong[1], map(str, asked.type.choices)) or ""
    return UsageError(f"{command}: {message}", fix=mend or f"see {command} --help")
