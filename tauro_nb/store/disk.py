"""Where the disk's errors get their words: the one boundary between `OSError` and this package's tree."""

from __future__ import annotations

import errno
from os import PathLike
from pathlib import Path
from types import TracebackType

from tauro_nb.errors import StoreError, TauroError

_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space left on the disk", "free some space, or point mlops.storage_path to another disk"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or point mlops.storage_path to another disk"),
    errno.EFBIG: (
        "the file would be larger than the system allows",
        "raise the limit (ulimit -f), or use another disk",
    ),
    errno.EROFS: ("the disk is read-only", "mount it writable, or point mlops.storage_path to another folder"),
    errno.EACCES: (
        "permission denied",
        "give this user the right to it, or point mlops.storage_path to another folder",
    ),
    errno.EPERM: ("the system does not permit it", "see who owns the folder, and whether it is marked immutable"),
    errno.ENOTDIR: ("a file stands where a folder should be", "move that file away, or choose another place"),
    errno.EISDIR: ("a folder stands where a file should be", "move that folder away, or choose another name"),
    errno.ENAMETOOLONG: ("the path is longer than the system allows", "use a shorter storage path or shorter names"),
    errno.ENOENT: ("no such file or folder", "see that the path is right, and that nobody removes it meanwhile"),
    errno.EMFILE: ("this process has too many open files", "close some, or raise the limit (ulimit -n)"),
    errno.ENFILE: ("the system has too many open files", "close some, or raise the system's limit"),
    errno.EIO: ("the disk reports an error", "check the disk; copy the store to another one"),
    errno.ESTALE: ("the network folder has gone", "mount it again"),
    errno.ELOOP: ("a symbolic link is in the way", "put the real folder in its place"),
}


def store_error(error: OSError, act: str, where: Path) -> StoreError:
    """Return the error of this package for one of the system's: what, where, and the mend."""
    told, fix = _REASONS.get(
        error.errno or 0,
        (
            error.strerror or str(error) or type(error).__name__,
            "see that it is a working disk that this user may write",
        ),
    )
    mapped = StoreError(f"cannot {act} {where}: {told}", fix=fix)
    mapped.errno = error.errno
    return mapped


class DiskErrors:
    """A ``with`` block that turns every `OSError` of the system into a `StoreError`.

    Parameters
    ----------
    act : str
        The verb: ``cannot <act> <path>: <reason>``.
    path : str or PathLike
    key : str
        What below `path` is meant; empty for the path itself.
    """

    __slots__ = ("act", "key", "path")

    def __init__(self, act: str, path: str | PathLike[str], key: str = "") -> None:
        self.act = act
        self.path = path
        self.key = key

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, TauroError):
            raise store_error(error, self.act, Path(self.path) / self.key) from error
