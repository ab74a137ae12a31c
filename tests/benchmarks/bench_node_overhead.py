"""What running a trivial node costs beyond calling its function: planning and printing excluded.

    python tests/benchmarks/bench_node_overhead.py [nodes]

It prints microseconds of processor time a node for independent nodes, for a chain that hands a value over in memory,
and for the floor, a loop that calls the function; then, apart, what planning costs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tauro_nb.config.loader import Context
from tauro_nb.config.schema import NodeConfig, PipelineConfig
from tauro_nb.pipeline.execution import Execution
from tauro_nb.pipeline.executor import PipelineExecutor

ROUNDS = 15


def context(root: Path, count: int, *, chained: bool) -> Context:
    (root / "trivial.py").write_text(
        "def start(): return 1\ndef step(x): return x\ndef nothing(): ...\n", encoding="utf-8"
    )
    nodes = {f"n{index:05}": {"function": "trivial.nothing"} for index in range(count)}
    if chained:
        names = list(nodes)
        nodes = {
            name: {"function": "trivial.step", "inputs": ["d" + before], "outputs": "d" + name}
            for before, name in zip(["", *names], names, strict=False)
        }
        nodes[names[0]] = {"function": "trivial.start", "outputs": "d" + names[0]}
    return Context(
        root=root,
        environment="dev",
        nodes={name: msgspec.convert(node, NodeConfig) for name, node in nodes.items()},
        pipelines={"p": PipelineConfig(nodes=tuple(nodes))},
    )


def measured(project: Context) -> tuple[float, float]:
    """Return the median seconds of processor time of an execution and of all that goes before it."""
    executing, planning = [], []
    plain = Execution.run

    def timed(self: Execution) -> None:
        started = time.process_time()
        plain(self)
        executing.append(time.process_time() - started)

    Execution.run = timed
    try:
        for _ in range(ROUNDS):
            started = time.process_time()
            PipelineExecutor(project).run_pipeline("p")
            planning.append(time.process_time() - started - executing[-1])
    finally:
        Execution.run = plain
    return statistics.median(executing), statistics.median(planning)


def floor(count: int) -> float:
    def nothing() -> None: ...

    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(count):
            nothing()
        rounds.append(time.process_time() - started)
    return statistics.median(rounds)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = {"a loop (floor)": (floor(count), 0.0)}
        for name, chained in (("independent nodes", False), ("a chain, in memory", True)):
            rows[name] = measured(context(Path(folder), count, chained=chained))
    lines = [
        f"{count} nodes, median of {ROUNDS}; microseconds of processor time a node",
        f"{'':24}{'running':>10}{'planning':>10}",
        *(f"{name:24}{run / count * 1e6:10.2f}{plan / count * 1e6:10.2f}" for name, (run, plan) in rows.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
