from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tauro_nb.mlops.tracking.run import Run
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store


@pytest.fixture
def store(local_store: LocalStore) -> Store:
    """Where runs can be handed to other processes."""
    return local_store


@pytest.fixture(scope="session")
def halves() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Features and noisy labels to train on, and others to validate on."""
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 4))
    labels = (features[:, 0] + 0.5 * random.normal(size=200) > 0).astype(int)
    return (features[:120], labels[:120]), (features[120:], labels[120:])


Curve = Callable[[Run, str], tuple[list[int], list[float]]]


@pytest.fixture(scope="session")
def curve() -> Curve:
    """Steps and values of one metric."""

    def read(run: Run, key: str) -> tuple[list[int], list[float]]:
        points = run.metric_history(key)
        return points["step"].tolist(), points["value"].tolist()

    return read
