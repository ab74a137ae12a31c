"""What a user reads when the disk will not: every error of the system has its words, at one boundary."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro_nb.errors import KeyMissing, StoreError, UnsafePath
from tauro_nb.store import LocalStore, walk
from tauro_nb.store.disk import DiskErrors

LACKS_A_FILE = {errno.ENOENT, errno.ENOTDIR}
"""What the system says where a file or folder on the way is not there; a reader is told `KeyMissing`."""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "data")
    store.put("a/x", b"old")
    return store


def acts(store: LocalStore, tmp_path: Path) -> dict[str, Callable[[], object]]:
    source = tmp_path / "source"
    source.write_bytes(b"new")
    return {
        "create": lambda: store.create("a/new", b"new"),
        "put": lambda: store.put("a/x", b"new"),
        "put_file": lambda: store.put_file("a/x", source),
        "get": lambda: store.get("a/x"),
        "get_file": lambda: store.get_file("a/x", tmp_path / "target"),
        "list": lambda: list(store.list("a")),
        "stat": lambda: store.stat("a/x"),
        "delete": lambda: store.delete("a/x"),
        "local_dir": lambda: store.local_dir("a"),
        "rename": lambda: store.rename("a", "b"),
        "remove_tree": lambda: store.remove_tree("a"),
        "lock": lambda: store.lock("m").__enter__(),
    }


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=errno.errorcode.get)
def test_every_error_of_the_system_is_mapped_with_its_place_and_a_mend(number: int) -> None:
    with pytest.raises(StoreError) as told, DiskErrors("write", "/the/store", "the/key"):
        raise OSError(number, os.strerror(number), "name")
    assert str(told.value).startswith("cannot write /the/store/the/key: ")
    assert told.value.fix
    assert told.value.errno == number
    assert isinstance(told.value.__cause__, OSError)


@pytest.mark.parametrize("error", [OSError(), OSError("no number"), TimeoutError(), shutil.Error("x")])
def test_an_error_without_a_number_is_mapped_too(error: OSError) -> None:
    with pytest.raises(StoreError) as told, DiskErrors("read", "/x"):
        raise error
    assert str(told.value).startswith("cannot read /x: ")
    assert not str(told.value).endswith(": ")
    assert told.value.fix


@pytest.mark.parametrize("error", [KeyMissing("x"), UnsafePath("x"), ValueError("x"), KeyboardInterrupt()])
def test_other_errors_pass_the_boundary_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as told, DiskErrors("read", "/x"):
        raise error
    assert told.value is error


def test_a_mapped_error_survives_pickling() -> None:
    with pytest.raises(StoreError) as told, DiskErrors("write", "/x"):
        raise OSError(errno.ENOSPC, "full")
    again = pickle.loads(pickle.dumps(told.value))
    assert str(again) == str(told.value)
    assert again.fix == told.value.fix


NUMBERS = [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOTDIR, errno.ESTALE, errno.EDQUOT]


def test_no_method_lets_an_error_of_the_system_out(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = acts(store, tmp_path)
    told: dict[tuple[str, int], object] = {}
    for number in NUMBERS:

        def broken(path: str, *args: object, number: int = number, **kwargs: object) -> int:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", broken)
            for name, call in calls.items():
                try:
                    told[name, number] = call()
                except BaseException as error:  # noqa: BLE001 - its kind is what is tested
                    told[name, number] = error
    assert len(told) == len(NUMBERS) * 12
    for (_, number), answer in told.items():
        if isinstance(answer, BaseException):
            assert isinstance(answer, StoreError)
            assert answer.fix or isinstance(answer, KeyMissing)
        else:
            assert answer in ([], False)
            assert number in LACKS_A_FILE
    assert store.get("a/x") == b"old"


def test_a_file_in_place_of_the_store_s_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(StoreError, match="a file stands where a folder should be") as told:
        LocalStore(tmp_path / "data").put("a", b"1")
    assert str(tmp_path / "data") in str(told.value)
    assert (tmp_path / "data").read_bytes() == b"a file"


# --- real disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"this user may not mount a small disk: {made.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast


def names_on(disk: Path) -> list[str]:
    return sorted(path.name for path in disk.rglob("*") if path.is_file())


def test_a_full_disk_is_told_leaves_what_was_there_and_works_again_with_room(small_disk: Path, tmp_path: Path) -> None:
    store = LocalStore(small_disk / "data")
    store.put("a/x", b"old")
    store.put("a/y", b"y")
    ballast = fill(small_disk)
    source = tmp_path / "source"
    source.write_bytes(b"z" * 50_000)
    for act in (
        lambda: store.put("a/x", b"n" * 50_000),
        lambda: store.put_file("a/x", source),
        lambda: store.create("a/new", b"n" * 50_000),
        lambda: store.create("b/c/new", b"n" * 50_000),
    ):
        with pytest.raises(StoreError, match="no space left") as told:
            act()
        assert told.value.errno == errno.ENOSPC
        assert "storage_path" in str(told.value.fix)
    assert names_on(small_disk) == ["ballast", "format.json", "x", "y"]
    assert store.get("a/x") == b"old"
    assert store.delete("a/y") is True
    ballast.unlink()
    store.put("a/x", b"new")
    assert store.get("a/x") == b"new"


def test_a_full_disk_cannot_begin_a_store(small_disk: Path) -> None:
    fill(small_disk)
    store = LocalStore(small_disk / "data")
    with pytest.raises(StoreError, match="no space left"):
        store.put("a", b"1")
    assert list(walk(store)) == []


def test_a_read_only_disk_can_be_read_and_says_that_it_cannot_be_written(small_disk: Path, tmp_path: Path) -> None:
    store = LocalStore(small_disk / "data")
    store.put("a/x", b"old")
    left = store.root / "a" / ".tauro-tmp-0123abcd-1-0123456789abcdef"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.get("a/x") == b"old"
    assert list(walk(LocalStore(store.root))) == ["a/x", "format.json"]
    writes = acts(store, tmp_path)
    for name in ("create", "put", "put_file", "delete", "rename", "remove_tree", "lock"):
        with pytest.raises(StoreError, match="read-only") as told:
            writes[name]()
        assert told.value.fix
        assert str(store.root) in str(told.value)
    with pytest.raises(StoreError, match="read-only"):
        LocalStore(small_disk / "other").put("a", b"1")


UNPRIVILEGED = """
import os, sys
from tauro_nb.errors import StoreError
from tauro_nb.store import LocalStore

