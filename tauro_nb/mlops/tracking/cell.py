"""Which notebook cell is being executed, asked of the running kernel; IPython is never imported for it.

In a kernel each execution of a cell is one request, with a `msg_id` of its own; JupyterLab and VS Code send the cell's
id along. Where there is no kernel, or a front end that sends none, there is no cell and what hangs on it is off. A
process that works for the cell of a kernel is told so by `work_for`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import msgspec


class Cell(msgspec.Struct, frozen=True):
    """One execution of one cell."""

    id: str
    """The cell's own id in its notebook."""
    request: str
    """Names this execution of it."""


_told: tuple[Cell | None, str | None] = (None, None)


def work_for(cell: Cell | None, notebook: str | None) -> None:
    """Let this process, which is no kernel, work for a cell of one."""
    global _told  # noqa: PLW0603 - one for the process
    _told = cell, notebook


def current_cell() -> Cell | None:
    """Return the cell that this code is executed by, or works for, or None."""
    parent = _request()
    if parent is None:
        return _told[0]
    metadata, header = parent.get("metadata"), parent.get("header")
    if not isinstance(metadata, Mapping) or not isinstance(header, Mapping):
        return None
    cell, request = metadata.get("cellId"), header.get("msg_id")
    return Cell(cell, request) if isinstance(cell, str) and cell and isinstance(request, str) else None


def current_notebook() -> str | None:
    """Return the path of the notebook as the front end tells it, or None."""
    shell = _shell()
    if shell is None:
        return _told[1]
    told = getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return told if isinstance(told, str) else None


def cell_file() -> str | None:
    """Return the name under which the running cell was compiled, as tracebacks show it, or None."""
    namespace = getattr(_shell(), "user_ns", None)
    frame = sys._getframe() if namespace is not None else None  # noqa: SLF001 - the one way to the caller's code
    while frame is not None:
        if frame.f_globals is namespace:
            return frame.f_code.co_filename
        frame = frame.f_back
    return None


def in_kernel() -> bool:
    """Tell whether a Jupyter kernel runs this."""
    return hasattr(_shell(), "kernel")


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    ask = getattr(ipython, "get_ipython", None)
    return ask() if ask is not None else None


def _request() -> Mapping[str, Any] | None:
    ask = getattr(_shell(), "get_parent", None)
    parent = ask() if ask is not None else None
    return parent if isinstance(parent, Mapping) else None
