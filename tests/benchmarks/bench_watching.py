"""What watching costs a loop of about a thousand steps a second, in a real kernel: pairs with and without a card.

    python tests/benchmarks/bench_watching.py [pairs]

It prints, for each pair, how much more wall and processor time the loop took with its card open, then the medians, and
the bytes that a card, a long card and a table of runs send to open. Wall time means something on an idle machine only.
What the threads beside the loop's own took, as a share of one processor while it went on, says the cost on a busy one
too: they are paced by the clock.
"""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from jupyter_client.manager import start_new_kernel

SETUP = """
import math, random, statistics, tempfile, time
import tauro_nb
tracker = tauro_nb.open_store(tempfile.mkdtemp()).tracker
size = 1000
def work():
    total = 0.0
    for number in range(size):
        total += number * 0.5
start = time.thread_time()
for _ in range(200):
    work()
size = int(size * 0.95e-3 * 200 / (time.thread_time() - start))

def train(watched, steps=4000):
    run = tracker.start_run()
    if watched:
        display(run)
    for step in range(2):
        run.log_metrics({"train/loss": 1.0, "val/loss": 1.0}, step=step)
    time.sleep(1.5)  # the view opens before the clock starts
    wall, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
    for step in range(2, steps):
        work()
        run.log_metrics({"train/loss": math.exp(-step / 500), "val/loss": random.random()}, step=step)
    own, cpu, wall = time.thread_time() - own, time.process_time() - cpu, time.perf_counter() - wall
    run.end()
    return wall, cpu, own
train(True, 200), train(False, 200);
"""
PAIR = """
turn = not globals().get("turn")  # each comes first in turn
one, other = train(turn), train(not turn)
bare, watched = (other, one) if turn else (one, other)
beside = [100 * (cpu - own) / wall for wall, cpu, own in (bare, watched)]
print(*(round(100 * (more / less - 1), 2) for more, less in zip(watched[:2], bare)))
print(round(beside[1] - beside[0], 2))
"""
SIZES = {
    "a card": "run = tracker.start_run(); run.log_metric('a', 1); display(run); time.sleep(2); run.end()",
    "a card of 6 x 20,000 points": """
run = tracker.start_run()
for step in range(20_000):
    run.log_metrics({f"m{n}": random.random() for n in range(6)}, step=step)
display(run); time.sleep(3); run.end()
""",
    "a table of 300 runs": """
for _ in range(300):
    with tracker.start_run() as run:
        run.log_params({f"p{n}": random.random() for n in range(8)})
        run.log_metrics({f"m{n}": random.random() for n in range(8)})
display(tracker); time.sleep(3)
""",
}


class Kernel:
    """A kernel as a person has it, with no trace of a test around it."""

    def __init__(self) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TAURO_"))}
        self._manager, self._client = start_new_kernel(env=own)

    def run(self, cell: str, hook: Callable[[dict[str, Any]], None]) -> None:
        self._client.execute_interactive(cell, timeout=300, output_hook=hook)

    def stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def printed(kernel: Kernel, cell: str) -> str:
    texts: list[str] = []
    kernel.run(cell, lambda message: texts.append(message["content"].get("text", "")))
    return "".join(texts)


def opened(kernel: Kernel, cell: str) -> list[tuple[str, int]]:
    """Return what each comm that the cell opened is, and how many bytes its opening took."""
    found: list[tuple[str, int]] = []

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "comm_open":
            size = len(json.dumps(message["content"])) + sum(len(part) for part in message["buffers"])
            found.append((message["content"]["data"]["state"].get("_anywidget_id", "?").rpartition(".")[2], size))

    kernel.run(cell, hook)
    return found


def main(pairs: int) -> None:
    kernel = Kernel()
    try:
        for name, size in opened(kernel, SETUP):
            print(f"once a kernel: {name} {size:,} bytes")
        rows = []
        for _ in range(pairs):
            rows.append([float(text) for text in printed(kernel, PAIR).split()])
            print("watched: wall {:+.2f} %, processor {:+.2f} %; beside the loop {:.2f} %".format(*rows[-1]))
        medians = [sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True)]
        print("median: wall {:+.2f} %, processor {:+.2f} %; beside the loop {:.2f} %; goal 2 %".format(*medians))
        for name, cell in SIZES.items():
            print(f"{name} opens with", ", ".join(f"{size:,} bytes" for _, size in opened(kernel, cell)))
    finally:
        kernel.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
