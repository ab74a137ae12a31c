"""One import at a time into a store that has no locks: by a file that says whose turn it is, and signs of life.

Turns have numbers, and `create` gives each number once. Who has one writes it anew now and then; a turn is over when it
says so, or when its process is gone: known on the same machine, held for gone elsewhere after it was silent for long.
Who was held for gone in error is told so before it writes more.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from tauro_nb.errors import KeyMissing, LockTimeout, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.claims import create_own
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.heartbeat import MISSED_BEATS, silence_ns
from tauro_nb.mlops.tracking.records import Owner
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

_FOLDER = keys.logs("imports")


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    """``logs/imports/<number>.json``."""

    nonce: str
    owner: Owner
    is_over: bool = False


@contextlib.contextmanager
def held(
    store: Store, *, clock: Callable[[], int] = time.time_ns, beat_s: float = owner.BEAT_S
) -> Iterator[Callable[[], None]]:
    """Hold the turn for the ``with`` block, which gets what raises if the turn was taken away meanwhile.

    Parameters
    ----------
    beat_s : float
        How often a sign of life is given.

    Raises
    ------
    LockTimeout
        Another import into this store is under way.
    StoreError
    """
    mine = _Turn(nonce=os.urandom(8).hex(), owner=msgspec.structs.replace(owner.this_process(), beat_s=beat_s))
    number = _taken(store, mine, clock)
    ended = threading.Event()

    def check() -> None:
        if _last(store) != number:
            raise LockTimeout(
                f"{store.location}: another import has begun, which held this one for gone",
                fix="import again when that is done; what is here already is not taken again",
            )

    def beat() -> None:
        while not ended.wait(beat_s):
            # The next one may come through; who is silent for long loses the turn.
            with contextlib.suppress(StoreError):
                store.put(_key(number), encoding.encode(mine))

    heart = threading.Thread(target=beat, name="tauro-import-turn", daemon=True)
    heart.start()
    try:
        yield check
    finally:
        ended.set()
        heart.join()
        store.put(_key(number), encoding.encode(msgspec.structs.replace(mine, is_over=True)))


def _taken(store: Store, mine: _Turn, clock: Callable[[], int]) -> int:
    """Take the next turn, and return its number."""
    while True:
        last = _last(store)
        try:
            if last:
                _refuse_if_held(store, last, clock)
        except KeyMissing:  # whoever has the next turn has removed it
            continue
        if not create_own(store, _key(last + 1), encoding.encode(mine)):
            continue
        numbers = _numbers(store)
        if max(numbers) > last + 1:  # several turns have passed since it was looked, and this number with them
            store.delete(_key(last + 1))
            continue
        for number in numbers:
            if number <= last:
                store.delete(_key(number))
        return last + 1


def _refuse_if_held(store: Store, number: int, clock: Callable[[], int]) -> None:
    turn = encoding.read(store, _key(number), _Turn)
    if turn.is_over or owner.is_gone(turn.owner):
        return
    beat_s = turn.owner.beat_s or owner.BEAT_S
    silent_ns = clock() - store.stat(_key(number)).modified_ns
    if silent_ns < silence_ns(beat_s):
        raise LockTimeout(
            f"{store.location}: another import is under way, by process {turn.owner.pid} on {turn.owner.host}",
            fix=f"wait until it is done; if it was killed there, until {MISSED_BEATS * beat_s:g} s after that",
        )


def _last(store: Store) -> int:
    return max(_numbers(store), default=0)


def _numbers(store: Store) -> list[int]:
    found = (keys.number(entry.name) for entry in store.list(_FOLDER))
    return [number for number in found if number is not None]


def _key(number: int) -> str:
    return f"{_FOLDER}/{number}.json"
