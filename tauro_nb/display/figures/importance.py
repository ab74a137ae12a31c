"""How much each parameter matters to a metric: by what a random forest loses when the parameter is shuffled.

The forest is a stand-in for training: it learns to tell the metric from the parameters (the idea of Hutter, Hoos and
Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014). Importance is that of
permutation (Breiman, "Random Forests", 2001), measured on runs that the forest has not seen, by cross-validation: so a
parameter that does nothing comes out at about 0, and the share that the forest explains at all tells how far to
believe the rest. It is about the runs that were made, not about all that could be, and says nothing of causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.display import format as fmt
from tauro_nb.display.figures.names import plain
from tauro_nb.display.figures.panels import titled
from tauro_nb.display.figures.parallel import measured
from tauro_nb.display.figures.templates import template
from tauro_nb.display.palette import series_colour
from tauro_nb.display.runs import Measured
from tauro_nb.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

FEWEST_RUNS = 10
MOST_RUNS = 1_000
FOLDS = 5
REPEATS = 5


class Importance(msgspec.Struct, frozen=True):
    """What is drawn, the most important first."""

    metric: str
    params: tuple[str, ...]
    shares: tuple[float, ...]
    """By how much the squared error of unseen runs rises when the parameter is shuffled, in variances of the metric."""
    errors: tuple[float, ...]
    """Standard error of the share, over the folds."""
    explained: float
    """Share of the metric's variance that the forest explains in unseen runs (R²); at most 1, may be negative."""
    n_runs: int
    """Of these the first `MOST_RUNS` were looked at."""


def pictured(runs: Sequence[Measured], metric: str | None = None, params: Iterable[str] | None = None) -> Importance:
    """Measure the importance of the parameters in the first runs that have the metric; the same runs give the same.

    Raises
    ------
    MissingDependency
        scikit-learn is not installed.
    UsageError
        There are fewer than `FEWEST_RUNS`, or the metric is the same in all.
    """
    kept, target, given = measured(runs, metric, params)
    if len(kept) < FEWEST_RUNS:
        raise UsageError(
            f"importance needs at least {FEWEST_RUNS} runs with {target.name}, and there {_are(len(kept))}",
            fix='make more runs, or look at figure("parallel")',
        )
    table, values = np.column_stack([each.values for each in given])[:MOST_RUNS], target.values[:MOST_RUNS]
    if np.ptp(values) == 0:
        raise UsageError(f"{target.name} is the same in all {len(values)} runs", fix="name another metric")
    shares, explained = _shuffled(table, values)
    mean, error = shares.mean(axis=0), shares.std(axis=0) / FOLDS**0.5
    order = sorted(range(len(given)), key=lambda at: (-mean[at], given[at].label))
    return Importance(
        target.label,
        tuple(given[at].label for at in order),
        tuple(float(mean[at]) for at in order),
        tuple(float(error[at]) for at in order),
        explained,
        len(kept),
    )


def draw(data: Importance, *, dark: bool | None = None) -> go.Figure:
    """Draw a bar for each parameter, with its error."""
    import plotly.graph_objects as go

    places = list(range(len(data.params)))
    bars = go.Bar(
        x=data.shares,
        y=places,
        orientation="h",
        marker={"color": series_colour(0)},
        error_x={"array": data.errors, "thickness": 1, "width": 3, "color": "#7f7f7f"},
        hovertemplate="%{x:.3f} ± %{error_x.array:.3f}<extra></extra>",
    )
    looked_at = fmt.plural(data.n_runs, "run")
    if data.n_runs > MOST_RUNS:
        looked_at = f"the first {MOST_RUNS:,} of {looked_at}"
    share = max(0.0, data.explained)
    weak = ": too little to go by" if share < 0.2 else ""
    figure = go.Figure(bars)
    figure.update_layout(
        template=template(dark),
        title=titled(
            f"What matters to {data.metric}",
            f"{looked_at}; a random forest explains {share:.0%} of the variance{weak}",
        ),
        height=150 + 28 * len(places),
        bargap=0.4,
        xaxis={"title": {"text": "rise of the squared error when shuffled, in variances"}, "showgrid": True},
        yaxis={
            "tickvals": places,
            "ticktext": [plain(name, 30) for name in data.params],
            "autorange": "reversed",
            "showgrid": False,
        },
    )
    return figure


def _shuffled(table: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the share of each column, shape (folds, n_columns), and what is explained of unseen rows."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.model_selection import KFold
    except ImportError as error:
        raise MissingDependency.of("scikit-learn", "mlops", what='figure("importance")') from error

    scaled = (target - target.mean()) / target.std()
    dice = np.random.default_rng(0)
    shares, missed = [], np.empty(len(target))
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(table):
        forest = RandomForestRegressor(n_estimators=100, random_state=0).fit(table[seen], scaled[seen])
        missed[unseen] = scaled[unseen] - forest.predict(table[unseen])
        shuffled = _each_shuffled(table[unseen], dice)
        wrong = scaled[unseen] - forest.predict(shuffled.reshape(-1, table.shape[1])).reshape(shuffled.shape[:3])
        shares.append((wrong**2).mean(axis=(1, 2)) - (missed[unseen] ** 2).mean())
    return np.array(shares), float(1 - (missed**2).mean())


def _each_shuffled(table: NDArray[np.float64], dice: np.random.Generator) -> NDArray[np.float64]:
    """Return copies of the table with one column shuffled: shape (n_columns, `REPEATS`, n_rows, n_columns).

    They are predicted in one call, for a forest's prediction takes about as long for one row as for a thousand.
    """
    n_rows, n_columns = table.shape
    copies = np.tile(table, (n_columns, REPEATS, 1, 1))
    for at in range(n_columns):
        order = dice.permuted(np.tile(np.arange(n_rows), (REPEATS, 1)), axis=1)
        copies[at, :, :, at] = table[order, at]
    return copies


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"
