"""What a copy on an MLflow server costs a loop of about a thousand steps a second: pairs with and without one.

    python tests/benchmarks/bench_mirror.py [pairs] [up] [slow] [down]

The server is up, slow (each answer takes half a second, and is an error) or down. For each pair it prints how much
more wall and processor time the loop took with its copy, then the medians. Each loop is a process of its own, so that
starting the process that delivers, which imports mlflow meanwhile, is in it. Processor time is that of the training
process alone. Wall time means something on an idle machine only.
"""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STEPS = 6_000
LOOP = """
import json, random, sys, time
from pathlib import Path
from tauro_nb.config.context import Context
from tauro_nb.config.schema import MlflowSettings, MlopsSettings, Settings
from tauro_nb.session import Session

uri, folder, size, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
mlflow = MlflowSettings(tracking_uri=uri, exit_wait_s=0.0) if uri else None
session = Session(Context(root=folder, environment="dev", settings=Settings(mlops=MlopsSettings(mlflow=mlflow))))

def work():
    total = 0.0
    for number in range(size):
        total += number * 0.5

for _ in range(200):
    work()
wall, cpu = time.perf_counter(), time.process_time()
run = session.tracker.start_run("bench")
for step in range(steps):
    work()
    run.log_metrics({"train/loss": 1 / (step + 1), "val/loss": random.random()}, step=step)
run.end()
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)
"""


def loop(uri: str, size: int, steps: int = STEPS) -> list[float]:
    """Return wall and processor time of one loop."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOOP, uri, folder, str(size), str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
    found: list[float] = json.loads(told.stdout)
    return found


def calibrated() -> int:
    """Return the size of the work that takes a millisecond here, less what logging takes."""
    wall, _ = loop("", 1_000, 2_000)
    bare, _ = loop("", 0, 2_000)
    return int(1_000 * 0.95e-3 * 2_000 / max(1e-9, wall - bare))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(folder: Path) -> tuple[str, subprocess.Popen[bytes]]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return f"http://127.0.0.1:{port}", process
        except OSError:
            time.sleep(0.2)


def slow() -> str:
    """Start a server that answers every request with an error, after half a second."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.5)
            self.send_error(503)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None: ...

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{made.server_port}"


def main(pairs: int, kinds: list[str]) -> None:
    size = calibrated()
    with tempfile.TemporaryDirectory() as folder:
        uri, process = server(Path(folder)) if "up" in kinds else ("", None)
        try:
            for kind in kinds:
                address = {
                    "up": uri,
                    "slow": slow() if kind == "slow" else "",
                    "down": f"http://127.0.0.1:{free_port()}",
                }
                rows = []
                for number in range(pairs):
                    first, second = ("", address[kind]) if number % 2 else (address[kind], "")
                    one, two = loop(first, size), loop(second, size)
                    bare, copied = (one, two) if number % 2 else (two, one)
                    rows.append([100 * (more / less - 1) for more, less in zip(copied, bare, strict=True)])
                    print(f"{kind}: wall {rows[-1][0]:+.2f} %, processor {rows[-1][1]:+.2f} %", flush=True)
                wall, cpu = (sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True))
                print(f"{kind}, median: wall {wall:+.2f} %, processor {cpu:+.2f} %; goal 1 %", flush=True)
        finally:
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    words = sys.argv[1:]
    main(
        int(next((word for word in words if word.isdigit()), "5")),
        [w for w in words if not w.isdigit()] or ["up", "slow", "down"],
    )
