"""Which paths and keys are safe: nothing that leads out of its folder, nothing that some file system cannot hold.

The rules look at the text alone. What only the disk knows (a symbolic link on the way) is refused by the store itself,
at the moment when it opens the file.
"""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path

from tauro_nb.errors import UnsafePath

RESERVED = ".tauro-"
"""How the names begin that a store keeps for itself: temporary files, locks. Never part of a key, never listed."""

KEY_BYTES = 1024
SEGMENT_BYTES = 255

_refused = re.compile(r"[\x00-\x1f\x7f\\]" if os.name != "nt" else r'[\x00-\x1f\x7f\\<>:"|?*]')
_separators = re.compile(r"[/\\]")


class PathValidator:
    """Turns what a user wrote into a path below `root`, or refuses it.

    Parameters
    ----------
    root : str or PathLike
        The folder that relative paths start from; made absolute now, so that a later ``chdir`` changes nothing.
    allow_absolute : bool
        Let absolute paths pass as they are. A ``..`` segment is refused all the same.

    Notes
    -----
    Symbolic links are not followed and not refused here: a dataset may lie behind one.
    """

    def __init__(self, root: str | PathLike[str], *, allow_absolute: bool = False) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - `resolve` would follow links
        self.allow_absolute = allow_absolute

    def resolve(self, text: str | PathLike[str]) -> Path:
        """Return the absolute path that `text` means.

        Raises
        ------
        UnsafePath
            It is empty, has a ``..`` segment or a NUL, or is absolute where that is not allowed.
        """
        text = os.fspath(text)
        _refuse_common(text, "path")
        path = Path(text)
        if path.is_absolute() or path.drive:
            if not self.allow_absolute:
                raise UnsafePath(f"path {text!r} is absolute", fix=f"write it relative to {self.root}")
            return path
        return self.root / path

    @staticmethod
    def inside(text: str | PathLike[str]) -> str:
        """Return `text` as the slash-separated path of something in a folder: ``./models/x.pkl`` is ``models/x.pkl``.

        Raises
        ------
        UnsafePath
            It is absolute, leaves the folder, or is no valid key.
        """
        text = os.fspath(text)
        _refuse_common(text, "path")
        if os.name == "nt":
            text = text.replace("\\", "/")
        if text.startswith("/") or Path(text).drive:
            raise UnsafePath(f"path {text!r} is absolute", fix=f"name a place inside, such as {Path(text).name!r}")
        return PathValidator.key("/".join(part for part in text.split("/") if part not in ("", ".")))

    @staticmethod
    def key(key: str) -> str:
        """Return `key` if every store can hold a value under it.

        Segments are separated by single slashes; none is empty, ``.`` or ``..``, begins with ``.tauro-``, has a control
        character or a backslash, or is longer than 255 bytes of UTF-8; the whole is at most 1,024 bytes.

        Raises
        ------
        UnsafePath
        """
        parts(key)
        return key


def parts(key: str) -> list[str]:
    """Split a key into its segments, checked as `PathValidator.key` says."""
    segments = key.split("/")
    for segment in segments:
        if segment in ("", ".", ".."):
            raise UnsafePath(
                f"key {key!r} has the segment {segment!r}",
                fix="separate names by single slashes; none may be '.' or '..'",
            )
        if segment[0] == "." and segment.lower().startswith(RESERVED):
            raise UnsafePath(
                f"key {key!r}: names that begin with {RESERVED!r} belong to the store", fix="choose another"
            )
    if not key.isascii():
        _refuse_unencodable(key)
    if len(key) > SEGMENT_BYTES:
        _refuse_long(key, segments)
    if found := _refused.search(key):
        raise UnsafePath(
            f"key {key!r} has the character {found[0]!r}", fix="leave it out: not every system can hold it"
        )
    return segments


def _refuse_common(text: str, kind: str) -> None:
    if not text:
        raise UnsafePath(f"an empty {kind}", fix="name a file or folder")
    if "\0" in text:
        raise UnsafePath(f"{kind} {text!r} has a NUL character", fix="leave it out")
    if ".." in _separators.split(text):
        raise UnsafePath(f"{kind} {text!r} has a '..' segment", fix="write it without '..'")


def _refuse_unencodable(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise UnsafePath(f"key {key!r} has half a character (a lone surrogate)", fix="leave it out") from error
    if size > SEGMENT_BYTES:
        _refuse_long(key, key.split("/"))


def _refuse_long(key: str, segments: list[str]) -> None:
    if len(key.encode()) > KEY_BYTES:
        raise UnsafePath(f"key {key[:60]!r}... is longer than {KEY_BYTES} bytes", fix="use shorter names")
    for segment in segments:
        if len(segment.encode()) > SEGMENT_BYTES:
            raise UnsafePath(
                f"key {key[:60]!r}...: a name in it is longer than {SEGMENT_BYTES} bytes", fix="shorten it"
            )
