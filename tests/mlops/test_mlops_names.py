from __future__ import annotations

import subprocess
import sys

import pytest

import tauro_nb.mlops


def test_the_public_names_are_these() -> None:
    assert tauro_nb.mlops.__all__ == [
        "EventType",
        "ExperimentTracker",
        "ModelRegistry",
        "ModelVersion",
        "RegisteredModel",
        "Run",
        "RunStatus",
        "RunTable",
        "copy_store",
        "get_event_emitter",
        "get_health_monitor",
        "get_metrics_collector",
        "import_mlflow",
    ]
    assert {getattr(tauro_nb.mlops, name).__name__ for name in tauro_nb.mlops.__all__} == set(tauro_nb.mlops.__all__)
    assert set(tauro_nb.mlops.__all__) <= set(dir(tauro_nb.mlops))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Trackr'"):
        _ = tauro_nb.mlops.Trackr


def test_using_the_registry_imports_nothing_heavy(tmp_path: object) -> None:
    code = (
        "import sys\n"
        "from tauro_nb.mlops import ModelRegistry, get_health_monitor\n"
        "from tauro_nb.store.local import LocalStore\n"
        f"registry = ModelRegistry(LocalStore({str(tmp_path)!r}))\n"
        "registry.register_model({'a': 1}, 'm'); registry.promote('m', 1); registry.models()\n"
        "registry.load_model('m')\n"
        "heavy = {'pandas', 'pyarrow', 'numpy', 'sklearn', 'skops', 'IPython', 'plotly', 'ipywidgets', 'mlflow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
