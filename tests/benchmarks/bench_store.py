"""The local store beside its floors, in one run: only the ratios travel to another machine.

    python tests/benchmarks/bench_store.py

The floors are the bare system calls for a value of 300 bytes: open, write, fsync, link or rename, fsync of the folder;
open, read. They know no keys, follow links, and leave their temporary file to whoever finds it.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tauro_nb.store import LocalStore, MemoryStore

VALUE = b"x" * 300
FOLDER = "model_registry/models/churn-predictor/versions"
TURNS, ROUNDS = 200, 5


def raw_write(folder: str, name: str, *, exclusive: bool) -> None:
    temporary, final = f"{folder}/t{name}", f"{folder}/{name}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(fd, VALUE)
    os.fsync(fd)
    os.close(fd)
    if exclusive:
        os.link(temporary, final)
        os.unlink(temporary)  # noqa: PTH108 - the bare call
    else:
        os.replace(temporary, final)  # noqa: PTH105
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def raw_read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def median_us(act: Callable[[], object]) -> float:
    """Time `act` one by one, and return the median."""
    spent = []
    for _ in range(TURNS):
        began = time.perf_counter_ns()
        act()
        spent.append(time.perf_counter_ns() - began)
    return statistics.median(spent) / 1e3


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        store, memory = LocalStore(place), MemoryStore()
        folder = str(store.local_dir(FOLDER))
        count = itertools.count()
        store.put(f"{FOLDER}/there", VALUE)
        memory.put(f"{FOLDER}/there", VALUE)

        def hold() -> None:
            with store.lock("bench"):
                pass

        cases: dict[str, tuple[Callable[[], object], Callable[[], object] | None, Callable[[], object] | None]] = {
            "create": (
                lambda: store.create(f"{FOLDER}/{next(count)}", VALUE),
                lambda: raw_write(folder, str(next(count)), exclusive=True),
                lambda: memory.create(f"{FOLDER}/{next(count)}", VALUE),
            ),
            "create, taken": (
                lambda: store.create(f"{FOLDER}/there", VALUE),
                None,
                lambda: memory.create(f"{FOLDER}/there", VALUE),
            ),
            "put": (
                lambda: store.put(f"{FOLDER}/there", VALUE),
                lambda: raw_write(folder, "there", exclusive=False),
                lambda: memory.put(f"{FOLDER}/there", VALUE),
            ),
            "get": (
                lambda: store.get(f"{FOLDER}/there"),
                lambda: raw_read(f"{folder}/there"),
                lambda: memory.get(f"{FOLDER}/there"),
            ),
            "lock and unlock": (hold, None, None),
        }
        sys.stdout.write(f"{'':18}{'local':>10}{'floor':>10}{'ratio':>8}{'memory':>10}   (median, µs)\n")
        for name, acts in cases.items():
            rounds = [[median_us(act) if act else float("nan") for act in acts] for _ in range(ROUNDS)]
            local, floor, held = (statistics.median(times) for times in zip(*rounds, strict=True))
            sys.stdout.write(f"{name:18}{local:10.1f}{floor:10.1f}{local / floor:8.2f}{held:10.1f}\n")


if __name__ == "__main__":
    main()
