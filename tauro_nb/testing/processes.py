"""The same work done by several real processes that start together, for tests of what they share.

A process of its own, and not a fork, is what users have: nothing is inherited but `sys.path`.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any

START = b"start\n"


def in_processes(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run ``work(number, *arguments)`` in `count` processes at once, and return what each returned.

    Parameters
    ----------
    work : callable
        Found by name in an importable module, as its arguments are: they are pickled. `number` counts from 0.

    Raises
    ------
    BaseException
        What the first of them (by number) raised; a `RuntimeError` if it died without a word.
    """
    processes = [
        subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - this module
        for _ in range(count)
    ]
    try:
        for number, process in enumerate(processes):
            sink = _pipe(process.stdin)
            pickle.dump(sys.path, sink)
            pickle.dump((work, number, *arguments), sink)
            sink.flush()
        for process in processes:
            _pipe(process.stdout).read(len(START))
        for process in processes:
            _pipe(process.stdin).write(START)
            _pipe(process.stdin).flush()
        return [_answer(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _answer(process: subprocess.Popen[bytes]) -> Any:
    told = _pipe(process.stdout).read()
    if not told:
        raise RuntimeError(f"a process of the test ended with {process.wait()} and without an answer")
    returned, raised = pickle.loads(told)  # noqa: S301 - from the process that was just started
    if raised is not None:
        raise raised
    return returned


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _child() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints is not an answer
    source = sys.stdin.buffer
    sys.path[:] = pickle.load(source)  # noqa: S301 - from the process that started this one
    work, number, *arguments = pickle.load(source)  # noqa: S301
    answers.write(START)
    answers.flush()
    source.readline()
    returned, raised = None, None
    try:
        returned = work(number, *arguments)
    except BaseException as error:  # noqa: BLE001 - it is raised again in the parent
        raised = error
    pickle.dump((returned, raised), answers)
    answers.close()


if __name__ == "__main__":
    _child()
