"""Runs side by side in a live view: one picture at a time, chosen above it, and the tables of what differs below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tauro_nb.display import format as fmt
from tauro_nb.display.figures import columns
from tauro_nb.display.live import figure
from tauro_nb.display.live.decimate import columns as stacked
from tauro_nb.display.live.decimate import thin
from tauro_nb.display.live.explorer import Block
from tauro_nb.display.live.feed import spelled
from tauro_nb.display.live.grid import Grid, GridColumn, short
from tauro_nb.display.palette import series_colour, series_dash
from tauro_nb.display.runs import common_first, labels
from tauro_nb.errors import TauroError, UsageError
from tauro_nb.mlops.tracking.comparison import Comparison, Curve
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_COMPARED = 1_000
"""Runs of a scatter, of parallel coordinates and of importance."""
MOST_SIDE_BY_SIDE = 24
"""Runs whose curves are drawn, and that are columns of the tables."""
MOST_CURVES = 150
CURVE_POINTS = 2_800
"""All curves of a comparison together: 24 bytes each, 67 kB."""
CHART_POINTS = 2_000
"""The curves of one chart."""
MOST_OFFERED = 60
"""Columns that can be chosen."""
MOST_AXES = 12
PARALLEL_NUMBERS = 8_000
"""All axes of parallel coordinates together: about 6 bytes each."""
LONGEST_NAME = 24

NOTHING = "none"


class Seen(msgspec.Struct, frozen=True):
    """What figures need of a run, read once."""

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


class Looks:
    """How somebody looks at a comparison: which picture, and of which columns; it outlasts the runs.

    Not safe to share between threads.
    """

    VIEWS = ("Curves", "Scatter", "Parallel", "Importance")

    def __init__(self) -> None:
        self._view = self.VIEWS[0]
        self._chosen: dict[str, str] = {}
        """Choice -> full name of a column (``params.lr``)."""
        self._offered: dict[str, list[str]] = {}

    def turned(self, name: str, value: str) -> None:
        """Take a choice: of the options that were offered last, the one of this number.

        Raises
        ------
        UsageError
        """
        offered = self._offered.get(name, [])
        if not value.isdecimal() or int(value) >= len(offered):
            raise UsageError(f"there is no such choice of {name}", fix="refresh the view")
        if name == "view":
            self._view = offered[int(value)]
        else:
            self._chosen[name] = offered[int(value)]

    def blocks(self, comparison: Comparison) -> list[Block]:
        """Return the picture, the parameters (what differs first) and the metrics."""
        runs = comparison.runs
        if not runs:
            return [{"kind": "text", "id": "nothing", "text": "no runs to compare: %tauro compare last:2"}]
        side = comparison if len(runs) <= MOST_SIDE_BY_SIDE else Comparison(runs[:MOST_SIDE_BY_SIDE])
        names = labels(runs, marks(runs))
        self._offered = {"view": list(self.VIEWS)}
        if len(runs) == 1:
            picture: list[Block] = curve_blocks(side, names, title=names[0])
        elif self._view == "Curves":
            picture = [*curve_blocks(side, names), *_left_out("curves and tables", len(runs))]
        else:
            picture = [*self._figure(runs[:MOST_COMPARED], names[:MOST_COMPARED]), *_left_out("tables", len(runs))]
        head = [] if len(runs) == 1 else [self._choices(f"Comparison of {len(runs):,} runs")]
        return [*head, *picture, *tables(side, names)]

    def _choices(self, title: str) -> Block:
        items = []
        for name, offered in self._offered.items():
            chosen = self._view if name == "view" else self._chosen.get(name)
            items.append(
                {
                    "name": name,
                    "form": "tabs" if name == "view" else "select",
                    "value": offered.index(chosen) if chosen in offered else 0,
                    "options": [_option(each) for each in offered],
                }
            )
        return {"kind": "choices", "id": "looks", "title": title, "items": items}

    def _figure(self, runs: Sequence[Run], names: Sequence[str]) -> list[Block]:
        seen = [Seen(run.name, run.params, run.metrics) for run in runs]
        draw: Callable[[Sequence[Seen], Sequence[str]], go.Figure] = {
            "Scatter": self._scatter,
            "Parallel": self._parallel,
            "Importance": self._importance,
        }[self._view]
        try:
            drawn = draw(seen, names)
        except TauroError as error:
            return [{"kind": "text", "id": "picture", "text": "\n".join((error.message, error.fix or ""))}]
        return [figure.block("picture", drawn)]

    def _scatter(self, runs: Sequence[Seen], names: Sequence[str]) -> go.Figure:
        from tauro_nb.display.figures import scatter

        metrics = [f"metrics.{name}" for name in common_first(run.metrics for run in runs)]
        given = [each.name for each in columns.params(runs, None)]
        offered = [*metrics[:MOST_OFFERED], *given[:MOST_OFFERED]]
        self._offered |= {"x": offered, "y": offered, "color": [NOTHING, *offered]}
        data = scatter.placed(
            runs,
            [short(name, LONGEST_NAME) for name in names],
            self._named("x"),
            self._named("y"),
            self._named("color"),
        )
        self._chosen |= {"x": data.x.name, "y": data.y.name}
        return scatter.draw(data)

    def _parallel(self, runs: Sequence[Seen], names: Sequence[str]) -> go.Figure:
        from tauro_nb.display.figures import parallel

        metric = self._metric(runs)
        n_axes = min(MOST_AXES, len(columns.params(runs, None)) + 1)
        drawn = runs[: PARALLEL_NUMBERS // n_axes]
        _, _, given = parallel.measured(drawn, metric, None)
        return parallel.draw(parallel.pictured(drawn, metric, [each.name for each in given[: MOST_AXES - 1]]))

    def _importance(self, runs: Sequence[Seen], names: Sequence[str]) -> go.Figure:
        from tauro_nb.display.figures import importance

        return importance.draw(importance.pictured(runs, self._metric(runs)))

    def _metric(self, runs: Sequence[Seen]) -> str | None:
        known = [f"metrics.{name}" for name in common_first(run.metrics for run in runs)][:MOST_OFFERED]
        self._offered["metric"] = known
        return self._named("metric") or (known[0] if known else None)

    def _named(self, choice: str) -> str | None:
        """Return the column that is chosen, if it is still there."""
        name = self._chosen.get(choice)
        return name if name in self._offered[choice] and name != NOTHING else None


def marks(runs: Sequence[Run]) -> list[str]:
    """Return the end of each run's id, as short as tells those apart that share a name; empty for a name of its own."""
    counts = Counter(run.name for run in runs)
    shared = [run.run_id for run in runs if counts[run.name] > 1]
    length = next((most for most in (4, 6, 8) if len({run_id[-most:] for run_id in shared}) == len(shared)), 0)
    return [run.run_id[-length:] if counts[run.name] > 1 else "" for run in runs]


