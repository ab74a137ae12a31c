from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

from tauro_nb.errors import LockTimeout, StoreError, UnsafePath
from tauro_nb.store import LocalStore

HOLDER = """
import sys
from tauro_nb.store import LocalStore

with LocalStore(sys.argv[1]).lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
print("given back", flush=True)
"""

COUNTER = """
import sys
from tauro_nb.store import LocalStore

store = LocalStore(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with store.lock("counter", 60):
        try:
            count = int(store.get("count"))
        except LookupError:
            count = 0
        store.put("count", str(count + 1).encode())
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "data")


@contextmanager
def another_process_holds(store: LocalStore, name: str, cwd: str = "/") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, store.location, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_lock_held_by_another_process_times_out_and_names_both(store: LocalStore) -> None:
    with another_process_holds(store, "registry of m") as holder:
        began = time.monotonic()
        with pytest.raises(LockTimeout) as told, store.lock("registry of m", timeout_s=0.2):
            pytest.fail("ran without the lock")
        assert 0.2 <= time.monotonic() - began < 5
        assert "registry of m" in str(told.value)
        assert f"process {holder.pid}" in str(told.value)
        assert "0.2 s" in str(told.value)
        assert told.value.fix
        assert isinstance(told.value, TimeoutError)


def test_other_names_are_other_locks(store: LocalStore) -> None:
    with another_process_holds(store, "one"), store.lock("other", timeout_s=0):
        pass


def test_a_lock_is_free_when_its_holder_gives_it_back(store: LocalStore) -> None:
    with another_process_holds(store, "m") as holder:
        holder.communicate("\n")
        with store.lock("m", timeout_s=0):
            pass


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_lock_is_free_as_soon_as_its_holder_is_killed(store: LocalStore) -> None:
    with another_process_holds(store, "m") as holder:
        threading.Timer(0.2, holder.send_signal, [signal.SIGKILL]).start()
        with store.lock("m", timeout_s=30):
            assert holder.wait() == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="SIGSTOP is POSIX")
def test_a_lock_is_never_taken_from_a_live_holder_however_long_it_sleeps(store: LocalStore) -> None:
    with another_process_holds(store, "m") as holder:
        holder.send_signal(signal.SIGSTOP)
        for path in store.root.rglob("*.lock"):
            os.utime(path, (0, 0))
        with pytest.raises(LockTimeout), store.lock("m", timeout_s=0.3):
            pytest.fail("robbed")
        holder.send_signal(signal.SIGCONT)
        out, _ = holder.communicate("\n")
        assert out == "given back\n"


def test_processes_in_different_folders_share_the_lock(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("x", b"")
    with another_process_holds(store, "m", cwd=str(tmp_path)):
        monkeypatch.chdir(tmp_path)
        relative = LocalStore("data")
        monkeypatch.chdir("/")
        with pytest.raises(LockTimeout), relative.lock("m", timeout_s=0.05):
            pytest.fail("ran without the lock")


def test_processes_that_change_a_value_under_a_lock_lose_nothing(store: LocalStore) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", COUNTER, store.location, "40"]) for _ in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    assert store.get("count") == b"160"


@pytest.mark.parametrize("same_object", [True, False])
def test_threads_exclude_each_other(store: LocalStore, same_object: bool) -> None:
    inside, most = 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        mine = store if same_object else LocalStore(store.location)
        with mine.lock("m", timeout_s=30):
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert most == 1


@pytest.mark.parametrize("same_object", [True, False])
def test_a_thread_that_asks_for_what_it_holds_is_told_at_once(store: LocalStore, same_object: bool) -> None:
    with store.lock("m"):
        began = time.monotonic()
        inner = store if same_object else LocalStore(store.location)
        with pytest.raises(LockTimeout, match="this very thread"), inner.lock("m", timeout_s=30):
            pytest.fail("took it twice")
        assert time.monotonic() - began < 5
        with store.lock("other"):
            pass
    with store.lock("m", timeout_s=0):
        pass


@pytest.mark.parametrize("error", [OSError("mine"), KeyboardInterrupt(), ValueError("x"), FileNotFoundError(2, "x")])
def test_an_error_of_the_block_stays_itself_and_frees_the_lock(store: LocalStore, error: BaseException) -> None:
    with pytest.raises(type(error)) as told, store.lock("m"):
        raise error
    assert told.value is error
    with store.lock("m", timeout_s=0):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_neither_has_nor_keeps_its_parent_s_lock(store: LocalStore) -> None:
    script = """
