"""The one place where errors of the file system and of pandas, pyarrow and pickle become errors of this package.

The original error stays as the cause. What helps to mend it is looked for here: a file with a near name, a file that
is of another format than its entry says.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from tauro_nb.errors import DatasetMissing, DatasetUnreadable, DatasetUnwritable, TauroError
from tauro_nb.io.dataset import Dataset, shown

_MAX_LOOKED_AT = 5_000
_MAX_TEXT = 300

_MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "feather"),
    (b"FEA1", "feather"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
    (b"[", "json"),
    (b"{", "json or jsonl"),
)

_REASONS = {
    errno.ENOSPC: ("no space is left on the device", "make room, then run it again"),
    errno.EDQUOT: ("the disk quota is used up", "make room, then run it again"),
    errno.EROFS: ("the file system is read-only", "give a path on one that can be written"),
    errno.EACCES: ("permission denied", "make its folder writable for this user, or give another path"),
    errno.EPERM: ("permission denied", "make its folder writable for this user, or give another path"),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "give another path"),
    errno.EEXIST: ("a part of its path is a file, not a folder", "give another path"),
    errno.EISDIR: ("it is a folder", "give the path of a file"),
    errno.ENAMETOOLONG: ("its name is too long", "give a shorter path"),
}


@contextmanager
def reading(dataset: Dataset) -> Iterator[None]:
    """Turn what goes wrong in the block into `DatasetMissing` or `DatasetUnreadable`."""
    try:
        with _interrupts_first():
            yield
    except (TauroError, MemoryError):
        raise
    except FileNotFoundError as error:
        if dataset.is_there:
            raise unreadable(dataset, error) from error
        raise missing(dataset) from error
    except Exception as error:
        raise unreadable(dataset, error) from error


@contextmanager
def writing(dataset: Dataset) -> Iterator[None]:
    """Turn what goes wrong in the block into `DatasetUnwritable`."""
    try:
        with _interrupts_first():
            yield
    except (TauroError, MemoryError):
        raise
    except OSError as error:
        reason, fix = _REASONS.get(error.errno or 0, (_text(error), "see to that, or give another path"))
        raise DatasetUnwritable(
            f"dataset {dataset.name!r}: {dataset.shown} was not written: {reason} ({dataset.where('path')})", fix=fix
        ) from error
    except Exception as error:
        if dataset.config.write_mode == "append":
            fix = f"return rows like those of the file, or change {dataset.where('write_mode')}"
        else:
            fix = f"return a value that {dataset.config.format} holds, or change {dataset.where('format')}"
        raise DatasetUnwritable(
            f"dataset {dataset.name!r}: {dataset.shown} was not written as {dataset.config.format}: {_text(error)}",
            fix=fix,
        ) from error


@contextmanager
def _interrupts_first() -> Iterator[None]:
    """Raise the interrupt, not an error that came of it, as from closing a file in the middle of a write."""
    outside = sys.exc_info()[1]
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and cause is not outside:
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        raise


def missing(dataset: Dataset) -> DatasetMissing:
    """Build the error for a file that is not there, with the nearest one that is."""
    near = _near(dataset.path)
    if near is not None:
        fix = f"did you mean {shown(near, dataset.context.root)!r}?"
    elif dataset.name in dataset.context.outputs:
        fix = "run the node that writes it first"
    else:
        fix = f"put the file there, or correct {dataset.where('path')}{_beside(dataset)}"
    return DatasetMissing(f"dataset {dataset.name!r}: no file {dataset.shown} ({dataset.where('path')})", fix=fix)


def unreadable(dataset: Dataset, error: Exception) -> DatasetUnreadable:
    """Build the error for a file that is there and cannot be read."""
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        reason, fix = "permission denied", f"make {dataset.shown} readable for this user"
    else:
        reason, fix = _text(error), _mend(dataset, error)
    return DatasetUnreadable(
        f"dataset {dataset.name!r}: {dataset.shown} cannot be read as {dataset.config.format}: {reason} "
        f"({dataset.where('path')})",
        fix=fix,
    )


def _mend(dataset: Dataset, error: Exception) -> str:
    path = dataset.path
    if path.is_dir():
        return f"give the path of a file in {dataset.where('path')}"
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return f"see to {dataset.shown}"
    if not head:
        return "the file is empty; write it again"
    if head.startswith(b"version https://git-lfs"):
        return "this is only Git LFS's pointer to the file; run `git lfs pull`"
    if isinstance(error, UnicodeError):
        return f"say how it is encoded: `options: {{encoding: ...}}` in {dataset.where()}"
    for magic, name in _MAGIC:
        if head.lstrip().startswith(magic) and dataset.config.format not in name:
            return f"the file looks like {name}; correct {dataset.where('format')}"
    doubt = f"the file is damaged or cut short, or not {dataset.config.format}"
    keys = dataset.where("format") + (" and its options" if dataset.config.options else "")
    return f"{doubt}; write it again, or correct {keys}"


def _text(error: Exception) -> str:
    whole = isinstance(error, OSError | UnicodeError)
    said = str(error) if whole else "; ".join(map(str, error.args))  # Arrow gives several
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def _near(path: Path) -> Path | None:
    """Return the existing file that `path` may have meant, be it a folder or the file that is misspelt."""
    try:
        found = next(parent for parent in path.parents if parent.is_dir())
        for part in path.relative_to(found).parts:
            next_one = found / part
            if not next_one.exists():
                names = [name for name in _names(found) if (found / name).exists()]
                same_stem = [name for name in names if Path(name).stem == Path(part).stem]
                close = same_stem or get_close_matches(part, names, n=1, cutoff=0.6)
                if not close:
                    return None
                next_one = found / close[0]
            found = next_one
    except OSError:
        return None
    return found


def _beside(dataset: Dataset) -> str:
    folder = dataset.path.parent
    if not folder.is_dir():
        return f" (there is no folder {shown(folder, dataset.context.root)})"
    names = _names(folder)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f" (that folder has {', '.join(names[:8])}{more})" if names else " (that folder is empty)"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(item.name for item in islice(folder.iterdir(), _MAX_LOOKED_AT) if not item.name.startswith("."))
    except OSError:
        return []
