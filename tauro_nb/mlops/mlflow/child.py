"""Starting a process that delivers, and talking with it by lines of JSON; see `delivering` for its side.

Writing to it never waits: what its pipe does not take is told again later.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tauro_nb.mlops.mlflow.errand import Errand


class Child:
    """A process that delivers.

    Parameters
    ----------
    work : str
        ``follow``, ``sync`` or ``diff``.
    folder : Path
        What a relative path of the address is relative to.
    """

    def __init__(self, work: str, errand: Errand, folder: Path) -> None:
        import subprocess  # not needed on the way to the first metric

        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "tauro_nb.mlops.mlflow"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,  # an interrupt from the terminal is for who works there
        )
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        assert self._process.stdout is not None  # noqa: S101
        self._told, self._heard = self._process.stdin, self._process.stdout
        self._writing = threading.Lock()
        # the errand stands nowhere but in the pipe: arguments and environment can be read by others
        self._told.write(base64.b64encode(pickle.dumps((work, errand))) + b"\n")
        self._told.flush()
        os.set_blocking(self._told.fileno(), False)

    def tell(self, **word: Any) -> bool:
        """Say something; tell whether it was taken."""
        line = json.dumps(word).encode() + b"\n"
        with self._writing:
            try:
                return os.write(self._told.fileno(), line) == len(line)  # a pipe takes a short line whole, or not
            except (BlockingIOError, BrokenPipeError, ValueError):
                return False

    def words(self) -> Iterator[dict[str, Any]]:
        """Yield what it says, until it ends."""
        with self._heard:
            for line in self._heard:
                with contextlib.suppress(json.JSONDecodeError):  # it was killed in the middle of a word
                    yield json.loads(line)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; tell whether that came."""
        from subprocess import TimeoutExpired

        try:
            self._process.wait(timeout_s)
        except TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """End it: what it has not delivered waits in the store."""
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._told.close()
        if not self.wait(0.5):
            self._process.terminate()
            if not self.wait(2.0):
                self._process.kill()
                self._process.wait()
