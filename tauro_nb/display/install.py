"""Registers a renderer for every class that can be shown; `faces` loads this on the first question."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tauro_nb import faces
from tauro_nb.display import html, text, tier
from tauro_nb.display.data import Page

Bundle = dict[str, str]

_PAGES = {
    ("tauro_nb.config.context", "Context"): ("tauro_nb.display.project", "context_page"),
    ("tauro_nb.io.catalog", "Catalog"): ("tauro_nb.display.project", "catalog_page"),
    ("tauro_nb.mlops.monitoring.health", "HealthReport"): ("tauro_nb.display.reports", "health_page"),
    ("tauro_nb.mlops.registry.registry", "ModelRegistry"): ("tauro_nb.display.models", "registry_page"),
    ("tauro_nb.mlops.registry.version", "ModelVersion"): ("tauro_nb.display.models", "version_page"),
    ("tauro_nb.mlops.registry.version", "RegisteredModel"): ("tauro_nb.display.models", "model_page"),
    ("tauro_nb.mlops.tracking.comparison", "Comparison"): ("tauro_nb.display.runs", "comparison_page"),
    ("tauro_nb.mlops.tracking.run", "Run"): ("tauro_nb.display.runs", "run_page"),
    ("tauro_nb.mlops.tracking.run_table", "RunTable"): ("tauro_nb.display.runs", "table_page"),
    ("tauro_nb.mlops.tracking.tracker", "ExperimentTracker"): ("tauro_nb.display.runs", "tracker_page"),
    ("tauro_nb.pipeline.graph", "Plan"): ("tauro_nb.display.project", "plan_page"),
    ("tauro_nb.pipeline.report", "NodeReport"): ("tauro_nb.display.reports", "node_page"),
    ("tauro_nb.pipeline.report", "PipelineReport"): ("tauro_nb.display.reports", "pipeline_page"),
    ("tauro_nb.pipeline.validation", "ValidationReport"): ("tauro_nb.display.reports", "validation_page"),
    ("tauro_nb.session", "Session"): ("tauro_nb.display.project", "session_page"),
}
"""Class -> the function that makes its page; it is imported when an object of that class is shown."""

_done: set[tuple[str, str]] = set()


def load() -> None:
    """Register the renderers of the classes that this process has; an object that is shown is of one of them."""
    for (module, name), page in _PAGES.items():
        if (module, name) not in _done and module in sys.modules:
            _done.add((module, name))
            _register(getattr(sys.modules[module], name), *page)


def _register(kind: type, module: str, function: str) -> None:
    def page(subject: Any) -> Page:
        made: Page = getattr(importlib.import_module(module), function)(subject)
        return made

    @faces.register("page", kind)
    def _page(subject: Any) -> Page:
        return page(subject)

    @faces.register("bundle", kind)
    def _bundle(subject: Any) -> Bundle:
        return bundle(page(subject))


def bundle(page: Page) -> Bundle:
    """Return the static forms of a page by MIME type: HTML, unless the tier is ``text``, and text."""
    shown = {"text/plain": text.render(page)}
    if tier.current() != "text":
        shown["text/html"] = html.render(page)
    return shown