if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = LocalStore(sys.argv[1])
for act in (lambda: store.put("a/x", b"new"), lambda: store.create("a/y", b""), lambda: store.delete("a/x")):
    try:
        act()
    except StoreError as error:
        print(error.errno, error, error.fix)
print(store.get("a/x").decode())
"""


def test_a_folder_that_may_not_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # pytest's own folders are closed to others
        store = LocalStore(Path(place) / "data")
        store.put("a/x", b"old")
        for folder in (store.root, store.root / "a"):
            folder.chmod(0o555)
        told = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, store.location], capture_output=True, text=True, check=True
        )
        for folder in (store.root, store.root / "a"):
            folder.chmod(0o755)
        *errors, value = told.stdout.splitlines()
        assert value == "old"
        assert len(errors) == 3
        for line in errors:
            assert line.startswith(f"{errno.EACCES} cannot ")
            assert store.location in line
            assert "permission denied" in line
            assert "give this user the right" in line


LIMITED = """
import resource, sys
from tauro_nb.errors import StoreError
from tauro_nb.store import LocalStore

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = LocalStore(sys.argv[1])
acts = (
    lambda: store.put("a/x", b"n" * 200_000),
    lambda: store.create("a/new", b"n" * 200_000),
    lambda: store.put_file("a/x", sys.argv[2]),
)
for act in acts:
    try:
        act()
    except StoreError as error:
        print(error)
store.put("a/small", b"small")
"""


def test_a_limit_on_file_size_is_an_error_and_the_process_lives(store: LocalStore, tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0
    large = tmp_path / "large"
    large.write_bytes(b"n" * 200_000)
    command = [sys.executable, "-c", LIMITED, store.location, str(large)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.count("larger than the system allows") == 3
    assert {key: store.get(key) for key in walk(store, "a")} == {"a/small": b"small", "a/x": b"old"}
    assert list(store.root.rglob(".tauro-tmp-*")) == []
