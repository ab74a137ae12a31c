"""One import at a time into a store without locks, whoever was killed, slow, or asleep."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from tauro_nb.errors import LockTimeout
from tauro_nb.mlops import encoding
from tauro_nb.mlops.mlflow import turn
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.records import Owner
from tauro_nb.store.memory import MemoryStore

HOUR_NS = 3_600 * 10**9


def left_by(store: MemoryStore, who: Owner) -> None:
    """Leave a turn as a process does that was killed in it."""
    store.put("logs/imports/7.json", encoding.encode(turn._Turn(nonce="x", owner=who)))


def test_of_two_at_once_one_is_told_who_is_at_work_and_afterwards_has_its_turn() -> None:
    store = MemoryStore()
    refused = pytest.raises(LockTimeout, match="another import is under way, by process")
    with turn.held(store), refused as told, turn.held(store):
        raise AssertionError("two at once")
    assert "wait until it is done" in told.value.fix
    for _ in range(3):
        with turn.held(store) as check:
            check()
    assert len(list(store.list("logs/imports"))) == 1


def test_of_many_that_race_never_two_have_it() -> None:
    store, at_work, most, done = MemoryStore(), 0, 0, []
    counting = threading.Lock()

    def work() -> None:
        nonlocal at_work, most
        while len(done) < 40:
            try:
                with turn.held(store) as check:
                    with counting:
                        at_work += 1
                        most = max(most, at_work)
                    check()
                    with counting:
                        at_work -= 1
                        done.append(1)
            except LockTimeout:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (most, at_work) == (1, 0)


def test_the_turn_of_a_killed_process_is_free_here_at_once_and_elsewhere_when_it_was_silent_for_long() -> None:
    store, here = MemoryStore(), owner.this_process()
    left_by(store, msgspec.structs.replace(here, pid=2**22 + 1, started="1"))
    with turn.held(store) as check:
        check()
    store = MemoryStore()
    left_by(store, msgspec.structs.replace(here, host="elsewhere"))
    with pytest.raises(LockTimeout, match=f"by process {here.pid} on elsewhere"), turn.held(store):
        raise AssertionError("it may be at work")
    with turn.held(store, clock=lambda: time.time_ns() + HOUR_NS) as check:
        check()


def test_who_was_held_for_gone_in_error_writes_no_more() -> None:
    store = MemoryStore()
    with turn.held(store) as check:
        check()
        (first,) = store.list("logs/imports")
        asleep = encoding.read(store, f"logs/imports/{first.name}", turn._Turn)
        distant = msgspec.structs.replace(asleep.owner, host="elsewhere")
        store.put(f"logs/imports/{first.name}", encoding.encode(msgspec.structs.replace(asleep, owner=distant)))
        with turn.held(store, clock=lambda: time.time_ns() + HOUR_NS) as other:
            with pytest.raises(LockTimeout, match="held this one for gone"):
                check()
            other()


def test_a_turn_that_lasts_gives_signs_of_life() -> None:
    store = MemoryStore()
    with turn.held(store, beat_s=0.01):
        (entry,) = store.list("logs/imports")
        began_ns = store.stat(f"logs/imports/{entry.name}").modified_ns
        deadline_s = time.monotonic() + 60
        while store.stat(f"logs/imports/{entry.name}").modified_ns == began_ns:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
