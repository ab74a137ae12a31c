"""The values that a shell or a kernel offers behind Tab; a broken or absent project offers nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.listing import SECTIONS
from tauro_nb.errors import TauroError

if TYPE_CHECKING:
    from tauro_nb.config.schema import NodeConfig

_NEWEST = 50
"""Runs that are looked at: Tab is not to be waited for."""

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _offer(names: Callable[[Desk], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        desk = ctx.obj
        if not isinstance(desk, Desk):
            return []
        try:
            desk.place(env=ctx.params.get("env"), project=ctx.params.get("project"))
            return sorted(name for name in names(desk) if name.startswith(incomplete))
        except (TauroError, OSError):
            return []  # Tab is no place for an error: the command itself will tell it

    return complete


def _environments(desk: Desk) -> Iterable[str]:
    from tauro_nb.config.descriptor import AppConfigManager

    return AppConfigManager(desk.project).environments


environments = _offer(_environments)


def _declared(section: str) -> Complete:
    def names(desk: Desk) -> Iterable[str]:
        found: Iterable[str] | None = None
        if desk.opened is None:  # opening a large project takes longer than a person waits for Tab
            from tauro_nb.config.names import declared

            found = declared(desk.project, desk.env, section)
        return getattr(desk.session.context, section) if found is None else found

    return _offer(names)


pipelines = _declared("pipelines")
nodes = _declared("nodes")


def _given(desk: Desk) -> Iterable[str]:
    """Give the parameters of the nodes, for all and for one, and variables that hold several.

    They are those that the nodes' own ``params`` name, and those that functions which are imported have defaults for.
    """
    nodes, defined = desk.session.context.nodes, desk.session.defined
    keys = {
        name: {*node.params, *_with_default(node, defined[name].function if name in defined else _imported(node))}
        for name, node in nodes.items()
    }
    yield from {f"{key}=" for each in keys.values() for key in each}
    yield from (f"{name}.{key}=" for name, each in keys.items() for key in each)
    yield from (f"@{name}" for name in desk.mappings())


def _imported(node: NodeConfig) -> Callable[..., Any] | None:
    """Return a node's function if its module is imported already: Tab runs no code of the project."""
    module, _, name = node.function.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    return found if callable(found) else None


def _with_default(node: NodeConfig, function: Callable[..., Any] | None) -> Iterable[str]:
    if function is None:
        return ()
    from tauro_nb.pipeline.injection import signature_of

    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):
        return ()  # written in C: it does not tell
    return (one.name for one in parameters if not one.required and one.helper is None and one.name not in node.inputs)


given = _offer(_given)


def _running(_: Desk) -> Iterable[str]:
    from tauro_nb.pipeline.jobs import jobs

    return (str(job.number) for job in jobs.running)


jobs = _offer(_running)
models = _offer(lambda desk: [model.name for model in desk.session.registry.models()])


def versions(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the versions of the model that the command has named before, newest first."""
    name = ctx.params.get("name")

    def numbers(desk: Desk) -> Iterable[str]:
        return (str(version.version) for version in desk.session.registry.versions(name)) if name else ()

    return sorted(_offer(numbers)(ctx, parameter, incomplete), key=int, reverse=True)


runs = _offer(
    lambda desk: [
        *("last:1", "last:2", "last:10"),
        *(run.run_id for run in desk.session.tracker.search_runs(max_results=_NEWEST)),
    ]
)
experiments = _offer(lambda desk: [experiment.name for experiment in desk.session.tracker.experiments()])

deleted_runs = _offer(lambda desk: [run.run_id for run in desk.session.tracker.deleted_runs()[:_NEWEST]])


def _of_newest_runs(desk: Desk) -> Iterable[str]:
    from tauro_nb.commands.listed import of_runs

    listing = of_runs(desk, desk.session.tracker.search_runs(max_results=_NEWEST))
    return (*listing.columns, *listing.more)


_of_runs = _offer(lambda desk: (*_of_newest_runs(desk), *(f"{section}.*" for section in SECTIONS)))


def _fields(desk: Desk) -> Iterable[str]:
    from tauro_nb.mlops.tracking.filters import ATTRIBUTES

    return (*ATTRIBUTES, *(name for name in _of_newest_runs(desk) if name.partition(".")[0] in SECTIONS))


fields = _offer(_fields)


def _objectives(desk: Desk) -> Iterable[str]:
    yield from (name for name in _of_newest_runs(desk) if name.startswith("metrics."))
    yield from (f"results.{name}" for name in desk.session.context.nodes)


objectives = _offer(_objectives)


def samplers(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Offer the samplers of a sweep."""
    from tauro_nb.pipeline.samplers import SAMPLERS

    return [name for name in SAMPLERS if name.startswith(incomplete)]


def columns(listed: str) -> Complete:
    """Return what offers the columns of a listing, also behind the comma of others."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        from tauro_nb.commands.listed import COLUMNS

        before, comma, word = incomplete.rpartition(",")
        fixed = COLUMNS.get(listed)
        found = [name for name in fixed if name.startswith(word)] if fixed else _of_runs(ctx, parameter, word)
        return [f"{before}{comma}{name}" for name in found]

    return complete


def stages(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Offer the stages of a model."""
    from tauro_nb.mlops.registry.records import STAGES

    return [stage for stage in (*STAGES, "none") if stage.startswith(incomplete)]
