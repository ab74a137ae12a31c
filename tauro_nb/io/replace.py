"""Writing a file so that it is either the old one, whole, or the new one, whole.

The new file is written under a temporary name in the same folder, synced to the disk, and put in place in one step. It
refuses nothing of what is written; it knows no formats.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tauro_nb.errors import DatasetExists
from tauro_nb.store.publish import LINKLESS


@contextmanager
def replacing(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes its place when the block ends well.

    Whatever ends the block badly (an error, an interrupt) removes the temporary file and leaves `path` as it was.
    Folders on the way are made. A symbolic link stays one: the file behind it is replaced. An old file's permissions
    are kept.

    Parameters
    ----------
    exclusive : bool
        Refuse to replace: of several racing writers one wins.

    Raises
    ------
    DatasetExists
        With `exclusive`, somebody else's file is there.
    """
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    ending = "".join(target.suffixes[-2:])[-40:]  # readers and writers tell compression by it
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp{ending}")
    try:
        yield temporary
        _sync(temporary)
        if exclusive:
            _put_exclusively(temporary, target)
        else:
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _put_exclusively(temporary: Path, target: Path) -> None:
    try:
        try:
            os.link(temporary, target)
        except OSError as error:
            if error.errno not in LINKLESS:
                raise
            # FAT and FUSE folders have no hard links: an empty file claims the name, then the whole one replaces it
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            temporary.replace(target)
    except FileExistsError as error:
        raise DatasetExists(f"{target} appeared while it was being written", fix="nothing was replaced") from error


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that sync no folders
            raise
    finally:
        os.close(handle)
