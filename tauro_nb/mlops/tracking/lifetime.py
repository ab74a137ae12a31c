"""Runs of this process that nobody has ended: what becomes of them.

A run is open from its start to its end, and an open run never stops another. Two moments end one that was left open,
that is, started without ``with`` and never ended:

- the cell that started it is executed again;
- the process exits normally.

Either way it is FINISHED, for nothing went wrong, unless the error that stopped its cell or script shows that
something did: then it is FAILED (INTERRUPTED after an interrupt), with that error. A process that is killed ends
nothing; its runs are shown INTERRUPTED, because their owner is gone.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tauro_nb.errors import TauroError
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.cell import Cell, cell_file

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.store.protocol import Store


class _Opened:
    """How a run was started."""

    def __init__(self, run: Run, cell: Cell | None) -> None:
        self.run = run
        self.cell = cell
        self.thread = threading.current_thread()
        self.pid = os.getpid()
        self.code_file = cell_file()
        self.earlier_error = _mark(_last_error())

    def error(self) -> BaseException | None:
        """The error that stopped, since the start, the cell or script that started this; None if there was none."""
        error = _last_error()
        if error is None or _mark(error) == self.earlier_error:
            return None
        if self.code_file is None:
            return None if hasattr(sys, "ps1") else error
        import traceback  # needed only when something went wrong

        frames = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
        return error if self.code_file in frames else None

    def left_open_by(self, cell: Cell) -> bool:
        """Tell whether an earlier execution of `cell` started this, and no code is left that would end it."""
        if self.cell is None or self.cell.id != cell.id or self.cell.request == cell.request or self.run.is_entered:
            return False
        return self.thread is threading.current_thread() or not self.thread.is_alive()


class OpenRuns:
    """The runs that this process has started and not yet ended; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, _Opened] = {}
        self._at_exit = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def add(self, run: Run, cell: Cell | None) -> None:
        """Take in a run that was just started in this cell."""
        with self._lock:
            self._open[id(run)] = _Opened(run, cell)
        self.watch_exit()

    def watch_exit(self) -> None:
        """End what is open when the process exits, after whatever asks for that later."""
        with self._lock:
            if not self._at_exit:
                self._at_exit = True
                atexit.register(self.end_all)

    def drop(self, run: Run) -> None:
        """Forget a run that has ended."""
        with self._lock:
            self._open.pop(id(run), None)

    def has(self, store: Store, run_id: str, *, besides: Run | None = None) -> bool:
        """Tell whether this process has a run of this id open in this store, other than `besides`."""
        return self.find(store, run_id, besides=besides) is not None

    def find(self, store: Store, run_id: str, *, besides: Run | None = None) -> Run | None:
        """Return what this process has opened of the run of this id in this store; None if nothing but `besides`."""
        with self._lock:
            runs = [opened.run for opened in self._open.values() if opened.pid == os.getpid()]
        for run in runs:
            if run is not besides and run.run_id == run_id and run.store.location == store.location:
                return run
        return None

    def end_left_open(self, cell: Cell | None) -> None:
        """End what earlier executions of this cell left open."""
        if cell is not None:
            self._end(lambda opened: opened.left_open_by(cell))

    def end_all(self) -> None:
        """End everything that is open: the process exits."""
        self._end(lambda opened: opened.pid == os.getpid())

    def _forked(self) -> None:
        self._lock = threading.Lock()
        for opened in self._open.values():
            opened.run.forked()

    def _end(self, wanted: Callable[[_Opened], bool]) -> None:
        with self._lock:
            found = [opened for opened in self._open.values() if wanted(opened)]
        for opened in found:
            error = opened.error()
            try:
                opened.run.end_by(error) if error else opened.run.end()
            except TauroError as trouble:
                warn("%r was left open, and could not be ended: %s", opened.run, trouble)
                self.drop(opened.run)


open_runs = OpenRuns()
"""This process's own."""


def _last_error() -> BaseException | None:
    """The exception that last reached the top: of a cell, or of the script that is about to exit."""
    return getattr(sys, "last_value", None)


def _mark(error: BaseException | None) -> tuple[int, int] | None:
    """What tells one error from the next without keeping its frames alive."""
    return None if error is None else (id(error), id(error.__traceback__))
