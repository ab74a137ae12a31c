"""Parameters and metrics of runs as columns of numbers, of which scatter, parallel and importance are made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.display import format as fmt
from tauro_nb.display.runs import Measured, common_first
from tauro_nb.display.svg import Axis
from tauro_nb.errors import UnknownName, UsageError

MOST_CATEGORIES = 30
"""A parameter of more different texts than this is a label, and is left out where nobody asks for it."""

LOG_FROM = 100.0
"""A parameter of positive numbers is on a logarithmic axis where its greatest is so many times its least."""


class Column(msgspec.Struct, frozen=True, eq=False):
    """One parameter or metric of every run."""

    name: str
    """``params.lr`` or ``metrics.f1``."""
    values: NDArray[np.float64]
    """Of each run, in their order; of categories, their index. NaN: it has none, or no finite one."""
    categories: tuple[str, ...] = ()
    """Texts, sorted; empty for numbers."""

    @property
    def label(self) -> str:
        """Its name as the user gave it."""
        return self.name.partition(".")[2]

    @property
    def is_log(self) -> bool:
        """Whether it is better read on a logarithmic axis."""
        present = self.values[self.values == self.values]
        if self.categories or not self.name.startswith("params.") or not len(present) or present.min() <= 0:
            return False
        return bool(present.max() / present.min() >= LOG_FROM)


def ticks(item: Column) -> tuple[list[float], list[str]]:
    """Return where round ticks of a column of numbers stand (their logarithms, if it is so), and their texts."""
    present = item.values[np.isfinite(item.values)]
    if item.is_log:
        low, high = math.ceil(math.log10(present.min())), math.floor(math.log10(present.max()))
        powers = range(low, high + 1, max(1, (high - low) // 6))
        return [float(power) for power in powers], [fmt.short_number(10.0**power) for power in powers]
    whole = bool((present % 1 == 0).all())
    places = Axis(float(present.min()), float(present.max()), 0.0, 1.0, whole=whole).ticks
    return places, [fmt.short_number(round(place) if whole else place) for place in places]


def column(runs: Sequence[Measured], name: str) -> Column:
    """Return the column of this name, with or without ``params.`` or ``metrics.`` before it.

    Raises
    ------
    UnknownName
    UsageError
        It is both a parameter and a metric.
    """
    return _column(runs, _full_name(runs, name))


def metric(runs: Sequence[Measured], name: str | None) -> Column:
    """Return the metric of this name, or else the one that most of the runs have; of equals, the first by name."""
    known = common_first(run.metrics for run in runs)
    if name is None and not known:
        raise UsageError("the runs have no metrics yet", fix="log some: run.log_metric")
    asked = known[0] if name is None else name if name in known else name.removeprefix("metrics.")
    if asked not in known:
        raise UnknownName.among("metric", asked, known)
    return _column(runs, f"metrics.{asked}")


def params(runs: Sequence[Measured], names: Iterable[str] | None) -> list[Column]:
    """Return the parameters of these names; or else all in which the runs differ, but for labels."""
    known = common_first(run.params for run in runs)
    if names is not None:
        asked = [name if name in known else name.removeprefix("params.") for name in names]
        for name in asked:
            if name not in known:
                raise UnknownName.among("parameter", name, known)
        return [_column(runs, f"params.{name}") for name in asked]
    every = [_column(runs, f"params.{name}") for name in known]
    return [each for each in every if _differs(each) and len(each.categories) <= MOST_CATEGORIES]


def _full_name(runs: Sequence[Measured], name: str) -> str:
    known = {f"params.{key}" for run in runs for key in run.params} | {
        f"metrics.{key}" for run in runs for key in run.metrics
    }
    if name in known:
        return name
    found = [full for full in (f"params.{name}", f"metrics.{name}") if full in known]
    if not found:
        raise UnknownName.among("column", name, known)
    if len(found) > 1:
        raise UsageError(f"{name!r} is a parameter and a metric", fix=f"write {found[0]!r} or {found[1]!r}")
    return found[0]


def _column(runs: Sequence[Measured], full: str) -> Column:
    section, _, key = full.partition(".")
    held: list[Any] = [(run.params if section == "params" else run.metrics).get(key) for run in runs]
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in held):
        return Column(full, np.array([_number(value) for value in held]))
    texts = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in held]
    categories = sorted({text for text in texts if text is not None})
    codes = {text: float(at) for at, text in enumerate(categories)}
    return Column(full, np.array([math.nan if text is None else codes[text] for text in texts]), tuple(categories))


def _number(value: float | None) -> float:
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _differs(item: Column) -> bool:
    return len(np.unique(item.values)) > 1
