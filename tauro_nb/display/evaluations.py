"""How an evaluation looks: by itself, in the page of its run, and as what plotly draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Bars, Cell, Chart, Column, Lines, Matrix, Page, Panel, Panels, Section, Series, Table
from tauro_nb.mlops.tracking.evaluation.kept import Evaluation

MOST_EVALUATIONS = 3
"""Evaluations that the page of a run shows."""

MOST_BARS = 10
DIAGONAL = ((0.0, 0.0), (1.0, 1.0))


def evaluation_page(evaluation: Evaluation) -> Page:
    """Return one evaluation: its metrics, its charts, what was left out, and of each class how well it is told."""
    summary = evaluation.summary
    about = "" if summary.positive is None else f"positive: {fmt.name(str(summary.positive))}"
    return Page(
        title=f"Evaluation {fmt.name(summary.prefix)}".strip(),
        subtitle=(
            fmt.text(summary.estimator),
            Cell(fmt.plural(summary.rows, "row")),
            Cell("weighted" if summary.weighted else ""),
            Cell(f"{summary.average} average" if summary.average else ""),
            Cell(about),
        ),
        sections=(
            fmt.tiles((name, fmt.number(float(value))) for name, value in evaluation.metrics.items()),
            *_shown(evaluation),
            *_classes(evaluation),
        ),
    )


def sections(evaluations: Sequence[Evaluation]) -> list[Section]:
    """Return what the page of a run shows of its evaluations; their metrics are among its own."""
    shown = [section for evaluation in evaluations[:MOST_EVALUATIONS] for section in _shown(evaluation)]
    left = len(evaluations) - MOST_EVALUATIONS
    if left > 0:
        shown.append(Lines(f"{fmt.plural(left, 'more evaluation')}: run.evaluations()", tone="muted"))
    return shown


def drawn(evaluations: Sequence[Evaluation]) -> list[Chart]:
    """Return the charts that the page of a run shows of its evaluations."""
    return [chart for evaluation in evaluations[:MOST_EVALUATIONS] for chart in charts(evaluation).values()]


def charts(evaluation: Evaluation) -> dict[str, Chart]:
    """Return the charts of an evaluation by the names of their tables, in the order in which they are shown."""
    before = f"{fmt.name(evaluation.summary.prefix)} · " if evaluation.summary.prefix else ""
    found: dict[str, Chart] = {}
    for table, make in _CHARTS.items():
        rows = evaluation.tables.get(table)
        if rows:
            found[table] = make(before, rows)
    return found


def _shown(evaluation: Evaluation) -> list[Section]:
    shown: list[Section] = [Panels(tuple(charts(evaluation).values()))]
    if evaluation.notes:
        shown.append(Lines(fmt.excerpt("\n".join(evaluation.notes)), tone="muted"))
    return shown


def _classes(evaluation: Evaluation) -> list[Section]:
    rows = evaluation.tables.get("classes", ())
    if not rows:
        return []
    names = ("precision", "recall", "f1", "support")
    heads = (Column("class"), *(Column(name, numeric=True) for name in names))
    shown = tuple((fmt.text(str(row["class"])), *(fmt.value(row[name]) for name in names)) for row in rows)
    return [Table(heads, shown[: fmt.MOST_ITEMS], more=max(0, len(rows) - fmt.MOST_ITEMS))]


def _roc(before: str, rows: Sequence[Mapping[str, Any]]) -> Panel:
    series = _curves(rows, "false_positive_rate", "true_positive_rate")
    return Panel(f"{before}ROC: true over false positives", series, steps=False, square=True, guide=DIAGONAL)


def _precision_recall(before: str, rows: Sequence[Mapping[str, Any]]) -> Panel:
    return Panel(f"{before}Precision over recall", _curves(rows, "recall", "precision"), steps=False, square=True)


def _calibration(before: str, rows: Sequence[Mapping[str, Any]]) -> Panel:
    series = Series("observed", _column(rows, "predicted"), _column(rows, "observed"))
    return Panel(f"{before}Calibration: observed over predicted", (series,), steps=False, square=True, guide=DIAGONAL)


def _residuals(before: str, rows: Sequence[Mapping[str, Any]]) -> Panel:
    predicted = _column(rows, "predicted")
    series = Series("actual - predicted", predicted, _column(rows, "residual"), dots=True)
    zero = ((min(predicted), 0.0), (max(predicted), 0.0))
    return Panel(f"{before}Residuals over predicted", (series,), steps=False, guide=zero)


def _confusion(before: str, rows: Sequence[Mapping[str, Any]]) -> Matrix:
    labels = dict.fromkeys(row["actual"] for row in rows)
    counts = {(row["actual"], row["predicted"]): float(row["count"]) for row in rows}
    cells = tuple(tuple(counts.get((actual, said), 0.0) for said in labels) for actual in labels)
    return Matrix(f"{before}Confusion", tuple(fmt.name(str(label)) for label in labels), cells)


def _importance(before: str, rows: Sequence[Mapping[str, Any]]) -> Bars:
    shown = [row for row in rows if row["importance"] is not None][:MOST_BARS]
    spread = [row["deviation"] for row in shown]
    return Bars(
        f"{before}Importance ({rows[0]['by']})",
        tuple(fmt.name(str(row["feature"])) for row in shown),
        tuple(float(row["importance"]) for row in shown),
        tuple(map(float, spread)) if None not in spread else (),
        more=len(rows) - len(shown),
    )


_CHARTS: dict[str, Callable[[str, Sequence[Mapping[str, Any]]], Chart]] = {
    "confusion_matrix": _confusion,
    "roc": _roc,
    "precision_recall": _precision_recall,
    "calibration": _calibration,
    "residuals": _residuals,
    "importance": _importance,
}
KINDS = tuple(_CHARTS)


def _curves(rows: Sequence[Mapping[str, Any]], along: str, up: str) -> tuple[Series, ...]:
    labels = dict.fromkeys(row["class"] for row in rows)
    own = {label: [row for row in rows if row["class"] == label] for label in labels}
    return tuple(Series(str(label), _column(kept, along), _column(kept, up)) for label, kept in own.items())


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[float, ...]:
    return tuple(float(row[name]) for row in rows)
