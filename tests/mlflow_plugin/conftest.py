"""MLflow's own client and server, in processes of their own: what they warn of is no business of these tests."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONWARNINGS": "ignore",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # more processes, for what a Tauro store does not have
}
BEGIN = """
import json, sys, time
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

mlflow.models.infer_pip_requirements = lambda *args, **options: []  # it starts an interpreter for each model
client = MlflowClient()
told = {}

def code_of(act, *args, **kwargs):
    try:
        act(*args, **kwargs)
    except MlflowException as error:
        return error.error_code
"""
END = """
print(json.dumps(told))
"""


def environment(uri: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MLFLOW_"))}
    return {**own, **QUIET, "MLFLOW_TRACKING_URI": uri}


class Script:
    """A script that runs, with ``mlflow``, ``client`` and a dict ``told`` which it prints at its end."""

    def __init__(self, uri: str, code: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + textwrap.dedent(code) + END],
            cwd=folder,
            env=environment(uri),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self) -> dict[str, Any]:
        """Wait for its end, and return what it told."""
        out, err = self.process.communicate(timeout=200)
        assert self.process.returncode == 0, err[-4000:]
        return json.loads(out.splitlines()[-1])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Server:
    """``mlflow server`` on loopback, over a Tauro store."""

    def __init__(self, root: Path, log: Path, *options: str, workers: int = 1) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        uri = f"tauro://{root}"
        given = f"--backend-store-uri {uri} --host 127.0.0.1 --port {port} --workers {workers}".split()
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *given, *options],
                cwd=log.parent,
                env=environment(uri),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 240
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"mlflow server did not start: {self._log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        """Stop it, with all of its workers."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Script]:
    """Start a script with MLflow's client: ``script(uri, code)``."""
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("MLflow is not installed: it comes with the extra 'mlflow'")
    folder = tmp_path_factory.mktemp("scripts")
    return lambda uri, code: Script(uri, code, folder)


@pytest.fixture
def serve(script: object, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers, which are stopped after the test."""
    started: list[Server] = []

    def start(root: Path, *options: str, workers: int = 1) -> Server:
        started.append(Server(root, tmp_path / f"server-{len(started)}.log", *options, workers=workers))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop()
