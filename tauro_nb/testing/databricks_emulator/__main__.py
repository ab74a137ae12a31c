"""Run the emulator from a shell: ``python -m tauro_nb.testing.databricks_emulator --port 0 --root DIR``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from tauro_nb.testing.databricks_emulator.emulator import DatabricksEmulator


def main() -> None:
    """Serve until interrupted or terminated."""
    parser = argparse.ArgumentParser(prog="python -m tauro_nb.testing.databricks_emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--root", help="where files are kept; without it they go away at the end")
    parser.add_argument("--volume", action="append", default=[], metavar="A.B[.C]", help="make this schema or volume")
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with DatabricksEmulator(chosen.root, port=chosen.port, token=os.environ.get("DATABRICKS_TOKEN")) as emulator:
        for volume in chosen.volume:
            emulator.volumes.folder(*volume.split(".")).mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"export DATABRICKS_HOST={emulator.host}\nexport DATABRICKS_TOKEN={emulator.token}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
