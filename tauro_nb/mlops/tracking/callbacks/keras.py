"""Keras: a `keras.callbacks.Callback`, on every backend.

There are two, because a callback that has a hook for batches makes Keras wait for each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras.callbacks import Callback

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking.callbacks.sink import RunSink, as_written

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder


def keras_callback(
    run: RunRecorder, *, prefix: str = "", every_n_batches: int | None = None, log_params: bool = True
) -> KerasCallback:
    """Return what logs epochs, and batches if asked for.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    every_n_batches : int, optional
        Also log every n-th training batch, as ``batch_loss``, by batches since the first epoch.
    log_params : bool
        Keep epochs, steps and the optimizer's configuration, as ``keras/optimizer/learning_rate``.
    """
    if every_n_batches is None:
        return KerasCallback(run, prefix, log_params)
    if every_n_batches < 1:
        raise UsageError(f"every_n_batches={every_n_batches}", fix="give at least 1, or leave it out")
    return KerasBatchCallback(run, prefix, log_params, every_n_batches)


class KerasCallback(Callback):
    """Logs what Keras tells at the end of an epoch (``loss``, ``val_loss``), by epoch."""

    def __init__(self, run: RunRecorder, prefix: str, log_params: bool) -> None:
        super().__init__()
        self._sink = RunSink(run, prefix)
        self._log_params = log_params

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep the parameters."""
        if self._log_params:
            optimizer = self.model.optimizer.get_config()
            told = {"epochs": self.params.get("epochs"), "steps_per_epoch": self.params.get("steps")}
            told |= {f"optimizer/{name}": _written(value) for name, value in optimizer.items() if value is not None}
            self._sink.log_params(told, "keras/")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the epoch."""
        self._sink.log_metrics(logs or {}, epoch)


class KerasBatchCallback(KerasCallback):
    """Also logs every n-th batch: what Keras tells there is the mean since the epoch began."""

    def __init__(self, run: RunRecorder, prefix: str, log_params: bool, every_n: int) -> None:
        super().__init__(run, prefix, log_params)
        self._every_n = every_n
        self._before = 0
        """Batches before this epoch."""
        self._batches = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Count anew."""
        super().on_train_begin(logs)
        self._before = self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count on, also where ``initial_epoch=`` left some out; of a generator Keras does not know the steps."""
        steps = self.params.get("steps")
        self._before = epoch * steps if steps else self._before + self._batches
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log the batch, if its turn has come."""
        self._batches = batch + 1
        number = self._before + batch
        if number % self._every_n == 0:
            self._sink.log_metrics({f"batch_{name}": value for name, value in (logs or {}).items()}, number)


def _written(value: Any) -> Any:
    return as_written(value) if isinstance(value, float) else value
