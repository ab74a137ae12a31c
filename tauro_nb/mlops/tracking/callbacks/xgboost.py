"""XGBoost: a `TrainingCallback` for ``train``, ``cv`` and the estimators of its scikit-learn interface."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xgboost.callback import TrainingCallback

from tauro_nb.mlops.tracking.callbacks.sink import RunSink, as_written

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.recorder import RunRecorder

_SECOND_NAMES = frozenset({"alpha", "eta", "lambda", "min_split_loss", "n_jobs", "random_state", "updater_seq"})
"""XGBoost tells some parameters twice; the names that are kept are ``reg_alpha``, ``learning_rate`` and so on."""


class XGBoostCallback(TrainingCallback):
    """Logs each metric of each evaluation set as ``{dataset}/{metric}``, by boosting round.

    From ``xgboost.cv`` it is the mean over the folds, and ``{dataset}/{metric}_std``. Rounds count on where a training
    goes on from a model. After early stopping there are also ``best_iteration`` and ``best_score``.

    Parameters
    ----------
    prefix : str
        Put before each name: ``"fold1/"``.
    log_params : bool
        Keep the booster's parameters, as ``xgboost/max_depth``.
    """

    def __init__(self, run: RunRecorder, *, prefix: str = "", log_params: bool = True) -> None:
        super().__init__()
        self._sink = RunSink(run, prefix)
        self._log_params = log_params
        self._first_round = 0
        self._history: Mapping[str, Mapping[str, Sequence[Any]]] = {}
        self._logged = 0

    def before_training(self, model: Any) -> Any:
        """Note where it starts; with ``cv`` the model is the pack of all folds."""
        self._first_round = model.num_boosted_rounds()
        self._history, self._logged = {}, 0
        if self._log_params:
            booster = model.cvfolds[0].bst if hasattr(model, "cvfolds") else model
            self._sink.log_params(_parameters(booster.save_config()), "xgboost/")
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Log this round, and never ask to stop."""
        self._history = evals_log
        self._log_new()
        return False

    def after_training(self, model: Any) -> Any:
        """Log the last round, which a callback that stopped the training keeps from those behind it, and the best."""
        self._log_new()
        self._history = {}
        best, score = model.attr("best_iteration"), model.attr("best_score")
        if best is not None and score is not None and int(best) >= self._first_round:
            self._sink.log_metrics({"best_iteration": int(best), "best_score": float(score)}, int(best))
        return model

    def _log_new(self) -> None:
        curves = {f"{data}/{name}": curve for data, named in self._history.items() for name, curve in named.items()}
        rounds = max(map(len, curves.values()), default=0)
        for number in range(self._logged, rounds):
            found: dict[str, Any] = {}
            for key, curve in curves.items():
                if isinstance(curve[number], tuple):
                    found[key], found[f"{key}_std"] = curve[number]
                else:
                    found[key] = curve[number]
            self._sink.log_metrics(found, self._first_round + number)
        self._logged = rounds


def _parameters(config: str) -> dict[str, Any]:
    """Return the training parameters in what `Booster.save_config` gives."""
    found: dict[str, Any] = {}
    sections = [json.loads(config)["learner"]]
    for section in sections:
        for name, content in section.items():
            if not isinstance(content, dict) or name.endswith("_model_param"):
                continue
            if name.endswith("_param"):
                found |= {key: _value(text) for key, text in content.items() if key not in _SECOND_NAMES}
            else:
                sections.append(content)
    return found


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return as_written(float(text))
    except ValueError:
        return text
