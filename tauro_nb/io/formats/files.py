"""Text files, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

_OPENERS: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}
_BY_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}


def open_text(path: Path, mode: Literal["r", "w"], *, encoding: str, compression: str | None = "infer") -> IO[str]:
    """Open a text file without translating its line ends.

    Parameters
    ----------
    compression : {"infer", "gzip", "bz2", "xz"} or None
        ``infer`` tells it by the file's suffix.

    Raises
    ------
    ValueError
        Another compression.
    """
    kind = _BY_SUFFIX.get(path.suffix.lower()) if compression == "infer" else compression
    if kind is None:
        return path.open(mode, encoding=encoding, newline="")
    if kind not in _OPENERS:
        raise ValueError(f"compression {kind!r} is not known here; there are {', '.join(_OPENERS)}")
    opened: IO[str] = _OPENERS[kind](path, f"{mode}t", encoding=encoding, newline="")
    return opened
