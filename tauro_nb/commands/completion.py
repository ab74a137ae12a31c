"""The values that a shell or a kernel offers behind Tab; a broken or absent project offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.listing import SECTIONS
from tauro_nb.errors import TauroError

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
pipelines = _offer(lambda desk: desk.session.context.pipelines)
nodes = _offer(lambda desk: desk.session.context.nodes)


def _given(desk: Desk) -> Iterable[str]:
    """Give the parameters that the nodes' own ``params`` name, for all and for one, and variables that hold several."""
    nodes = desk.session.context.nodes
    keys = {key for node in nodes.values() for key in node.params}
    yield from (f"{key}=" for key in keys)
    yield from (f"{name}.{key}=" for name, node in nodes.items() for key in node.params)
    yield from (f"@{name}" for name in desk.mappings())


given = _offer(_given)


def _running(_: Desk) -> Iterable[str]:
    from tauro_nb.pipeline.jobs import jobs

    return (str(job.number) for job in jobs.running)


jobs = _offer(_running)
models = _offer(lambda desk: [model.name for model in desk.session.registry.models()])
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
