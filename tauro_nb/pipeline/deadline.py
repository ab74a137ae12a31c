"""The time-out of a node that runs in the main thread: an interval timer whose signal stops the user's code."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType

from tauro_nb.errors import NodeTimeout
from tauro_nb.pipeline.frames import user_traceback


class DeadlinePassed(SystemExit):
    """Raised inside the user's code; no `Exception`, which the code itself might catch and go on.

    A `SystemExit`, because an open run that one passes through is FAILED, and not INTERRUPTED by the user.
    """


def is_possible() -> bool:
    """Tell whether a time-out can be kept here: in the main thread, on a system with interval timers."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """Stop the ``with`` block after `seconds`.

    A timer that was running before goes on afterwards, with the time taken off that the block took.

    Raises
    ------
    NodeTimeout
        The block took longer, whatever it did about that; its traceback is that of the user's code.
    """
    armed = True
    passed = False

    def on_alarm(_: int, __: FrameType | None) -> None:
        nonlocal passed
        if armed:
            passed = True
            raise DeadlinePassed(f"{what} ran longer than its timeout_s of {seconds:g} s")

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, on_alarm)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        try:
            yield
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1e-3), interval)
    except BaseException as error:
        if not passed or isinstance(error, KeyboardInterrupt):
            raise
        cause = None if isinstance(error, DeadlinePassed) else error
        frames = user_traceback(error.__traceback__)
        _cut(frames, on_alarm.__code__)
        raise _timeout(what, seconds).with_traceback(frames) from cause
    if passed:
        raise _timeout(what, seconds)


def _cut(frames: TracebackType | None, code: CodeType) -> None:
    """Let a traceback end before the frame that runs `code`."""
    while frames is not None:
        if frames.tb_next is not None and frames.tb_next.tb_frame.f_code is code:
            frames.tb_next = None
        frames = frames.tb_next


def _timeout(what: str, seconds: float) -> NodeTimeout:
    return NodeTimeout(
        f"{what} ran longer than its timeout_s of {seconds:g} s",
        fix="raise timeout_s in its node, or give it less to do",
    )
