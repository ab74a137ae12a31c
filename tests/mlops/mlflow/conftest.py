from __future__ import annotations

import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.context import Context
from tauro_nb.config.schema import MlflowSettings, MlopsSettings, Settings
from tauro_nb.session import Session

PATIENCE_S = 120


class Mlflow:
    """A real MLflow server, and its REST API as its browser's user interface asks it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
                *("--artifacts-destination", str(folder / "files"), "--workers", "1"),
            ],
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=(folder / "server.log").open("wb"),
            start_new_session=True,
        )
        try:
            wait_until(self._answers, f"{self.uri} answers", 2 * PATIENCE_S)
        except BaseException:
            self.close()
            raise

    def ask(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def experiment(self, name: str) -> str | None:
        try:
            return self.ask(f"experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"]
        except urllib.error.HTTPError:
            return None

    def runs(self, experiment: str, view: str = "ALL") -> dict[str, Any]:
        """Return the runs of an experiment by their names."""
        place = self.experiment(experiment)
        if place is None:
            return {}
        found = self.ask("runs/search", experiment_ids=[place], run_view_type=view, max_results=1000).get("runs", [])
        names = [run["info"]["run_name"] for run in found]
        assert len(set(names)) == len(names), f"a run is there twice: {names}"
        return {run["info"]["run_name"]: _Seen(run) for run in found}

    def history(self, run_id: str, key: str) -> list[dict[str, Any]]:
        return self.ask(f"metrics/get-history?run_id={run_id}&metric_key={key}").get("metrics", [])

    def files(self, run_id: str, path: str = "") -> list[str]:
        found = self.ask(f"artifacts/list?run_id={run_id}&path={path}").get("files", [])
        return [each["path"] for each in found if not each.get("is_dir")] + [
            name for each in found if each.get("is_dir") for name in self.files(run_id, each["path"])
        ]

    def versions(self, model: str) -> list[Any]:
        found = self.ask(f"model-versions/search?filter=name%3D'{model}'").get("model_versions", [])
        return sorted(found, key=lambda each: int(each["version"]))

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class _Seen:
    """A run as the server tells it."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.id = run["info"]["run_id"]
        self.info = run["info"]
        data = run["data"]
        self.status = run["info"]["status"]
        self.params = {each["key"]: each["value"] for each in data.get("params", [])}
        self.tags = {each["key"]: each["value"] for each in data.get("tags", [])}
        self.metrics = {each["key"]: each["value"] for each in data.get("metrics", [])}


class FaultyProxy:
    """Stands before a server and does to requests what networks and servers do.

    ``mode``: ``""`` forwards; ``500`` answers so; ``slow`` waits; ``lost`` forwards and then cuts the connection.
    Only requests that change something are harmed, but for ``500`` and ``down``.
    """

    def __init__(self, port: int) -> None:
        self.mode = ""
        self.harmed: Counter[str] = Counter()
        self.points: Counter[tuple[Any, ...]] = Counter()
        """Every point of every batch that reached the server."""
        self.authorized: set[str | None] = set()
        self.requests = 0
        self._target = port
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._server: ThreadingHTTPServer | None = None
        self.up()

    def up(self) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None: ...

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            self.down()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.authorized.add(request.headers.get("Authorization"))
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if self.mode == "500":
            self.harmed["500"] += 1
            request.send_response(500)
            request.send_header("Content-Length", "2")
            request.end_headers()
            request.wfile.write(b"{}")
            return
        if self.mode == "slow":
            self.harmed["slow"] += 1
            time.sleep(0.3)
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if request.path.endswith("runs/log-batch") and answer.status == 200:
            told = json.loads(body)
            self.points.update(
                (told["run_id"], each["key"], each.get("value"), each.get("step"), each["timestamp"])
                for each in told.get("metrics", [])
                if not each.get("model_id")
            )
        changes = request.command != "GET" and not request.path.endswith("/search")
        if self.mode == "lost" and changes:
            self.harmed[request.path] += 1
            if self.harmed[request.path] % 2:
                request.close_connection = True
                request.connection.shutdown(socket.SHUT_RDWR)
                return
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline, pause_s = time.monotonic() + patience_s, 0.05
    while not true():
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(pause_s)
        pause_s = min(0.4, 1.5 * pause_s)  # whoever asks all the time keeps the server from what is waited for


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait for a condition, and fail when it does not come."""
    return wait_until


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow comes with the extra `mlflow`")
    server = Mlflow(tmp_path_factory.mktemp("mlflow-server"))
    yield server
    server.close()


@pytest.fixture
def proxy(mlflow_server: Mlflow) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(mlflow_server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def open_mirrored(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Open a bare session whose runs and models are copied to a server."""
    opened: list[Session] = []

    def make(uri: str, **settings: Any) -> Session:
        mlops = MlopsSettings(storage_path="mlops_data", mlflow=MlflowSettings(tracking_uri=uri, **settings))
        session = Session(Context(root=tmp_path, environment="dev", settings=Settings(mlops=mlops)))
        opened.append(session)
        return session

    yield make
    from tauro_nb.wiring import services

    for session in opened:
        services(session.context).replica.close(5.0)
