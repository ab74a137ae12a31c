"""Runs side by side, as plain data: what differs first, then what is the same, then the numbers and the curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb import faces
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tauro_nb.mlops.tracking.points import Points


class Row(msgspec.Struct, frozen=True):
    """One parameter, metric or tag of every run."""

    name: str
    values: tuple[Any, ...]
    """Of each run, in their order; None where a run has none."""

    @property
    def differs(self) -> bool:
        """Whether the runs do not all have the same."""
        return any(not _same(value, self.values[0]) for value in self.values)


class Curve(msgspec.Struct, frozen=True, eq=False):
    """One metric of one run, in the order in which it was logged."""

    run_id: str
    run_name: str
    key: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    at_ns: NDArray[np.int64]


class Comparison(faces.Shown):
    """Several runs side by side.

    Parameters
    ----------
    runs : iterable of Run
        In the order of the columns.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = tuple(runs)

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.runs)} runs>"

    def __len__(self) -> int:
        return len(self.runs)

    @cached_property
    def params(self) -> tuple[Row, ...]:
        """Every parameter, sorted by name."""
        return _rows(run.params for run in self.runs)

    @property
    def params_that_differ(self) -> tuple[Row, ...]:
        """The parameters in which the runs are not all alike."""
        return tuple(row for row in self.params if row.differs)

    @property
    def params_in_common(self) -> tuple[Row, ...]:
        """The parameters that are the same in all runs."""
        return tuple(row for row in self.params if not row.differs)

    @cached_property
    def metrics(self) -> tuple[Row, ...]:
        """The last value of every metric, sorted by name."""
        return _rows(run.metrics for run in self.runs)

    @cached_property
    def tags(self) -> tuple[Row, ...]:
        """Every tag, sorted by name."""
        return _rows(run.tags for run in self.runs)

    def curves(self, key: str | None = None) -> list[Curve]:
        """Return the points of one metric, or of all: sorted by metric, then in the order of the runs."""
        found = []
        for run in self.runs:
            points, _ = run.tail()
            found += [_curve(run, points.only(name)) for name in points.keys if key in (None, name)]
        return sorted(found, key=lambda each: each.key)

    def figure(self, *args: Any, **kwargs: Any) -> Any:
        """Return the overlaid curves as a ``plotly.graph_objects.Figure``."""
        return faces.answer("figure", self, *args, **kwargs)


def _curve(run: Run, points: Points) -> Curve:
    return Curve(run.run_id, run.name, points.keys[0], points.steps, points.values, points.at_ns)


def _rows(held: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    found = list(held)
    names = sorted({name for each in found for name in each})
    return tuple(Row(name, tuple(each.get(name) for each in found)) for name in names)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124 - NaN is NaN here
