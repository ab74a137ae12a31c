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
        return super().parse_args(ctx, args or ([] if self.invoke_without_command else ["--help"]))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or say which one may have been meant."""
        known = self.list_commands(ctx)
        if not ctx.resilient_parsing and args and not args[0].startswith("-") and args[0] not in known:
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
        """Put the desk into its place, then run the command; of one that has commands, none but the one named."""
        place = ctx.meta.setdefault(f"{__name__}.place", {})
        for name in ("env", "project"):
            place[name] = ctx.params.pop(name) or place.get(name)
        desk: Desk = ctx.obj
        desk.place(**place)
        return None if ctx.invoked_subcommand else super().invoke(ctx)


class VerbGroup(Words, Verb):
    """A verb that has commands of its own, and does its own work where none is named."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("invoke_without_command", True)
        super().__init__(*args, **kwargs)


def verb(name: str, cls: type[Homeless] = Verb, **options: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make the decorated function the command `name`; its first argument is the `Desk`."""

    def make(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=cls, **options)(click.pass_obj(function))

    return make
