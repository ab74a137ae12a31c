"""``%tauro bind``: what a node would be called with, as variables of the notebook."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from tauro_nb.commands import completion
from tauro_nb.commands import params as parameters
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb
from tauro_nb.faces import Shown


class Variable(msgspec.Struct, frozen=True):
    """One name that was bound."""

    name: str
    kind: str
    """The type of its value."""
    size: str
    """How much it holds, where that can be said: ``5,000 × 12``, ``3 items``."""
    dataset: str | None
    """None of a helper or a parameter."""


class Bound(Shown, msgspec.Struct, frozen=True):
    """What `bind` put into variables; it holds no values, so that they can go when the variables do."""

    node: str
    variables: tuple[Variable, ...]

    def __repr__(self) -> str:
        return f"<{self.node!r} bound: {', '.join(one.name for one in self.variables) or 'nothing'}>"


@verb("bind")
@click.argument("node", shell_complete=completion.nodes)
@click.option("--as", "prefix", default="", metavar="PREFIX", help="Bind PREFIX_rows instead of rows, and so on.")
@parameters.options
def command(desk: Desk, *, node: str, prefix: str, params: dict[str, Any]) -> Bound:
    """Put what NODE would be called with into variables that are named as its parameters.

    Nodes before it whose results are neither in files nor in memory are run. A Run is started with the node, and is not
    bound.
    """
    desk.demand_kernel("bind", "tauro node NODE")
    session = desk.session
    with desk.watching():
        values = session.inputs(node, params)
    bind(desk, values, prefix, f"bind {shlex.quote(node)}")
    start = f"{prefix}_" if prefix else ""
    return Bound(
        node,
        tuple(
            Variable(f"{start}{name}", type(value).__name__, _size(value), values.datasets.get(name))
            for name, value in values.items()
        ),
    )


def bind(desk: Desk, values: Mapping[str, Any], prefix: str, command: str) -> None:
    """Bind values under their names; all of them, or none where one would hide an object of the person's."""
    start = f"{prefix}_" if prefix else ""
    desk.bind(
        {f"{start}{name}": value for name, value in values.items()},
        otherwise=f"{desk.cue} {command} --as PREFIX binds "
        + " and ".join(f"PREFIX_{name}" for name in list(values)[:3])
        + (" and so on" if len(values) > 3 else ""),
    )


def _size(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and all(isinstance(extent, int) for extent in shape):
        return " × ".join(f"{extent:,}" for extent in shape)
    if isinstance(value, list | tuple | set | Mapping):
        return f"{len(value):,} item{'' if len(value) == 1 else 's'}"
    return str(value) if isinstance(value, int | float | bool | str) or value is None else ""
