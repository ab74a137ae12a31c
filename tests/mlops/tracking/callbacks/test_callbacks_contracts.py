"""Keras, Lightning and Transformers, by their published interface: they are too large to install for a test.

Each test is a process of its own. Where the package is installed, the callback is derived from its real base class,
else from the few lines here that stand for it; then its hooks are called as the framework calls them, in that order.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

BASES = {
    "keras/__init__.py": "",
    "keras/callbacks.py": """
        class Callback:
            def __init__(self): self.params = self.model = None
            def set_params(self, params): self.params = params
            def set_model(self, model): self.model = model
            def on_train_begin(self, logs=None): pass
            def on_epoch_begin(self, epoch, logs=None): pass
            def on_train_batch_end(self, batch, logs=None): pass
            def on_epoch_end(self, epoch, logs=None): pass
    """,
    "transformers/__init__.py": """
        class TrainerCallback:
            def on_train_begin(self, args, state, control, **kwargs): pass
            def on_log(self, args, state, control, **kwargs): pass
    """,
}
for _package in ("lightning/pytorch", "pytorch_lightning"):
    _import = _package.replace("/", ".")
    BASES |= {
        f"{_package.partition('/')[0]}/__init__.py": f"import {_import}.loggers",
        f"{_package}/__init__.py": f"import {_import}.loggers",
        f"{_package}/utilities.py": """
            import functools

            def rank_zero_only(function):
                @functools.wraps(function)
                def only(*args, **kwargs):
                    return function(*args, **kwargs) if rank_zero_only.rank == 0 else None
                return only

            rank_zero_only.rank = 0
        """,
        f"{_package}/loggers/__init__.py": f"from {_import}.loggers.logger import Logger",
        f"{_package}/loggers/logger.py": f"""
            from abc import ABC, abstractmethod
            from {_import}.utilities import rank_zero_only

            class Logger(ABC):
                name = version = property(abstractmethod(lambda self: None))
                @abstractmethod
                def log_metrics(self, metrics, step=None): ...
                @abstractmethod
                def log_hyperparams(self, params, *args, **kwargs): ...

            def rank_zero_experiment(function):
                return lambda self: function(self) if rank_zero_only.rank == 0 else object()
        """,
    }

BEGIN = """
import importlib.util, json, sys, warnings
from types import SimpleNamespace
if importlib.util.find_spec(sys.argv[1]) is None:
    sys.path.append(sys.argv[2])
import tauro_nb
run = tauro_nb.open_store(sys.argv[3]).tracker.start_run(experiment="a/b")
"""
END = """
run.end()
points, _ = run.tail()
curves = {}
for number, step, value in zip(points.key_ids.tolist(), points.steps.tolist(), points.values.tolist()):
    curves.setdefault(points.keys[number], []).append([step, value])
print(json.dumps({"params": run.params, "points": curves, "told": globals().get("told")}))
"""


@pytest.fixture
def outcome(tmp_path: Path) -> Any:
    """Run these lines with a package, or with what stands for it, and tell what came into the run."""

    def play(package: str, lines: str) -> dict[str, Any]:
        for path, text in BASES.items():
            (tmp_path / "bases" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "bases" / path).write_text(textwrap.dedent(text), encoding="utf-8")
        shown = subprocess.run(
            [sys.executable, "-c", BEGIN + lines + END, package, str(tmp_path / "bases"), str(tmp_path / "store")],
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
        )
        assert shown.returncode == 0, shown.stderr
        told: dict[str, Any] = json.loads(shown.stdout.splitlines()[-1])
        return told

    return play


KERAS = """
from keras.callbacks import Callback
optimizer = {"name": "adam", "learning_rate": 0.0010000000474974513, "clipnorm": None}
model = SimpleNamespace(optimizer=SimpleNamespace(get_config=lambda: optimizer))

def fit(callback, epochs, batches, steps, logs):
    assert isinstance(callback, Callback)
    callback.set_params({"epochs": epochs.stop, "steps": steps, "verbose": 0})
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in epochs:
        callback.on_epoch_begin(epoch)
        for batch in range(batches):
            callback.on_train_batch_end(batch, {"loss": 1.0})
        callback.on_epoch_end(epoch, logs)
"""


def test_keras_logs_epochs_and_goes_on_where_a_training_goes_on(outcome: Any) -> None:
    """Stands for ``Model.fit``, and for a second one with ``initial_epoch=2``."""
    lines = """
