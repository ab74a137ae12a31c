from __future__ import annotations

import functools
import logging
from typing import Annotated, Optional

import pytest

from tauro_nb.config.loader import Context
from tauro_nb.io.catalog import Catalog
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.pipeline.injection import Helper, signature_of


def helpers(function) -> dict[str, Helper | None]:
    return {name: one.helper for name, one in signature_of(function).parameters.items()}


def test_each_helper_is_known_by_its_type():
    def function(
        a: ExperimentTracker, *, b: ModelRegistry, c: Context, d: Catalog, e: Run, f: logging.Logger, g: int
    ): ...

    assert list(helpers(function).values()) == [
        Helper.TRACKER,
        Helper.REGISTRY,
        Helper.CONTEXT,
        Helper.CATALOG,
        Helper.RUN,
        Helper.LOGGER,
        None,
    ]


def test_hints_are_looked_through():
    def function(
        a: Optional[ExperimentTracker],  # noqa: UP045 - the old spelling is what is tested
        *,
        b: ModelRegistry | None,
        c: Annotated[Run, "mine"],
        d: Annotated[Run | None, "mine"],
        e: "Annotated[Optional[ExperimentTracker], 1]",  # noqa: UP037, UP045 - quotes within strings are what is tested
        f: ExperimentTracker | ModelRegistry,
    ): ...

    found = signature_of(function).parameters
    assert [one.helper for one in found.values()] == [
        Helper.TRACKER,
        Helper.REGISTRY,
        Helper.RUN,
        Helper.RUN,
        Helper.TRACKER,
        None,
    ]
    assert [one.nullable for one in found.values()] == [True, True, False, True, True, False]


MODULE = """
    from __future__ import annotations
    from typing import TYPE_CHECKING, Annotated, Optional
    import functools

    if TYPE_CHECKING:
        import pandas as pd
        import tauro
        from pyspark.sql import SparkSession
        from tauro.mlops import ExperimentTracker, ModelRegistry as Models
        from elsewhere import Run

    def train(
        data: pd.DataFrame, tracker: Optional[ExperimentTracker], models: "Models | None", cat: tauro.Catalog,
        spark: Annotated[SparkSession, 1], run: Run, depth: int = 3,
    ): ...

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)
        return wrapper

    @logged
    def decorated(tracker: ExperimentTracker, depth: int): ...

    partial = functools.partial(train, depth=4)

    class Trainer:
        def __init__(self, models: Models): ...
        def __call__(self, tracker: ExperimentTracker): ...

    trainer = Trainer(None)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    import importlib
    import sys
    import textwrap

    (tmp_path / "hinted_module.py").write_text(textwrap.dedent(MODULE), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("hinted_module")
    del sys.modules["hinted_module"]


def test_imports_for_the_type_checker_alone_are_understood(module):
    import sys

    assert helpers(module.train) == {
        "data": None,
        "tracker": Helper.TRACKER,
        "models": Helper.REGISTRY,
        "cat": Helper.CATALOG,
        "spark": Helper.SPARK,
        "run": None,
        "depth": None,
    }
    assert signature_of(module.train).parameters["models"].nullable
    assert "pyspark" not in sys.modules


def test_decorated_partial_and_callable_objects_are_understood(module):
    assert helpers(module.decorated) == {"tracker": Helper.TRACKER, "depth": None}
    assert helpers(module.partial)["models"] is Helper.REGISTRY
    assert not signature_of(module.partial).parameters["depth"].required
    assert helpers(module.trainer) == {"tracker": Helper.TRACKER}
    assert helpers(module.Trainer) == {"models": Helper.REGISTRY}


def test_kinds_of_parameters_are_told_apart():
    def function(a, /, b, *rest, c=1, **others): ...

    found = signature_of(function)
    assert found.takes_any
    assert [(one.name, one.required, one.positional_only) for one in found.parameters.values()] == [
        ("a", True, True),
        ("b", True, False),
        ("c", False, False),
    ]


def test_a_function_is_inspected_once():
    def function(a): ...

    assert signature_of(function) is signature_of(function)
    assert signature_of(functools.partial(function)) is not signature_of(function)
