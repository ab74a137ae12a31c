"""What `import tauro_nb` gives, and what it leaves alone."""

import subprocess
import sys

import pytest

import tauro_nb

HEAVY = (
    "pandas",
    "pyarrow",
    "plotly",
    "ipywidgets",
    "IPython",
    "mlflow",
    "sklearn",
    "numpy",
    "yaml",
    "click",
    "filelock",
)


def modules_after(code):
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(shown.stdout.split())


@pytest.mark.parametrize("code", ["import tauro_nb", "import tauro", "from tauro_nb import errors, events, faces"])
def test_importing_the_package_imports_nothing_heavy(code):
    assert modules_after(code) & set(HEAVY) == set()


def test_tracking_alone_imports_no_widgets_and_no_frames(tmp_path):
    code = (
        f"import tauro_nb; s = tauro_nb.open_store({str(tmp_path / 'store')!r})\n"
        "with s.tracker.start_run() as run: run.log_metric('loss', 1.0)"
    )
    assert modules_after(code) & {"pandas", "pyarrow", "plotly", "ipywidgets", "IPython", "mlflow", "sklearn"} == set()


def test_the_public_names_are_sorted_and_there():
    assert sorted(tauro_nb.__all__, key=lambda name: (name.startswith("_"), name)) == [
        "AppConfigManager",
        "Catalog",
        "Context",
        "ContextLoader",
        "ExperimentTracker",
        "ModelRegistry",
        "PipelineExecutor",
        "Run",
        "Session",
        "TauroError",
        "get_event_emitter",
        "open_session",
        "open_store",
        "__version__",
    ]
    for name in tauro_nb.__all__:
        assert getattr(tauro_nb, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'open_sesion'"):
        _ = tauro_nb.open_sesion
