"""Runs as they are typed: ids, beginnings of ids, and ``last:N``."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tauro_nb.errors import RunNotFound, UsageError

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.run_table import RunTable
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker

_NEAR = 500
"""Newest runs among whose names the one that was meant is looked for."""


def pick(tracker: ExperimentTracker, words: Sequence[str], among: RunTable | None = None) -> list[Run]:
    """Return the runs that `words` name, in their order, each once.

    Parameters
    ----------
    among : RunTable, optional
        The runs among which they are looked for, ``last:N`` being the first N of them; None: all, newest first.

    Raises
    ------
    RunNotFound
        A word names no run, or there are none.
    UsageError
        A word is the beginning of several ids, or ``last:`` is not followed by a count.
    """
    newest = list(tracker.search_runs() if among is None else among)
    if not newest:
        raise _none(tracker)
    picked: dict[str, Run] = {}
    for word in words:
        found = _last(newest, word) if word.startswith("last:") else [_by_id(newest, word)]
        picked.update((run.run_id, run) for run in found)
    return list(picked.values())


def _none(tracker: ExperimentTracker) -> RunNotFound:
    if len(tracker.search_runs(max_results=1)):
        return RunNotFound("no run is as --filter and --experiment want it", fix="widen them; `tauro runs` lists all")
    return RunNotFound(f"{tracker.store.location} has no runs yet", fix="run a pipeline first")


def _last(newest: list[Run], word: str) -> list[Run]:
    count = word.removeprefix("last:")
    if not count.isdecimal() or int(count) < 1:
        raise UsageError(f"{word!r}: `last:` is followed by how many runs", fix="last:10")
    return newest[: int(count)]


def _by_id(newest: list[Run], word: str) -> Run:
    exact = [run for run in newest if run.run_id == word]
    found = exact or [run for run in newest if run.run_id.startswith(word) or run.name == word]
    if not found:
        close = difflib.get_close_matches(word, {run.name for run in newest[:_NEAR]}, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "`tauro runs` lists them; last:1 is the newest"
        raise RunNotFound(f"no run with the id or name {word!r}", fix=fix)
    if len(found) > 1:
        shown = ", ".join(run.run_id for run in found[:5])
        raise UsageError(f"{word!r} names {len(found)} runs: {shown}", fix="give one of these ids")
    return found[0]
