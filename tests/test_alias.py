"""Code that was written against the name `tauro` runs as it is."""

import os
import subprocess
import sys
import textwrap

import pytest


def python(code, *, cwd=None, path=None):
    env = {"PYTHONPATH": str(path)} if path else None
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.strip()


@pytest.mark.parametrize(
    ("first", "second"), [("import tauro", "import tauro_nb"), ("import tauro_nb", "import tauro")]
)
def test_both_names_are_one_package_in_either_order(first, second):
    assert python(f"{first}\n{second}\nprint(tauro is tauro_nb)") == "True"


def test_the_tutorials_imports_give_the_same_objects():
    code = """
        from tauro import ContextLoader, PipelineExecutor
        from tauro.cli.config import AppConfigManager
        from tauro.mlops import ExperimentTracker, ModelRegistry
        from tauro.mlops import get_health_monitor, get_metrics_collector, get_event_emitter
        import tauro_nb, tauro_nb.mlops, tauro_nb.cli.config
        print(ContextLoader is tauro_nb.ContextLoader, PipelineExecutor is tauro_nb.PipelineExecutor,
              AppConfigManager is tauro_nb.cli.config.AppConfigManager,
              ExperimentTracker is tauro_nb.mlops.ExperimentTracker,
              ModelRegistry is tauro_nb.ModelRegistry, get_event_emitter is tauro_nb.get_event_emitter)
    """
    assert python(code) == "True True True True True True"


def test_a_module_keeps_its_own_name_and_spec():
    code = """
        import importlib, tauro.errors, tauro_nb.errors
        print(tauro.errors is tauro_nb.errors, tauro.errors.__spec__.name, importlib.reload(tauro_nb.errors).__name__)
    """
    assert python(code) == "True tauro_nb.errors tauro_nb.errors"


def test_a_module_that_does_not_exist_is_a_module_not_found_error():
    code = """
        import tauro
        try:
            import tauro.nothing
        except ModuleNotFoundError as error:
            print(error.name)
    """
    assert python(code) == "tauro.nothing"


def test_a_real_package_of_that_name_wins(tmp_path):
    package = tmp_path / "tauro"
    package.mkdir()
    (package / "__init__.py").write_text("REAL = True\n", encoding="utf-8")
    (package / "errors.py").write_text("MINE = True\n", encoding="utf-8")
    assert (
        python("import tauro, tauro.errors, tauro_nb\nprint(tauro.REAL, tauro.errors.MINE)", path=tmp_path)
        == "True True"
    )


def test_a_submodule_runs_with_dash_m():
    shown = subprocess.run(
        [sys.executable, "-m", "tauro.cli.main", "--help"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
