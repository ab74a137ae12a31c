from __future__ import annotations

import subprocess
import sys

import pytest

from tauro_nb.config.schema import MlflowSettings
from tauro_nb.mlops.mlflow.mirror import Mirror, warn_not_mirrored


def test_a_configured_server_gets_one_warning_that_names_the_key() -> None:
    with pytest.warns(UserWarning, match=r"mlops\.mlflow\.tracking_uri \(http://127\.0\.0\.1:1\)") as caught:
        warn_not_mirrored(MlflowSettings(tracking_uri="http://127.0.0.1:1"), "config/global_settings.yaml")
    assert len(caught) == 1
    assert "nothing is lost" in str(caught[0].message)


def test_the_warning_does_not_tell_a_password() -> None:
    with pytest.warns(UserWarning, match=r"\(https://\*\*\*@mlflow\.example/x\)") as caught:
        warn_not_mirrored(MlflowSettings(tracking_uri="https://ann:s3cret@mlflow.example/x"), "settings.yaml")
    assert "s3cret" not in str(caught[0].message)


def test_it_takes_no_import_of_mlflow() -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from tauro_nb.config.schema import MlflowSettings\n"
        "from tauro_nb.mlops.mlflow.mirror import warn_not_mirrored\n"
        "warn_not_mirrored(MlflowSettings(tracking_uri='http://127.0.0.1:1'), 'settings.yaml')\n"
        "assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mirror_is_what_has_its_three_methods() -> None:
    class Recorder:
        def run_changed(self, experiment: str, run_id: str) -> None: ...

        def model_changed(self, model: str) -> None: ...

        def close(self, timeout_s: float) -> int:
            return 0

    assert isinstance(Recorder(), Mirror)
    assert not isinstance(object(), Mirror)
