"""What all verbs share: the options that say where a command works, ``--debug``, and what a wrong word is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.errors import nearest


class Words(click.Group):
    """A group of commands; a wrong word is answered with the one that may be meant, and none with the help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; without any, show the help."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or say which one may have been meant."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise click.UsageError(f"no verb named {args[0]!r}; {nearest(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)


class Homeless(click.Command):
    """A command that needs no project; like every verb it takes ``--debug``, which the shell looks for in its words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show tracebacks.", expose_value=False))


class Verb(Homeless):
    """A command that works in a project: it takes ``--env`` and ``--project`` too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params[-1:-1] = (
            click.Option(["--env", "-e"], metavar="ENV", help="Environment.", shell_complete=completion.environments),
            click.Option(
                ["--project"],
                metavar="PATH",
                type=click.Path(),
                help="The project's folder or descriptor; else it is searched upwards from here.",
            ),
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Put the desk into its place, then run the command."""
        desk: Desk = ctx.obj
        desk.place(env=ctx.params.pop("env"), project=ctx.params.pop("project"))
        return super().invoke(ctx)


def verb(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make the decorated function the command `name`; its first argument is the `Desk`."""

    def make(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=Verb)(click.pass_obj(function))

    return make
