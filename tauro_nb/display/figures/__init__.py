"""Figures to explore and keep: `plotly.graph_objects.Figure` of a run, of several runs, of a model's versions.

Each kind has a module of its own, which first turns records into plain data (tested) and then draws them. What a user
typed reaches plotly, which reads a little HTML and TeX, by `names` only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tauro_nb.display import format as fmt
from tauro_nb.display.figures import curves, evaluation, versions
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.comparison import Comparison
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.run_table import RunTable

if TYPE_CHECKING:
    import plotly.graph_objects as go

KINDS = ("curves", "scatter", "parallel", "importance")


def of_run(run: Run, key: str | Sequence[str] | None = None, *, x: str = "step", dark: bool | None = None) -> go.Figure:
    """Return the curves of a run, one panel for each quantity.

    Parameters
    ----------
    key : str or list of str, optional
        Metrics (``"train/loss"``), or quantities (``"loss"``: of all data splits). Without it: every metric that has a
        curve, or else the last values. Where it is no metric's name: ``"evaluation"`` for all charts of
        `run.log_evaluation`, or one of ``"confusion_matrix"``, ``"roc"``, ``"precision_recall"``, ``"calibration"``,
        ``"residuals"`` and ``"importance"``.
    x : {"step", "time"}
        Time is in seconds since the run started.
    dark : bool, optional
        For a dark page. Without it, dark where ``plotly.io.templates.default`` is.

    Raises
    ------
    UnknownName
    UsageError
        The run has no metrics, or no evaluation.
    """
    if isinstance(key, str) and evaluation.is_kind(run, key):
        return evaluation.draw(evaluation.pictured(run, key), title=run.name, dark=dark)
    return curves.draw(curves.pictured([run], key, x=x), title=run.name, dark=dark)


def of_runs(
    subject: RunTable | Comparison, kind: str = "curves", *args: Any, dark: bool | None = None, **options: Any
) -> go.Figure:
    """Return a figure of several runs.

    Parameters
    ----------
    kind : str
        - ``"curves"``: overlaid, one panel for each quantity; options ``key`` and ``x`` as for a run.
        - ``"scatter"``: a point for each run; options ``x``, ``y`` and ``color`` name columns (``"params.lr"``,
          ``"metrics.f1"``, or ``"f1"`` where that is clear).
        - ``"parallel"``: parallel coordinates, the metric last; options ``metric`` and ``params`` (default: those that
          differ).
        - ``"importance"``: how much each parameter matters to a metric; options as for ``"parallel"``.
    dark : bool, optional
        As for a run.

    Raises
    ------
    UnknownName
        No such kind, metric or parameter.
    UsageError
        There are too few runs for it, or they do not differ.
    MissingDependency
        ``"importance"`` without scikit-learn.
    """
    runs = list(subject.runs if isinstance(subject, Comparison) else subject)
    if kind not in KINDS:
        raise _no_kind(kind, runs)
    if not runs:
        raise UsageError("there is no figure of no runs", fix="widen the filter")
    if kind == "curves":
        return curves.draw(curves.pictured(runs, *args, **options), title=_title(runs), dark=dark)
    module = importlib.import_module(f"tauro_nb.display.figures.{kind}")
    return module.draw(module.pictured(runs, *args, **options), dark=dark)


def of_version(version: ModelVersion, key: str | Sequence[str] | None = None, *, dark: bool | None = None) -> go.Figure:
    """Return the metrics of a model over its versions, with this version marked.

    Parameters
    ----------
    key : str or list of str, optional
        Metrics or quantities, as for a run; without it, those that this version has.
    dark : bool, optional
        As for a run.

    Raises
    ------
    UnknownName
    UsageError
        The version has no metrics.
    """
    return versions.draw(versions.pictured(version, key), dark=dark)


def _title(runs: Sequence[Run]) -> str:
    return runs[0].name if len(runs) == 1 else fmt.plural(len(runs), "run")


def _no_kind(kind: str, runs: Sequence[Run]) -> UnknownName:
    if any(kind in run.metrics for run in runs):
        return UnknownName(f"no figure named {kind!r}; that is a metric", fix=f'write figure("curves", {kind!r})')
    return UnknownName.among("figure", kind, KINDS)
