"""The values that a shell or a kernel offers behind Tab; a broken or absent project offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import TauroError

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
models = _offer(lambda desk: [model.name for model in desk.session.registry.models()])
runs = _offer(
    lambda desk: ["last:1", "last:2", "last:10", *(r.run_id for r in desk.session.tracker.search_runs(max_results=50))]
)


def stages(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Offer the stages of a model."""
    from tauro_nb.mlops.registry.records import STAGES

    return [stage for stage in STAGES if stage.startswith(incomplete)]
