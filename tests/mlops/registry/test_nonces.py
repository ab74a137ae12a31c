from __future__ import annotations

import subprocess
import sys
import time

from tauro_nb.mlops.registry.nonces import is_abandoned, nonce


def test_no_two_are_the_same() -> None:
    assert len({nonce() for _ in range(1_000)}) == 1_000


def test_what_a_live_process_made_is_not_abandoned_for_a_day() -> None:
    mine = nonce()
    assert not is_abandoned(mine, time.time())
    assert not is_abandoned(mine, time.time() - 86_000)
    assert is_abandoned(mine, time.time() - 87_000)


def test_what_a_dead_process_made_is_abandoned_at_once() -> None:
    code = "from tauro_nb.mlops.registry.nonces import nonce; print(nonce())"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, encoding="utf-8")
    assert is_abandoned(out.stdout.strip(), time.time())


def test_of_what_another_machine_made_only_time_tells() -> None:
    place, *rest = nonce().split("-")
    theirs = "-".join([place[::-1] + "x", *rest])
    assert not is_abandoned(theirs, time.time())
    assert is_abandoned(theirs, time.time() - 87_000)


def test_what_is_no_nonce_is_left_alone_for_a_day() -> None:
    assert not is_abandoned("something", time.time())
    assert is_abandoned("something", time.time() - 87_000)
