"""Makes the demo project: the template's files, and generated data. It never overwrites a file unasked."""

from __future__ import annotations

import io
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from tauro_nb.errors import UsageError

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


def make(folder: Path, *, force: bool = False, keep: bool = False) -> Project:
    """Write the demo project into `folder`.

    Parameters
    ----------
    folder : Path
        Made if missing.
    force : bool
        Overwrite files that are there and differ.
    keep : bool
        Leave such files as they are, and add only what is missing.

    Raises
    ------
    UsageError
        Files are there and differ, and neither was asked for; nothing was written.
    """
    files = _files()
    there = {name for name in files if (folder / name).exists()}
    differing = sorted(name for name in there if _differs(folder / name, files[name]))
    if differing and not (force or keep):
        shown = ", ".join(differing[:5]) + (", ..." if len(differing) > 5 else "")
        raise UsageError(
            f"{folder} has {len(differing)} of the project's files already, and they differ: {shown}",
            fix="name another folder, or overwrite them with --force",
        )
    written = sorted(set(files) - there | (set(differing) if force else set()))
    for name in written:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    return Project(folder, tuple(written), tuple(sorted(set(files) - set(written))))


def _differs(path: Path, wanted: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != wanted


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
