"""Logging, reading and searching beside the floor, trackio and mlflow, in one run: only the ratios travel.

    pip install -e ".[bench]"
    python tests/benchmarks/bench_peers.py

Each measurement is a fresh process (`peers.py`); the trackers take turns. mlflow logs to SQLite, which is its default,
and fewer points where it would take minutes: its rows are rates, so they stand beside the others.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

SCRIPT = Path(__file__).with_name("peers.py")
ROUNDS = 5


def main() -> None:
    names = ["floor", "tauro"]
    for peer in ("trackio", "mlflow"):
        try:
            version = importlib.metadata.version(peer)
        except importlib.metadata.PackageNotFoundError:
            say(f'{peer} is not installed and is left out: pip install -e ".[bench]"')
        else:
            say(f"{peer} {version}")
            names.append(peer)
    say(f"{'':48}" + "".join(f"{name:>22}" for name in names))
    show("log 100k points, 10 a call, to the end (points/s)", {name: best("rate", name) for name in names})
    found = {name: [measured("latencies", name) for _ in range(ROUNDS)] for name in names}
    for place, what in enumerate(("p50", "p99", "max")):
        row = {name: median(each[place] for each in rounds) for name, rounds in found.items()}
        show(f"one value a call, {what} (us)", row)
    show("points read back after SIGKILL (%)", {name: after_kill(name) for name in names})
    show("100k points into a DataFrame, cold (ms)", {name: prepared("filled", "frame", name) for name in names})
    show("1,000 runs searched, cold (ms)", {name: prepared("runs", "search", name) for name in names})
    show("import, first durable metric (ms)", {name: 1e3 * midst("first", name) for name in names})


def best(act: str, name: str) -> float:
    return max(measured(act, name) for _ in range(ROUNDS))


def midst(act: str, name: str) -> float:
    return median(measured(act, name) for _ in range(ROUNDS))


def measured(act: str, name: str) -> Any:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return asked(name, act, folder)


def after_kill(name: str) -> float:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run(name, "killed", folder)
        try:
            return float(asked(name, "left", folder))
        except RuntimeError:
            return 0.0  # it has not even begun to write


def prepared(first: str, act: str, name: str) -> float:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asked(name, first, folder)
        return median(asked(name, act, folder) for _ in range(ROUNDS))


def asked(name: str, act: str, folder: str) -> Any:
    done = run(name, act, folder)
    if done.returncode:
        raise RuntimeError(f"{name} {act}: {done.stderr[-2000:]}")
    return json.loads(done.stderr.rstrip().rsplit("\n", 1)[-1])


def run(name: str, act: str, folder: str) -> subprocess.CompletedProcess[str]:
    # compiled modules are there, as they are for a user's second start
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/bench_pyc"}
    command = [sys.executable, str(SCRIPT), name, act, folder]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)


def show(what: str, row: dict[str, float]) -> None:
    floor = row["floor"]
    say(f"{what:48}" + "".join(f"{f'{value:,.5g} ({value / floor:.3g}x)':>22}" for value in row.values()))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
