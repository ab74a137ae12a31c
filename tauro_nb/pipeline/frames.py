"""Which frames of a traceback are the user's: an error shows from there on."""

from __future__ import annotations

import concurrent.futures
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
)


def user_traceback(traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of `traceback` that starts at the first frame of the user's; None where there is none."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        traceback = traceback.tb_next
    return traceback
