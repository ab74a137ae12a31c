"""Types that msgspec learns: by one thread at a time, wherever something is decoded or converted."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tauro_nb

PACKAGE = Path(tauro_nb.__file__).parent
PLAIN = {"list[Row]", "list[msgspec.Raw]"}
"""Hold no struct, so there is nothing to learn."""

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
    # in a process of its own, for what goes wrong there is a crash
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)


def kinds_asked_for(path: Path) -> Iterator[str]:
    """Yield what stands for the type in each call that has msgspec decode or convert to one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and called == "msgspec.convert":
            yield ast.unparse(node.args[1])
        elif isinstance(node, ast.Call) and called in {"msgspec.json.decode", "msgspec.msgpack.decode"}:
            yield from (ast.unparse(each.value) for each in node.keywords if each.arg == "type")


def test_whatever_decodes_or_converts_has_the_type_learnt_first() -> None:
    rooms = (path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts)
    asked = {(path.name, kind) for path in rooms for kind in kinds_asked_for(path)}
    assert len(asked) > 5
    assert [each for each in sorted(asked) if not each[1].startswith("known(") and each[1] not in PLAIN] == []