import os, sys
from tauro_nb.errors import LockTimeout
from tauro_nb.store import LocalStore

store = LocalStore(sys.argv[1])
told, tell = os.pipe()
gate, gate_out = os.pipe()
with store.lock("m"):
    if os.fork() == 0:
        try:
            with store.lock("m", timeout_s=0.05):
                os.write(tell, b"took it")
        except LockTimeout as error:
            os.write(tell, b"thinks it has it" if "this very thread" in str(error) else b"waited")
        os.close(gate_out)
        os.read(gate, 1)
        os._exit(0)
    print(os.read(told, 100).decode())
with store.lock("m", timeout_s=5):
    print("free")
"""
    told = subprocess.run(
        [sys.executable, "-c", script, store.location], check=True, timeout=60, capture_output=True, text=True
    )
    assert told.stdout.split("\n") == ["waited", "free", ""]


@pytest.mark.parametrize("name", ["a/b", "../../up", "..", "🚀", "CON", "x" * 300, "a\0b"])
def test_any_name_is_a_lock_and_stays_in_the_store(store: LocalStore, name: str, tmp_path: Path) -> None:
    with store.lock(name), pytest.raises(LockTimeout), LocalStore(store.location).lock(name, timeout_s=0):
        pytest.fail("held twice")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert list(store.list()) == list(LocalStore(store.location).list())
    assert [entry.name for entry in store.list()] == ["format.json"]


def test_a_lock_folder_that_is_a_link_is_refused(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    store.put("x", b"")
    (store.root / ".tauro-locks").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafePath), store.lock("m"):
        pytest.fail("followed the link")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_disk_that_cannot_lock_is_an_error_not_a_lock(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="the POSIX side")

    def flock(fd: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match="cannot lock"), store.lock("m"):
        pytest.fail("ran without the lock")


def test_who_waits_for_a_file_that_is_removed_meanwhile_waits_for_the_new_one(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, got, leave = threading.Event(), threading.Event(), threading.Event()
    real = filelock.lock_descriptor

    def lock_descriptor(fd: int, *, blocking: bool) -> bool:
        taken = real(fd, blocking=blocking)
        tried.set()
        return taken

    monkeypatch.setattr(filelock, "lock_descriptor", lock_descriptor)

    def wait() -> None:
        with store.lock("m", timeout_s=60):
            got.set()
            leave.wait(60)

    with another_process_holds(store, "m") as first:
        waiter = threading.Thread(target=wait)
        waiter.start()
        try:
            assert tried.wait(60)
            next(store.root.rglob("m.lock")).unlink()
            with another_process_holds(store, "m") as second:
                first.communicate("\n")
                assert not got.wait(0.3)
                second.communicate("\n")
                assert got.wait(60)
        finally:
            leave.set()
            waiter.join()


def test_an_interrupt_at_any_step_leaves_the_lock_free(store: LocalStore) -> None:
    # in a process of its own: between two steps where Python itself looks for no signal, a lock of threads stays taken
    script = """
import sys
from tauro_nb.store import LocalStore, locks

store = LocalStore(sys.argv[1])

def interrupted_at(step):
    left = step

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != locks.__file__ or frame.f_code.co_name == "__del__":
            return None
        frame.f_trace_opcodes = True
        left -= event == "opcode"
        if left == 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        with store.lock("m", timeout_s=0):
            pass
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False

steps = 1
while interrupted_at(steps):
    with LocalStore(store.location).lock("m", timeout_s=0):
        steps += 1
print(steps)
"""
    command = [sys.executable, "-c", script, store.location]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_a_process_whose_files_were_closed_can_still_lock(store: LocalStore) -> None:
    script = """
import os, sys, threading
from tauro_nb.store import LocalStore

store = LocalStore(sys.argv[1])

def work():
    with store.lock("other", timeout_s=30):
        print("locked", flush=True)

with store.lock("m"):
    os.closerange(3, 100)
    if os.fork() == 0:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(30)
        os._exit(0)
    os.wait()
    os._exit(0)
"""
    told = subprocess.run(
        [sys.executable, "-c", script, store.location], check=True, timeout=60, capture_output=True, text=True
    )
    assert told.stdout == "locked\n"
    assert told.stderr == ""
