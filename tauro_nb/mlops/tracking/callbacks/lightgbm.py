"""LightGBM: a callback for ``train``, ``cv`` and ``fit`` of its scikit-learn interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tauro_nb.mlops.tracking.callbacks.sink import RunSink

if TYPE_CHECKING:
    from lightgbm.callback import CallbackEnv

    from tauro_nb.mlops.tracking.recorder import RunRecorder


class LightGBMCallback:
    """Logs each metric of each evaluation set as ``{dataset}/{metric}``, by iteration.

    From ``lightgbm.cv`` it is the mean over the folds, and ``{dataset}/{metric}_std``. Iterations count on where a
    training goes on from a model.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    log_params : bool
        Keep the parameters of the training, as ``lightgbm/num_leaves``.
    """

    def __init__(self, run: RunRecorder, *, prefix: str = "", log_params: bool = True) -> None:
        self._sink = RunSink(run, prefix)
        self._log_params = log_params
        self.order = 20
        """As LightGBM's own recorder; early stopping, which ends the round, has 30."""
        self.before_iteration = False

    def __call__(self, env: CallbackEnv) -> None:
        """Log one iteration."""
        if self._log_params and env.iteration == env.begin_iteration:
            self._sink.log_params(env.params, "lightgbm/")
        found: dict[str, Any] = {}
        for dataset, metric, value, _, *spread in env.evaluation_result_list or ():
            key = metric.replace(" ", "/", 1) if dataset == "cv_agg" else f"{dataset}/{metric}"
            found[key] = value
            if spread and spread[0] is not None:
                found[f"{key}_std"] = spread[0]
        self._sink.log_metrics(found, env.iteration)
