"""Doing the same with many things, several at once, while somebody is told how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Tell = Callable[[int, int, str], object]
"""Hears how much is done, of how much, and what that is."""

AT_ONCE = 5
POLL_S = 0.2

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(
    given: Sequence[Given],
    act: Callable[[Given], Made],
    what: str,
    tell: Tell,
    *,
    weights: Sequence[int] | None = None,
    passed: Callable[[], int] = lambda: 0,
    stop: Callable[[], object] = lambda: None,
    at_once: int = AT_ONCE,
) -> list[Made]:
    """Return what `act` makes of each, in order.

    Parameters
    ----------
    what : str
        What was done with those that are done: ``copied``.
    weights : sequence of int, optional
        How much each is; else they are counted.
    passed : callable
        Returns how much is done at least, while what is under way is not done.
    stop : callable
        Called when the caller is interrupted, or one has failed: what is under way is to end soon.
    """
    sizes = [1] * len(given) if weights is None else weights
    total, done, count = sum(sizes), 0, 0
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="tauro-moving")
    try:
        futures: dict[Future[Made], int] = {pool.submit(act, one): place for place, one in enumerate(given)}
        waiting = set(futures)
        while waiting:
            ended, waiting = wait(waiting, POLL_S, FIRST_COMPLETED)
            for future in ended:
                future.result()
                done, count = done + sizes[futures[future]], count + 1
            tell(min(total, max(done, passed())), total, f"{count:,} of {len(given):,} {what}")
        return [future.result() for future in futures]
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
