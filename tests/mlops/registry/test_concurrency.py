"""Many registrants, lost acknowledgements, and registrants that are killed at each step."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.errors import LockTimeout
from tauro_nb.mlops.registry import claims
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.walk import walk

MANY = """
import os, sys
from pathlib import Path
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore

root, processes, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ready, go = os.pipe(), os.pipe()
children = []
for child in range(processes):
    pid = os.fork()
    if pid == 0:
        here = root / f"cwd{child}"
        here.mkdir()
        os.chdir(here)
        registry = ModelRegistry(LocalStore("../store"))
        os.write(ready[1], b".")
        os.close(go[1])
        os.read(go[0], 1)
        for i in range(each):
            registry.register_model({"child": child, "i": i}, "m", tags={"child": child})
        os._exit(0)
    children.append(pid)
for _ in children:
    os.read(ready[0], 1)
os.close(go[1])
failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
sys.exit(len(failed))
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="forks")
@pytest.mark.parametrize(("processes", "each"), [(8, 25)])
def test_processes_in_different_folders_register_one_model_without_gap_or_loss(
    processes: int, each: int, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-c", MANY, str(tmp_path), str(processes), str(each)], check=True)

    registry = ModelRegistry(LocalStore(tmp_path / "store"))
    versions = registry.versions("m")
    assert [version.version for version in versions] == list(range(1, processes * each + 1))
    loaded = {(model["child"], model["i"]) for model in (version.load() for version in versions)}
    assert loaded == {(child, i) for child in range(processes) for i in range(each)}
    assert registry.leftovers() == []


def test_threads_register_one_model_without_gap_or_loss_where_only_create_arbitrates() -> None:
    store = MemoryStore()
    start = threading.Barrier(8)

    def register(child: int) -> None:
        registry = ModelRegistry(store)
        start.wait()
        for i in range(10):
            registry.register_model((child, i), "m")

    threads = [threading.Thread(target=register, args=(child,)) for child in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    registry = ModelRegistry(store)
    versions = registry.versions("m")
    assert [version.version for version in versions] == list(range(1, 81))
    assert {version.load() for version in versions} == {(child, i) for child in range(8) for i in range(10)}
    assert registry.leftovers() == []


class Forgetful(MemoryStore):
    """Loses the acknowledgement of every other create, as a network does."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0

    def create(self, key: str, data: bytes) -> bool:
        made = super().create(key, data)
        self._turn += 1
        return made and self._turn % 2 == 0


def test_a_create_that_was_refused_may_have_been_ones_own() -> None:
    store = Forgetful()
    registry = ModelRegistry(store)
    assert [registry.register_model(i, "m").version for i in range(6)] == [1, 2, 3, 4, 5, 6]
    for version in (1, 2, 3):
        registry.promote("m", version)
    acts = registry.history("m")["act"].tolist()
    assert acts.count("promoted") == 3
    assert registry.leftovers() == []


class Interrupting(MemoryStore):
    """The user presses stop right after the record was written."""

    def create(self, key: str, data: bytes) -> bool:
        super().create(key, data)
        raise KeyboardInterrupt


def test_an_interrupt_after_the_record_was_written_leaves_a_whole_version() -> None:
    store = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        ModelRegistry(store).register_model("whole", "m")
    assert ModelRegistry(store).load_model("m") == "whole"


@pytest.mark.parametrize("act", ["rename", "create"])
def test_a_failing_disk_leaves_the_local_store_as_it_was(act: str, tmp_path: Path, monkeypatch: Any) -> None:
    store = LocalStore(tmp_path)
    registry = ModelRegistry(store)
    registry.register_model(1, "m")
    before = list(walk(store))

    def fail(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, act, fail)
    with pytest.raises(OSError, match="No space"):
        registry.register_model(2, "m")
    monkeypatch.undo()

    assert list(walk(store)) == before
    assert registry.leftovers() == []
    assert registry.register_model(2, "m").version == 2


def test_a_lock_held_too_long_is_an_error_and_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    store = LocalStore(tmp_path)
    registry = ModelRegistry(store)
    registry.register_model(1, "m")
    before = list(walk(store))
    monkeypatch.setattr(claims, "LOCK_TIMEOUT_S", 0.05)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with claims.registration_lock(store, "m"):
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        with pytest.raises(LockTimeout):
            registry.register_model(2, "m")
    finally:
        release.set()
        holder.join()
    assert list(walk(store)) == before
    assert registry.register_model(2, "m").version == 2


def test_models_do_not_wait_for_each_other(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with claims.registration_lock(store, "other"):
        assert ModelRegistry(store).register_model(1, "m").version == 1


KILLED = """
import json, os, signal, sys
from pathlib import Path
from tauro_nb.mlops.registry import artifacts, flavors
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore

root = Path(sys.argv[1])

class Killing:
    step, at = 0, None

def dies(call):
    # a fault point before and after the call
    def wrapped(*args, **kwargs):
        result = None
        for moment in ("before", "after"):
            if moment == "after":
                result = call(*args, **kwargs)
            if Killing.step == Killing.at:
                os.kill(os.getpid(), signal.SIGKILL)
            Killing.step += 1
        return result
    return wrapped

def register(at):
    store = LocalStore(root)
    for name in ("local_dir", "make_durable", "rename", "create"):
        setattr(store, name, dies(getattr(store, name)))
    artifacts.Upload.add = dies(artifacts.Upload.add)
    flavors.save_model = dies(flavors.save_model)
    Killing.at = at
    ModelRegistry(store).register_model({"killed at": at}, "m")

killed, at = [], 0
while True:
    pid = os.fork()
    if pid == 0:
        register(at)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    survivor = ModelRegistry(LocalStore(root))
    survivor.register_model({"after": at}, "m")
    if status == 0:
        break
    killed.append(at)
    at += 1
print(json.dumps(killed))
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="forks")
def test_a_registrant_killed_at_any_step_leaves_nothing_half_made(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    killed = json.loads(out.stdout)
    assert len(killed) >= 10

    registry = ModelRegistry(LocalStore(tmp_path))
    versions = registry.versions("m")
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    models = [version.load() for version in versions]
    assert [model["after"] for model in models if "after" in model] == [*killed, len(killed)]
    # killed after the record was written: a whole version; killed before: none
    assert [model["killed at"] for model in models if "killed at" in model] == [killed[-1], len(killed)]

    left = registry.leftovers()
    assert left
    assert all(leftover.abandoned and leftover.why for leftover in left)
    assert registry.sweep() == left
    assert registry.leftovers() == []
    assert [version.load() for version in registry.versions("m")] == models
    folder = tmp_path / "model_registry" / "artifacts" / "m"
    assert sorted(int(path.name) for path in folder.iterdir()) == list(range(1, len(versions) + 1))


def test_what_is_being_registered_is_no_abandoned_leftover(tmp_path: Path) -> None:
    registry = ModelRegistry(LocalStore(tmp_path))
    seen = []

    class Looking:
        def __reduce__(self) -> Any:
            seen.extend(registry.leftovers())
            assert registry.sweep() == []
            return (dict, ())

    assert registry.register_model(Looking(), "m").load() == {}
    assert [(leftover.why, leftover.abandoned) for leftover in seen] == [("being registered just now", False)]