def curve_blocks(comparison: Comparison, names: Sequence[str], *, title: str = "") -> list[Block]:
    """Return the overlaid curves: a chart for each metric, a colour for each run."""
    found = [curve for curve in comparison.curves() if len(curve.values) > 1]
    drawn = found[:MOST_CURVES]
    if not drawn:
        none = "no metric has a curve: run.log_metric(name, value) for each step draws one"
        return [{"kind": "text", "id": "picture", "text": none}]
    blocks: list[Block] = [{"kind": "curves", "id": "picture", "title": title, **_curves(comparison, names, drawn)}]
    if len(found) > len(drawn):
        left = len({curve.key for curve in found}) - len({curve.key for curve in drawn})
        blocks.append({"kind": "text", "id": "left", "text": f"{left} more metrics: compare fewer runs to see them"})
    return blocks


def tables(comparison: Comparison, names: Sequence[str]) -> list[Block]:
    """Return the parameters and the metrics, a column for each run; of two runs also how the metrics changed."""
    alone = len(comparison) == 1
    heads = tuple(
        GridColumn(key=run.run_id, label=short(name, LONGEST_NAME), kind="number")
        for run, name in zip(comparison.runs, names, strict=False)
    )
    differ = [row for row in comparison.params if row.differs]
    given = differ or comparison.params
    what = "Parameters" if alone else "Parameters that differ" if differ else "Parameters, the same in all"
    metrics = [(row.name, row.name, *row.values) for row in comparison.metrics]
    pair = len(comparison) == 2
    if pair:
        metrics = [(*row, _change(*row[2:])) for row in metrics]
    name = GridColumn(key="name", label=" ")
    change = (GridColumn(key="change", kind="change"),) if pair else ()
    return [
        Grid(
            id="params",
            title=what,
            columns=(name, *heads),
            rows=[(row.name, row.name, *row.values) for row in given],
            name="name",
            empty="no parameters: run.log_param(name, value)",
        ),
        Grid(
            id="metrics",
            title="Metrics",
            columns=(name, *heads, *change),
            rows=metrics,
            name="name",
            empty="no metrics: run.log_metric(name, value)",
        ),
    ]


def _change(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first


def _left_out(what: str, count: int) -> list[Block]:
    if count <= MOST_SIDE_BY_SIDE:
        return []
    text = f"{what} are of the first {MOST_SIDE_BY_SIDE} of {fmt.plural(count, 'run')}"
    return [{"kind": "text", "id": "first", "text": text}]


def _option(name: str) -> str:
    """Return a column as it is offered: a parameter says that it is one."""
    section, _, key = name.partition(".")
    shown = short(key, 40) if key else name
    return f"{shown} (parameter)" if section == "params" and key else shown


def _curves(comparison: Comparison, names: Sequence[str], drawn: Sequence[Curve]) -> dict[str, Any]:
    """Return the curves as the page takes them: one group for each metric, one colour for each run."""
    at = {run.run_id: index for index, run in enumerate(comparison.runs)}
    in_chart = Counter(curve.key for curve in drawn)
    lines, points, buffers = [], [], []
    for number, curve in enumerate(drawn):
        run = comparison.runs[at[curve.run_id]]
        limit = max(16, min(CURVE_POINTS // len(drawn), CHART_POINTS // in_chart[curve.key]))
        seconds = (np.asarray(curve.at_ns) - run.started_at_ns) / 1e9
        table = thin(stacked(curve.steps, seconds, curve.values), limit)
        index = at[curve.run_id]
        look = {"colour": series_colour(index), "dash": series_dash(index)}
        label = short(names[index], LONGEST_NAME)
        lines.append({"id": number, "key": curve.key, "group": curve.key, "label": label, **look})
        finite = curve.values[np.isfinite(curve.values)]
        points.append(
            {
                "id": number,
                "offset": 0,
                "count": len(curve.values),
                "last": spelled(float(curve.values[-1])),
                "min": float(finite.min()) if len(finite) else "NaN",
                "max": float(finite.max()) if len(finite) else "NaN",
            }
        )
        buffers += [np.ascontiguousarray(row).tobytes() for row in table]
    return {"lines": lines, "points": points, "buffers": buffers}
