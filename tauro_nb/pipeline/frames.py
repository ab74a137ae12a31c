"""Which frames of a traceback are the user's: an error shows from there on."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import inspect
import os
from pathlib import Path
from types import TracebackType
from typing import Any

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


def without_our_end(traceback: TracebackType | None) -> TracebackType | None:
    """Return `traceback` up to the call that led from the user's code, or a library's, into this package for good."""
    frames: list[TracebackType] = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    while frames and frames[-1].tb_frame.f_code.co_filename.startswith(_OURS):
        frames.pop()
    for each in reversed(frames):
        traceback = TracebackType(traceback, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return traceback


def arguments(traceback: TracebackType) -> dict[str, Any]:
    """Return what the function of the first frame was called with, as it stands now."""
    names, _, keywords, values = inspect.getargvalues(traceback.tb_frame)
    return {**{name: values[name] for name in names if name in values}, **(values[keywords] if keywords else {})}


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
