"""What ``tauro run --validate-only`` costs above a process that only imports the node's module.

    python tests/benchmarks/bench_validate.py

Whole processes, in turn, in the demo project; the figure to look at is the difference, pair by pair (goal: 0.4 s).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tauro_nb.commands.project import make

ROUNDS = 9
IMPORT = [sys.executable, "-c", "import pipelines.ml.train_model"]
VALIDATE = [sys.executable, "-m", "tauro_nb.cli", "run", "--env", "dev", "--pipeline", "ml_training_pipeline"]


def took_s(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = make(Path(parent) / "churn_demo").folder
        pairs = [(took_s(IMPORT, folder), took_s([*VALIDATE, "--validate-only"], folder)) for _ in range(ROUNDS + 1)]
        floor, own = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
        above = statistics.median(own - floor for floor, own in pairs[1:])
        sys.stdout.write(
            f"import alone {floor:.3f} s   validate {own:.3f} s   above, pair by pair {above:.3f} s   goal <= 0.4\n"
        )


if __name__ == "__main__":
    main()
