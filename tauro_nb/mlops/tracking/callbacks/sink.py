"""Where a callback puts what it hears: into its run, whatever the framework hands over.

What a framework says is no reason to stop a training: a value that is no number is left out, with one warning a key,
and a parameter that is no JSON value is kept as text. What the run itself raises goes through: it has ended, or there
is no room.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from tauro_nb.errors import InvalidMetric, InvalidParam, TrackingError
from tauro_nb.mlops.tracking import values

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder

    Reopening = tuple[Callable[..., RunRecorder], tuple[Any, ...]]


class RunSink:
    """The run of one callback.

    A copy is the sink itself: estimators copy their callbacks, and all log to the one run. A pickle holds only where
    the run is kept, and looks for it when something is logged: a model that was saved with its callback loads anywhere.

    Parameters
    ----------
    prefix : str
        Put before the name of each metric and parameter, as it is: ``"fold1/"``.
    """

    def __init__(self, run: RunRecorder, prefix: str) -> None:
        self._run: RunRecorder | None = run
        self._reopening: Reopening | None = None
        self._prefix = prefix
        self._left_out: set[str] = set()

    def __copy__(self) -> Self:
        """A run is one thing, and so is the way to it."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """A run is one thing, and so is the way to it."""
        return self

    def __getstate__(self) -> tuple[Reopening, str]:
        reopening = self._reopening or cast("Reopening", self.run.__reduce__())
        return reopening, self._prefix

    def __setstate__(self, state: tuple[Reopening, str]) -> None:
        self._run = None
        self._reopening, self._prefix = state
        self._left_out = set()

    @property
    def run(self) -> RunRecorder:
        """The run; in another process, a second writer to it.

        Raises
        ------
        RunNotFound
            It was reopened in a place where its store has no such run.
        """
        if self._run is None:
            reopen, arguments = cast("Reopening", self._reopening)
            self._run = reopen(*arguments)
        return self._run

    def log_metrics(self, found: Mapping[str, Any], step: int | None) -> None:
        """Log those of these values that are numbers."""
        kept: dict[str, float] = {}
        for name, value in found.items():
            key = f"{self._prefix}{name}"
            try:
                kept[values.metric_key(key)] = values.metric_value(key, value)
            except InvalidMetric as error:
                self._leave_out(key, error)
        if kept:
            self.run.log_metrics(kept, step)

    def log_params(self, found: Mapping[str, Any], place: str = "") -> None:
        """Keep parameters, each under `place` and its name; one that the run already has stays as it is."""
        run = self.run
        known = run.params
        kept: dict[str, Any] = {}
        for name, value in found.items():
            key = f"{self._prefix}{place}{name}"
            if key not in known:
                try:
                    kept[key] = _param(key, value)
                except InvalidParam as error:
                    self._leave_out(key, error)
        try:
            run.log_params(kept)
        except InvalidParam:  # another process has kept one of them since this one read the record
            for key, value in kept.items():
                with contextlib.suppress(InvalidParam):
                    run.log_param(key, value)

    def _leave_out(self, key: str, error: TrackingError) -> None:
        if key not in self._left_out:
            self._left_out.add(key)
            warnings.warn(f"left out of {self.run!r}: {error}", RuntimeWarning, stacklevel=2)


def as_written(value: float) -> float:
    """Return a number that was kept in single precision as it was written: 0.1, not 0.10000000149011612."""
    import numpy as np

    return float(str(np.float32(value)))


def _param(key: str, value: Any) -> Any:
    try:
        return values.param(key, value)[1]
    except InvalidParam:
        return values.param(key, getattr(value, "__qualname__", None) or str(value))[1]
