"""What a run was evaluated to, as one figure: a panel for each chart that its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tauro_nb.display.charts import CLASS_CHARS, FEATURE_CHARS, ground
from tauro_nb.display.data import Bars, Chart, Matrix, Panel
from tauro_nb.display.evaluations import KINDS, charts
from tauro_nb.display.figures.names import plain
from tauro_nb.display.figures.panels import DASHES, titled
from tauro_nb.display.figures.templates import template
from tauro_nb.display.format import short_number
from tauro_nb.display.palette import GREY, SERIES, series_colour
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import plotly.graph_objects as go

ALL = "evaluation"
ROW_PX = 330


def is_kind(run: Run, key: str) -> bool:
    """Whether `key` asks for a chart of evaluations; a metric of that name comes first."""
    return key in (ALL, *KINDS) and key not in run.metrics


def pictured(run: Run, kind: str) -> list[Chart]:
    """Return the charts of this kind, or with ``"evaluation"`` all, of every evaluation of the run.

    Raises
    ------
    UnknownName
        Its evaluations have no such chart.
    UsageError
        It has no evaluation.
    """
    evaluations = run.evaluations()
    if not evaluations:
        raise UsageError("the run has no evaluation", fix="log one: run.log_evaluation(model, X, y)")
    found = [(name, chart) for evaluation in evaluations for name, chart in charts(evaluation).items()]
    if kind == ALL:
        return [chart for _, chart in found]
    shown = [chart for name, chart in found if name == kind]
    if not shown:
        raise UnknownName.among("chart", kind, [ALL, *(name for name, _ in found)])
    return shown


def draw(shown: Sequence[Chart], *, title: str, dark: bool | None = None) -> go.Figure:
    """Draw the charts, two in a row."""
    from plotly.subplots import make_subplots

    across = min(2, len(shown))
    rows = -(-len(shown) // across)
    figure = make_subplots(
        rows=rows,
        cols=across,
        subplot_titles=[f"<b>{plain(chart.title)}</b>" for chart in shown],
        horizontal_spacing=0.2,
        vertical_spacing=80 / (rows * ROW_PX) if rows > 1 else 0,
    )
    for at, chart in enumerate(shown):
        place = {"row": at // across + 1, "col": at % across + 1}
        match chart:
            case Panel():
                _add_panel(figure, chart, place)
            case Matrix():
                _add_matrix(figure, chart, place)
            case Bars():
                _add_bars(figure, chart, place)
    figure.update_layout(
        template=template(dark),
        title=titled(title),
        height=rows * ROW_PX + 90,
        margin={"t": 82},
        showlegend=False,
    )
    return figure


def _add_panel(figure: go.Figure, panel: Panel, place: dict[str, int]) -> None:
    import plotly.graph_objects as go

    if panel.guide:
        x, y = zip(*panel.guide, strict=True)
        line = {"color": GREY, "width": 1, "dash": "dash"}
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip"), **place)
    for index, series in enumerate(panel.series):
        figure.add_trace(
            go.Scatter(
                x=series.x,
                y=series.y,
                mode="markers" if series.dots else "lines",
                line={"color": series_colour(index), "width": 1.8, "dash": DASHES[index // len(SERIES) % len(DASHES)]},
                marker={"color": series_colour(index), "size": 5, "opacity": 0.6},
                hovertemplate=f"{plain(series.name)}<br>%{{y:.4~g}} at %{{x:.4~g}}<extra></extra>",
            ),
            **place,
        )
    if panel.square:
        figure.update_xaxes(range=[0, 1], **place)
        figure.update_yaxes(range=[0, 1.02], **place)


def _add_matrix(figure: go.Figure, matrix: Matrix, place: dict[str, int]) -> None:
    import plotly.graph_objects as go

    counts = np.array(matrix.cells)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    places = list(range(len(matrix.names)))
    figure.add_trace(
        go.Heatmap(
            z=shares,
            text=[[short_number(int(n) if n.is_integer() else n) for n in row] for row in counts.tolist()],
            zmin=0,
            zmax=1,
            colorscale=[[0, ground(0)], [1, ground(1)]],
            showscale=False,
            xgap=1,
            ygap=1,
            texttemplate="%{text}",
            hovertemplate="%{text} of actual %{y} predicted %{x} (%{z:.1%})<extra></extra>",
        ),
        **place,
    )
    ticks: dict[str, Any] = {"tickvals": places, "ticktext": [plain(name, CLASS_CHARS) for name in matrix.names]}
    figure.update_xaxes(title_text="predicted", **ticks, **place)
    figure.update_yaxes(title_text="actual", autorange="reversed", showgrid=False, **ticks, **place)


def _add_bars(figure: go.Figure, bars: Bars, place: dict[str, int]) -> None:
    import plotly.graph_objects as go

    places = list(range(len(bars.names)))
    error = {"array": bars.deviations, "thickness": 1, "width": 3, "color": GREY} if bars.deviations else None
    figure.add_trace(
        go.Bar(
            x=bars.values,
            y=places,
            orientation="h",
            marker={"color": series_colour(0)},
            error_x=error,
            hovertemplate="%{x:.4~g}<extra></extra>",
        ),
        **place,
    )
    figure.update_yaxes(
        tickvals=places,
        ticktext=[plain(name, FEATURE_CHARS) for name in bars.names],
        autorange="reversed",
        showgrid=False,
        **place,
    )
