"""Curves of one run or of several, overlaid: a panel for each quantity.

In the figure of one run a colour is a data split; of several it is a run, and the splits differ by their dashes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tauro_nb.display import format as fmt
from tauro_nb.display.figures import panels
from tauro_nb.display.figures.names import plain
from tauro_nb.display.figures.panels import DASHES, Course, Group, Line, by_quantity, by_split
from tauro_nb.display.grouping import group_of
from tauro_nb.display.live.decimate import columns, thin
from tauro_nb.display.palette import SERIES
from tauro_nb.display.runs import labels
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.tracking.run import Run

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tauro_nb.mlops.tracking.points import Points

POINTS = 2_000
"""Points of a curve; one that has more is drawn by the least and greatest of neighbouring points."""

ALL_POINTS = 100_000
"""Points of a figure: where there are many curves each is drawn by fewer points, but not by fewer than 100."""

MOST_RUNS = 50
MOST_GROUPS = 24
"""Panels that are drawn unasked."""

AXES = {"step": "step", "time": "seconds since the start"}

LAST_VALUES = "last values"


class Curves(msgspec.Struct, frozen=True):
    """What is drawn."""

    groups: tuple[Group, ...]
    x: str
    notes: tuple[str, ...] = ()
    """What was left out."""


def pictured(runs: Sequence[Run], key: str | Sequence[str] | None = None, x: str = "step") -> Curves:
    """Return the curves of the first runs; see `of_run` for what can be asked."""
    if x not in AXES:
        raise UnknownName.among("axis", x, AXES)
    first = runs[:MOST_RUNS]
    points = [run.tail()[0] for run in first]
    counts: dict[str, int] = {}
    for each in points:
        for name, count in _counts(each).items():
            counts[name] = max(count, counts.get(name, 0))
    if not counts:
        raise UsageError(
            f"{'the run has' if len(runs) == 1 else 'the runs have'} no metrics yet", fix="log some: run.log_metric"
        )
    if key is not None:
        keys = chosen(counts, key)
    else:
        keys = [name for name, count in counts.items() if count > 1] or list(counts)
    by_group = by_quantity(keys)
    notes = []
    if len(first) < len(runs):
        notes.append(f"the first {len(first)} of {fmt.plural(len(runs), 'run')}")
    if key is None and len(by_group) > MOST_GROUPS:
        notes.append(f"{MOST_GROUPS} of {len(by_group)} quantities: name others by key=")
        by_group = dict(list(by_group.items())[:MOST_GROUPS])
    n_lines = sum(len(_counts(each).keys() & set(keys)) for each in points)
    course = functools.partial(_course, x=x, limit=max(100, min(POINTS, ALL_POINTS // max(1, n_lines))))
    if len(runs) == 1:
        groups = _of_one(first[0], points[0], by_group, course)
    else:
        groups = _of_many(first, points, by_group, course)
    return Curves(tuple(groups), x, tuple(notes))


def draw(data: Curves, *, title: str, dark: bool | None = None) -> go.Figure:
    """Draw the curves."""
    return panels.draw(data.groups, title=title, note=" · ".join(data.notes), x_title=AXES[data.x], dark=dark)


def chosen(known: Iterable[str], wanted: str | Sequence[str]) -> list[str]:
    """Return the metrics that are named, by their own names or by that of their quantity."""
    known = list(known)
    quantities = {name: group_of(name)[0] for name in known}
    found: dict[str, None] = {}
    for asked in [wanted] if isinstance(wanted, str) else wanted:
        some = [name for name in known if asked in (name, quantities[name])]
        if not some:
            raise UnknownName.among("metric", asked, {*known, *quantities.values()})
        found.update(dict.fromkeys(some))
    if not found:
        raise UsageError("key=[] names no metric", fix="leave key out for all that have a curve")
    return list(found)


def _of_one(
    run: Run, points: Points, by_group: dict[str, list[str]], course: Callable[[Run, Points], Course]
) -> list[Group]:
    groups = by_split(by_group, lambda key: course(run, points.only(key)))
    if all(group.is_bars for group in groups):
        lines = [msgspec.structs.replace(line, label=line.detail, colour=0) for group in groups for line in group.lines]
        return [Group(LAST_VALUES, tuple(lines))]
    return groups


def _of_many(
    runs: Sequence[Run],
    points: Sequence[Points],
    by_group: dict[str, list[str]],
    course: Callable[[Run, Points], Course],
) -> list[Group]:
    names = labels(runs)
    groups = []
    for title, keys in by_group.items():
        lines = [
            Line(name, key, at, dash if len(keys) > 1 else at // len(SERIES), *course(run, own.only(key)))
            for at, (run, own, name) in enumerate(zip(runs, points, names, strict=True))
            for dash, key in enumerate(keys)
            if key in own.keys
        ]
        meaning = [f"{plain(group_of(key)[1] or key)} {dash}" for key, dash in zip(keys, DASHES, strict=False)]
        groups.append(Group(title, tuple(lines), note=", ".join(meaning) if len(keys) > 1 else ""))
    return groups


def _course(run: Run, points: Points, *, x: str, limit: int) -> Course:
    """Return where a curve goes, as finely as is drawn: along `x`, and its values."""
    since_s = (points.at_ns - run.started_at_ns) / 1e9
    step, second, value = thin(columns(points.steps, since_s, points.values), limit)
    return (step if x == "step" else second), value


def _counts(points: Points) -> dict[str, int]:
    return dict(zip(points.keys, np.bincount(points.key_ids, minlength=len(points.keys)).tolist(), strict=True))
