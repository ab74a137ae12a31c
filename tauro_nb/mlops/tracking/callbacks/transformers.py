"""Transformers: a `TrainerCallback` for ``Trainer(callbacks=[...])``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from tauro_nb.mlops.tracking.callbacks.sink import RunSink

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder


class TransformersCallback(TrainerCallback):
    """Logs what the trainer logs (``loss``, ``eval_loss``, ``learning_rate``), by global step.

    Of several processes only the first one logs.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    log_params : bool
        Keep the training arguments that are set, as ``transformers/learning_rate``, and of the model's configuration
        what is not its default, as ``transformers/model/hidden_size``.
    """

    def __init__(self, run: RunRecorder, *, prefix: str = "", log_params: bool = True) -> None:
        self._sink = RunSink(run, prefix)
        self._log_params = log_params

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Keep the parameters."""
        if not self._log_params or not state.is_world_process_zero:
            return
        told = args.to_dict().items()
        self._sink.log_params({name: value for name, value in told if value is not None}, "transformers/")
        if hasattr(model, "config") and hasattr(model.config, "to_diff_dict"):
            self._sink.log_params(model.config.to_diff_dict(), "transformers/model/")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Log points."""
        if state.is_world_process_zero:
            self._sink.log_metrics(logs or {}, state.global_step)
