"""Registers the renderers of every class that can be shown; `faces` loads this on the first question.

The tables name classes and functions, so that what is shown decides what is imported.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from tauro_nb import faces
from tauro_nb.display import html, text, tier
from tauro_nb.display.data import Page
from tauro_nb.display.live.shown import show

Bundle = dict[str, str]

_SHOWN = "tauro_nb.faces.Shown"

_PAGES = {
    "tauro_nb.commands.bind.Bound": "project.bound_page",
    "tauro_nb.commands.standing.Standing": "standing.standing_page",
    "tauro_nb.config.context.Context": "project.context_page",
    "tauro_nb.io.catalog.Catalog": "project.catalog_page",
    "tauro_nb.mlops.mlflow.report.MirrorReport": "mirrors.mirror_page",
    "tauro_nb.mlops.monitoring.findings.HealthReport": "reports.health_page",
    "tauro_nb.mlops.moving.copied.Copied": "moving.copied_page",
    "tauro_nb.mlops.registry.comparison.VersionComparison": "versions.comparison_page",
    "tauro_nb.mlops.registry.pruning.Pruning": "versions.pruning_page",
    "tauro_nb.mlops.registry.registry.ModelRegistry": "models.registry_page",
    "tauro_nb.mlops.registry.table.VersionTable": "versions.table_page",
    "tauro_nb.mlops.registry.version.ModelVersion": "models.version_page",
    "tauro_nb.mlops.registry.version.RegisteredModel": "models.model_page",
    "tauro_nb.mlops.tracking.comparison.Comparison": "runs.comparison_page",
    "tauro_nb.mlops.tracking.deletion.Removal": "room.removal_page",
    "tauro_nb.mlops.tracking.evaluation.kept.Evaluation": "evaluations.evaluation_page",
    "tauro_nb.mlops.tracking.run.Run": "runs.run_page",
    "tauro_nb.mlops.tracking.run_table.RunTable": "runs.table_page",
    "tauro_nb.mlops.tracking.tracker.ExperimentTracker": "runs.tracker_page",
    "tauro_nb.mlops.tracking.usage.Usage": "room.usage_page",
    "tauro_nb.pipeline.dag.Dag": "project.dag_page",
    "tauro_nb.pipeline.graph.Plan": "project.plan_page",
    "tauro_nb.pipeline.jobs.Job": "jobs.job_page",
    "tauro_nb.pipeline.report.NodeReport": "reports.node_page",
    "tauro_nb.pipeline.report.PipelineReport": "reports.pipeline_page",
    "tauro_nb.pipeline.trials.SweepReport": "sweeps.sweep_page",
    "tauro_nb.pipeline.validation.ValidationReport": "reports.validation_page",
    "tauro_nb.session.Session": "project.session_page",
}
"""Class -> the function of this package that makes its page."""

_FIGURES = {
    "tauro_nb.mlops.registry.version.ModelVersion": "figures.of_version",
    "tauro_nb.mlops.tracking.comparison.Comparison": "figures.of_runs",
    "tauro_nb.mlops.tracking.run.Run": "figures.of_run",
    "tauro_nb.mlops.tracking.run_table.RunTable": "figures.of_runs",
}
"""Class -> the function of this package that makes its plotly figure."""


@functools.cache
def load() -> None:
    """Register the renderers, once."""
    for kind, function in _PAGES.items():
        faces.register("page", kind, _later(function))
    for kind, function in _FIGURES.items():
        faces.register("figure", kind, _later(function))
    faces.register("svg", "tauro_nb.pipeline.dag.Dag", _later("project.dag_svg"))
    faces.register("bundle", _SHOWN, _bundle)
    faces.register("display", _SHOWN, _display)


def _later(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(".")

    def renderer(subject: Any, *args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(f"tauro_nb.display.{module}"), name)(subject, *args, **options)

    return renderer


def _bundle(subject: Any) -> Bundle:
    """Return the static forms by MIME type."""
    return bundle_of(faces.answer("page", subject))


def bundle_of(page: Page) -> Bundle:
    """Return a page by MIME type: text, and HTML unless the tier is ``text``."""
    shown = {"text/plain": text.render(page)}
    if tier.current() != "text":
        shown["text/html"] = html.render(page)
    return shown


def _display(subject: Any) -> None:
    """Show the object live where it can be, else leave it to its bundle."""
    show(subject, lambda: _bundle(subject))
