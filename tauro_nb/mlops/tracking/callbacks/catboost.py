"""CatBoost: an object for ``callbacks=`` of its models' ``fit`` (which CatBoost allows on the CPU only)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tauro_nb.mlops.tracking.callbacks.sink import RunSink

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder


class CatBoostCallback:
    """Logs each metric of each data set as ``{dataset}/{metric}``, by iteration: ``learn/Logloss``.

    CatBoost tells its callbacks neither parameters (log ``model.get_params()``) nor what a model goes on from. It turns
    what a callback raises, an interrupt too, into its own `CatBoostError`, with what was raised as the context.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    start : int
        Iterations that there were before: ``tree_count_`` of the model that is given as ``init_model``.
    """

    def __init__(self, run: RunRecorder, *, prefix: str = "", start: int = 0) -> None:
        self._sink = RunSink(run, prefix)
        self._start = start
        self._seen: dict[str, int] = {}

    def after_iteration(self, info: Any) -> bool:
        """Log what this iteration added (with ``metric_period=`` not every one does), and ask to go on."""
        if info.iteration == 1:
            self._seen = {}
        found: dict[str, Any] = {}
        for dataset, named in info.metrics.items():
            for metric, curve in named.items():
                key = f"{dataset}/{metric}"
                if len(curve) > self._seen.get(key, 0):
                    self._seen[key] = len(curve)
                    found[key] = curve[-1]
        self._sink.log_metrics(found, self._start + info.iteration - 1)
        return True
