"""A disk without hard links (FAT, some network and phone storage): the store's lock decides who creates."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tauro_nb.store import LocalStore
from tauro_nb.store.publish import LINKLESS
from tauro_nb.testing.store_contract import StoreContract


def no_link(number: int) -> None:
    def link(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    os.link = link


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr(os, "link", os.link)
    no_link(errno.EPERM)
    return LocalStore(tmp_path / "data")


def test_of_racing_threads_exactly_one_creates(store: LocalStore) -> None:
    StoreContract().test_of_racing_threads_exactly_one_creates(store)


@pytest.mark.parametrize("number", sorted(LINKLESS), ids=errno.errorcode.get)
def test_each_way_to_say_that_there_are_no_links_is_understood(store: LocalStore, number: int) -> None:
    no_link(number)
    assert store.create("a/b", b"1") is True
    assert store.create("a/b", b"2") is False
    assert store.get("a/b") == b"1"
    assert list(store.root.rglob(".tauro-tmp-*")) == []


RACER = """
import os, sys
from tauro_nb.store import LocalStore

def link(*args, **kwargs):
    raise PermissionError(1, "Operation not permitted")

os.link = link
store = LocalStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(*[number for number in range(60) if store.create(f"race/{number}", sys.argv[2].encode())])
"""


def test_of_racing_processes_exactly_one_creates(tmp_path: Path) -> None:
    place = tmp_path / "data"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(place), str(racer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for racer in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    won = {number: set(map(int, racer.communicate()[0].split())) for number, racer in enumerate(racers)}
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sorted(key for keys in won.values() for key in keys) == list(range(60))
    store = LocalStore(place)
    for racer, keys in won.items():
        assert all(store.get(f"race/{key}") == str(racer).encode() for key in keys)


@pytest.mark.parametrize("name", ["create", ".create", "creating a value"])
def test_a_lock_of_the_caller_s_is_never_the_one_that_decides(store: LocalStore, name: str) -> None:
    with store.lock(name):
        assert store.create("a/y", b"2") is True


def test_a_link_that_a_network_disk_made_but_reported_as_refused_is_known_as_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)
        raise FileExistsError(errno.EEXIST, "the repeated request found the link of the first")

    monkeypatch.setattr(os, "link", link)
    store = LocalStore(tmp_path / "data")
    assert store.create("a", b"1") is True
    assert store.get("a") == b"1"
