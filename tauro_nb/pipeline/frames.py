"""Which frames of a traceback are the user's: an error shows from there on."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import os
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).parents[1]) + os.sep
_MACHINERY = (
    _OURS,
    "<frozen importlib",
    str(Path(importlib.__file__).parent) + os.sep,
    str(Path(concurrent.futures.__file__).parent) + os.sep,
    contextlib.__file__,
)


def user_traceback(traceback: TracebackType | None, also: tuple[str, ...] = ()) -> TracebackType | None:
    """Return the part of `traceback` that starts at the first frame of the user's; None where there is none.

    Parameters
    ----------
    also : tuple of str
        Beginnings of paths that are not the user's either.
    """
    while traceback is not None and (
        not _is_users(traceback) or traceback.tb_frame.f_code.co_filename.startswith(also)
    ):
        traceback = traceback.tb_next
    return traceback


def user_line(traceback: TracebackType | None) -> str | None:
    """Return the innermost line of the user's, as ``file, line 3, in function``; None where there is none."""
    found = None
    while traceback is not None:
        if _is_users(traceback):
            code = traceback.tb_frame.f_code
            found = f"{Path(code.co_filename).name}, line {traceback.tb_lineno}, in {code.co_name}"
        traceback = traceback.tb_next
    return found


def _is_users(traceback: TracebackType) -> bool:
    return not traceback.tb_frame.f_code.co_filename.startswith(_MACHINERY)
