"""Lightning: a `Logger` for ``Trainer(logger=...)`` of ``lightning`` and of ``pytorch_lightning``.

The two packages are one code under two names, with classes of their own each: what counts is the one that is in use.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.mlops.tracking.callbacks.sink import RunSink
from tauro_nb.store import keys

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder


def _package() -> str:
    both = ("lightning.pytorch", "pytorch_lightning")
    installed = both if importlib.util.find_spec("lightning") else both[::-1]
    return next((name for name in both if name in sys.modules), installed[0])


_loggers = importlib.import_module(f"{_package()}.loggers.logger")
_Logger: Any = _loggers.Logger
_rank_zero_only = importlib.import_module(f"{_package()}.utilities").rank_zero_only


class LightningLogger(_Logger):
    """Logs what the modules log, by global step, and their hyperparameters, nested ones as ``optimizer/lr``.

    Of several processes only the first one logs. The run goes on when the training ends.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    log_params : bool
        Keep hyperparameters.
    """

    def __init__(self, run: RunRecorder, *, prefix: str = "", log_params: bool = True) -> None:
        super().__init__()
        self._sink = RunSink(run, prefix)
        self._log_params = log_params

    @property
    def name(self) -> str:
        """The experiment, as the folder's name that Lightning makes of it for checkpoints."""
        return keys.segment(self._sink.run.experiment)

    @property
    def version(self) -> str:
        """The run's id, a folder's name too."""
        return self._sink.run.run_id

    @property
    @_loggers.rank_zero_experiment
    def experiment(self) -> RunRecorder:
        """The run."""
        return self._sink.run

    @_rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log points."""
        self._sink.log_metrics(metrics, step)

    @_rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace | None, *args: Any, **kwargs: Any) -> None:
        """Keep hyperparameters; one that the run already has stays as it is."""
        if self._log_params and params is not None:
            self._sink.log_params(dict(_flat(vars(params) if isinstance(params, Namespace) else params)))

    @_rank_zero_only
    def finalize(self, status: str) -> None:
        """Bring the points into the run's files; who started the run ends it."""
        self._sink.run.flush_metrics()


def _flat(params: Mapping[Any, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        nested = vars(value) if isinstance(value, Namespace) else value
        if isinstance(nested, Mapping) and nested:
            yield from _flat(nested, f"{place}{name}/")
        else:
            yield f"{place}{name}", value
