"""When an interrupt strikes: in the user's code, at files and while waiting, and not in the middle of bookkeeping.

Where the main thread is when the signal comes decides, so there is no moment in between at which it would be wrong.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import signal
import threading
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

from tauro_nb.io.catalog import Catalog
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.pipeline.steps import Step

_OPEN = {code.__code__ for code in (Step.load, Step.run, Catalog.save, concurrent.futures.wait)}
_BRIEF = {ExperimentTracker.start_run.__code__}
"""What the user's code calls and must be done whole: the interrupt is tried again in a moment."""
_AGAIN_S = 0.01


class Interrupts:
    """Holds interrupts back during the ``with`` block, save where they may strike; does nothing in another thread.

    Parameters
    ----------
    closed : CodeType
        The function whose own doings are not interrupted.
    """

    def __init__(self, closed: CodeType) -> None:
        self.is_pending = False
        """Whether one was held back."""
        self._closed = closed
        self._outer: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._outer = handler
                signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._outer is None:
            return
        if signal.getsignal(signal.SIGINT) == self._on_interrupt:  # else the user's code has put another one there
            signal.signal(signal.SIGINT, self._outer)
        if self.is_pending:
            self._outer(signal.SIGINT, None)

    def take(self) -> bool:
        """Tell whether one was held back, and count it as dealt with."""
        was, self.is_pending = self.is_pending, False
        return was

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        here = frame
        while here is not None and here.f_code is not self._closed:
            if here.f_code in _OPEN:
                if self._outer is not None:
                    self._outer(number, frame)
                return
            if here.f_code in _BRIEF:
                again = threading.Timer(_AGAIN_S, _thread.interrupt_main)
                again.daemon = True
                again.start()
                return
            here = here.f_back
        self.is_pending = True
