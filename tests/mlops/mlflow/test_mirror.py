from __future__ import annotations

import subprocess
import sys

from tauro_nb.mlops.mlflow.address import Address
from tauro_nb.mlops.mlflow.mirror import Mirror


def test_a_mirror_is_what_has_its_three_methods() -> None:
    class Recorder:
        def run_changed(self, experiment: str, run_id: str) -> None: ...

        def model_changed(self, model: str) -> None: ...

        def close(self, timeout_s: float) -> int:
            return 0

    assert isinstance(Recorder(), Mirror)
    assert not isinstance(object(), Mirror)


def test_a_process_that_is_mirrored_imports_no_mlflow() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tauro_nb.mlops.mlflow.address import Address\n"
        "from tauro_nb.mlops.mlflow.errand import Errand\n"
        "from tauro_nb.mlops.mlflow.mirror import Mirror\n"
        "from tauro_nb.mlops.mlflow.replica import Replica\n"
        "from tauro_nb.store.memory import MemoryStore\n"
        "replica = Replica(Errand(store=MemoryStore(), address=Address.of('http://127.0.0.1:1')), Path())\n"
        "assert isinstance(replica, Mirror)\n"
        "assert not {'mlflow', 'subprocess', 'pandas', 'numpy'} & set(sys.modules), sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_password_in_an_address_is_shown_nowhere() -> None:
    address = Address.of("https://ann:s3cr%2Fet@mlflow.example/x")
    assert (address.uri, address.username, address.password) == ("https://mlflow.example/x", "ann", "s3cr/et")
    told = address.without_secrets("no answer from https://ann:s3cr%2Fet@mlflow.example/x with s3cr/et, dapi0123456789")
    for shown in (repr(address), address.shown, told, str([address])):
        assert "s3cr" not in shown
        assert "0123456789" not in shown


def test_the_same_server_is_one_target_whoever_logs_in() -> None:
    plain = Address.of("https://mlflow.example")
    assert Address.of("https://ann:one@mlflow.example").name == plain.name
    assert Address.of("https://mlflow.example/other").name != plain.name