fit(run.callback("keras", every_n_batches=2), range(2), 3, 3, {"loss": 0.5, "val_loss": 0.6})
fit(run.callback("keras", every_n_batches=2), range(2, 3), 3, 3, {"loss": 0.4, "val_loss": 0.7})
"""
    found = outcome("keras", KERAS + lines)
    assert found["points"] == {
        "batch_loss": [[0, 1.0], [2, 1.0], [4, 1.0], [6, 1.0], [8, 1.0]],
        "loss": [[0, 0.5], [1, 0.5], [2, 0.4]],
        "val_loss": [[0, 0.6], [1, 0.6], [2, 0.7]],
    }
    assert found["params"] == {
        "keras/epochs": 2,
        "keras/steps_per_epoch": 3,
        "keras/optimizer/name": "adam",
        "keras/optimizer/learning_rate": 0.001,
    }


def test_what_is_no_number_is_left_out_with_one_warning(outcome: Any) -> None:
    """Stands for a Keras metric that gives a matrix, fed by a generator of unknown length."""
    lines = """
import numpy as np
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    logs = {"loss": np.float32(0.5), "confusion": np.eye(2), "note": "text"}
    fit(run.callback("keras", log_params=False, every_n_batches=1), range(2), 2, None, logs)
told = [str(each.message) for each in heard]
"""
    found = outcome("keras", KERAS + lines)
    assert found["points"] == {"batch_loss": [[step, 1.0] for step in range(4)], "loss": [[0, 0.5], [1, 0.5]]}
    assert found["params"] == {}
    assert [("'confusion'" in text, "'note'" in text) for text in found["told"]] == [(True, False), (False, True)]


@pytest.mark.parametrize("package", ["lightning", "pytorch_lightning"])
def test_lightning_logs_by_global_step_from_the_first_process_only(outcome: Any, package: str) -> None:
    """Stands for ``Trainer.fit`` of either package: hyperparameters, points, the end; then as one of other ranks."""
    module = "lightning.pytorch" if package == "lightning" else package
    lines = f"""
import argparse, pickle
from {module}.loggers import Logger
from {module}.utilities import rank_zero_only
logger = run.callback("lightning", prefix="a/")
assert isinstance(logger, Logger)
logger.log_hyperparams({{"lr": 0.1, "optimizer": {{"name": "sgd", "betas": [1, 2]}}, "loss": print}})
logger.log_hyperparams(argparse.Namespace(lr=0.2))
logger.log_metrics({{"train_loss": 0.5, "epoch": 0}}, step=49)
pickle.loads(pickle.dumps(logger)).log_metrics({{"train_loss": 0.25, "epoch": 1}}, step=99)
logger.finalize("success")
told = [logger.name, logger.version == run.run_id, logger.experiment is run, str(run.status)]
rank_zero_only.rank = 1
logger.log_metrics({{"train_loss": 9.0}}, step=1)
logger.log_hyperparams({{"seed": 1}})
told.append(logger.experiment is run)
"""
    found = outcome(package, lines)
    assert found["points"] == {"a/train_loss": [[49, 0.5], [99, 0.25]], "a/epoch": [[49, 0.0], [99, 1.0]]}
    assert found["params"] == {
        "a/lr": 0.1, "a/optimizer/name": "sgd", "a/optimizer/betas": [1, 2], "a/loss": "print"
    }  # fmt: skip
    assert found["told"] == ["a%2Fb", True, True, "RUNNING", False]


def test_transformers_logs_what_its_trainer_logs(outcome: Any) -> None:
    """Stands for ``Trainer.train``: its beginning, a log of training and one of evaluation; then one of other ranks."""
    lines = """
from transformers import TrainerCallback
callback = run.callback("transformers")
assert isinstance(callback, TrainerCallback)
args = SimpleNamespace(to_dict=lambda: {"learning_rate": 5e-5, "optim": "adamw", "warmup_steps": None})
model = SimpleNamespace(config=SimpleNamespace(to_diff_dict=lambda: {"hidden_size": 16, "id2label": {0: "no"}}))
state = SimpleNamespace(is_world_process_zero=True, global_step=0)
callback.on_train_begin(args, state, None, model=model)
state.global_step = 10
callback.on_log(args, state, None, logs={"loss": 0.5, "learning_rate": 4e-5}, model=model)
callback.on_log(args, state, None, logs={"eval_loss": 0.6})
state.is_world_process_zero = False
callback.on_log(args, state, None, logs={"loss": 9.0})
"""
    found = outcome("transformers", lines)
    assert found["points"] == {"loss": [[10, 0.5]], "learning_rate": [[10, 4e-5]], "eval_loss": [[10, 0.6]]}
    assert found["params"] == {
        "transformers/learning_rate": 5e-5,
        "transformers/optim": "adamw",
        "transformers/model/hidden_size": 16,
        "transformers/model/id2label": {"0": "no"},
    }
