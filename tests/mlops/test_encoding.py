"""Reading records in several threads at once: in a process of its own, for what goes wrong there is a crash."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import records
from tauro_nb.store.memory import MemoryStore

sys.setswitchinterval(1e-6)
store, together = MemoryStore(), Barrier(8)
record = b'{"run_id": "a", "name": "b", "experiment": "c", "status": "RUNNING", "started_at_ns": 1}'

def read(kind):
    together.wait()
    encoding.decode(record, kind, store=store, key="run.json")

with ThreadPoolExecutor(8) as pool:
    for _ in range(120):
        list(pool.map(read, [importlib.reload(records).RunRecord] * 8))
"""


def test_threads_that_read_the_first_record_of_a_kind_at_once_do_not_crash_the_process() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
