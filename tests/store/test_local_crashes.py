"""Writers that are killed: real processes, a real SIGKILL, at every step of a write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tauro_nb.store import LocalStore, walk

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and fork are POSIX")

DIES_AT_EVERY_STEP = """
import json, os, signal, sys
from tauro_nb.store import LocalStore, walk

root, act = sys.argv[1:]
steps = ["open", "write", "fsync", "link" if act == "create" else "replace", "unlink", "rmdir", "rename"]

def dying(nth):
    count = 0
    def wrap(real):
        def call(*args, **kwargs):
            nonlocal count
            if real is os_open and not str(args[0]).startswith(".tauro-"):
                return real(*args, **kwargs)
            for moment in "before", "after":
                count += 1
                if count == nth:
                    os.kill(os.getpid(), signal.SIGKILL)
                if moment == "before":
                    told = real(*args, **kwargs)
            return told
        return call
    os_open = os.open
    for name in steps:
        setattr(os, name, wrap(getattr(os, name)))

def do(store):
    if act == "remove_tree":
        store.remove_tree("a")
    else:
        getattr(store, act)("a/key", b"new" * 1000)

for nth in range(1, 100):
    place = f"{root}/{nth}"
    store = LocalStore(place)
    store.put("a/old", b"old")
    store.put("a/b/old", b"old")
    if act == "put":
        store.put("a/key", b"before")
    child = os.fork()
    if child == 0:
        dying(nth)
        do(store)
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    names = [path for path, _, files in os.walk(place) for name in files if name.startswith(".tauro-")]
    found = {key: store.get(key).decode() for key in walk(store) if key.startswith("a/")}
    left = [name for _, folders, files in os.walk(place) for name in [*folders, *files] if name.startswith(".tauro-")]
    do(LocalStore(place))
    after = {key: store.get(key).decode() for key in walk(store, "a")}
    print(json.dumps({"died": died, "leftovers": len(names), "left": left, "found": found, "after": after}))
    if not died:
        break
"""


def python(*arguments: str | os.PathLike[str]) -> list[str]:
    return [sys.executable, *map(str, arguments)]


@pytest.mark.parametrize("act", ["create", "put", "remove_tree"])
def test_a_writer_killed_at_any_step_leaves_all_or_nothing_and_stops_nobody(tmp_path: Path, act: str) -> None:
    told = subprocess.run(
        python("-c", DIES_AT_EVERY_STEP, tmp_path, act), capture_output=True, text=True, check=True, timeout=120
    )
    cases = [json.loads(line) for line in told.stdout.splitlines()]
    assert sum(case["died"] for case in cases) >= 8
    assert cases[-1]["died"] is False
    if act != "remove_tree":
        assert any(case["leftovers"] for case in cases)
    kept, new = {"a/old": "old", "a/b/old": "old"}, {"a/key": "new" * 1000}
    allowed = {
        "create": [kept, kept | new],
        "put": [kept | {"a/key": "before"}, kept | new],
        "remove_tree": [kept, {}],
    }[act]
    for case in cases:
        assert case["found"] in allowed
        assert case["left"] == []
        assert case["after"] == allowed[1]


STUCK = """
import os, sys, time
from tauro_nb.store import LocalStore

def stuck(fd):
    print("writing", flush=True)
    time.sleep(600)

os.fsync = stuck
LocalStore(sys.argv[1]).put("a/key", b"half a value")
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "data")
    store.put("a/x", b"1")
    return store


def leftovers(store: LocalStore) -> list[Path]:
    return sorted(store.root.rglob(".tauro-tmp-*"))


def test_what_a_live_writer_is_at_is_neither_seen_nor_swept(store: LocalStore) -> None:
    with subprocess.Popen(python("-c", STUCK, store.root), stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
            assert list(walk(store, "a")) == ["a/x"]
            assert len(leftovers(store)) == 1
            assert store.create("a/key", b"mine") is True
        finally:
            writer.kill()
            writer.wait()
        assert [entry.name for entry in store.list("a")] == ["key", "x"]
        assert leftovers(store) == []


def test_what_a_writer_elsewhere_left_is_swept_only_when_it_is_old(store: LocalStore) -> None:
    left = store.root / "a" / ".tauro-tmp-0123abcd-1-0123456789abcdef"
    left.write_bytes(b"half")
    assert [entry.name for entry in store.list("a")] == ["x"]
    assert left.exists()
    two_days_ago = time.time() - 2 * 86_400
    os.utime(left, (two_days_ago, two_days_ago))
    assert [entry.name for entry in store.list("a")] == ["x"]
    assert not left.exists()


@pytest.mark.parametrize("name", [".tauro-tmp-x", ".tauro-else", ".tauro-tmp-0123abcd-1-0123456789abcdef.txt"])
def test_what_no_writer_of_ours_made_is_never_swept(store: LocalStore, name: str) -> None:
    other = store.root / "a" / name
    other.write_bytes(b"keep")
    os.utime(other, (0, 0))
    assert [entry.name for entry in store.list("a")] == ["x"]
    assert other.exists()


@pytest.mark.parametrize("act", ["create", "put"])
def test_a_writer_whose_file_was_swept_meanwhile_writes_it_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    real = os.fsync
    sweeps = iter([True])

    def fsync(fd: int) -> None:
        real(fd)
        if next(sweeps, False):
            leftovers(store)[0].unlink()

    monkeypatch.setattr(os, "fsync", fsync)
    getattr(store, act)("a/key", b"value")
    assert store.get("a/key") == b"value"


def test_a_keyboard_interrupt_leaves_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put("a/key", b"value")
    assert leftovers(store) == []
    assert list(walk(store, "a")) == ["a/x"]
