"""Makes the demo project: the template's files, and generated data. It never overwrites a file unasked."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.io.replace import replacing

TEMPLATE = resources.files("tauro_nb.commands") / "template"

NOTEBOOK = "notebooks/quickstart.ipynb"
DATA = "data/train.parquet"
_RENAMED = {"gitignore": ".gitignore"}


class Project(msgspec.Struct, frozen=True):
    """What was made."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    """Files that were there already: identical ones, and with `keep` also the person's own."""

    @property
    def notebook(self) -> Path:
        """The notebook that walks through the project."""
        return self.folder / NOTEBOOK


def go_to(folder: Path) -> str:
    """Return the beginning of a shell line that works in `folder`; empty where that is the working directory."""
    return "" if folder.absolute() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "


def make(folder: Path, *, force: bool = False, keep: bool = False, files: Mapping[str, bytes] | None = None) -> Project:
    """Write a project into `folder`; each file is there whole or not at all.

    Parameters
    ----------
    folder : Path
        Made if missing.
    force : bool
        Overwrite files that are there and differ.
    keep : bool
        Leave such files as they are, and add only what is missing.
    files : mapping of path to content, optional
        Default: those of the demo project.

    Raises
    ------
    UsageError
        Files are there and differ, and neither was asked for; nothing was written. Or `folder` cannot be written to.
    """
    files = _files() if files is None else files
    near = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not near.is_dir():
        raise UsageError(f"no project can be made in {folder}: {near} is no folder", fix="name another folder")
    there = {name for name in files if os.path.lexists(folder / name)}
    differing = sorted(name for name in there if _differs(folder / name, name, files[name]))
    if differing and not (force or keep):
        shown = ", ".join(differing[:5]) + (", ..." if len(differing) > 5 else "")
        raise UsageError(
            f"{folder} has {len(differing)} of the project's files already, and they differ: {shown}",
            fix="name another folder, or overwrite them with --force",
        )
    written = sorted(set(files) - there | (set(differing) if force else set()))
    for name in written:
        _write(folder / name, files[name])
    return Project(folder, tuple(written), tuple(sorted(set(files) - set(written))))


def _write(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as new:
            new.write_bytes(data)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", fix="name another folder, or make this one writable"
        ) from error


def _differs(path: Path, name: str, wanted: bytes) -> bool:
    """Whether a file is not the project's; data count by their values, for the bytes carry the writer's version."""
    try:
        found = path.read_bytes()
    except OSError:  # a folder, a link that leads nowhere, or nobody else's to read
        return True
    return found != wanted and not (name == DATA and _same_data(found, wanted))


def _same_data(found: bytes, wanted: bytes) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return bool(pq.read_table(pa.BufferReader(found)).equals(pq.read_table(pa.BufferReader(wanted))))
    except pa.ArrowException:
        return False


def _files() -> dict[str, bytes]:
    files = {_RENAMED.get(name, name): data for name, data in _walk(TEMPLATE, "")}
    files[DATA] = _customers()
    return files


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_file():
            found.append((prefix + item.name, item.read_bytes()))
        elif item.name != "__pycache__":
            found.extend(_walk(item, f"{prefix}{item.name}/"))
    return found


def _customers() -> bytes:
    from tauro_nb.commands.customers import generate

    buffer = io.BytesIO()
    generate().to_parquet(buffer, index=False)
    return buffer.getvalue()
