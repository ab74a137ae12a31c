"""Finds the file that was probably meant where one that is named does not exist."""

from __future__ import annotations

import difflib
import os
from collections.abc import Container, Iterator
from pathlib import Path

_MOST_FOLDERS = 500
_PASSED_OVER = {"__pycache__", "node_modules", "site-packages", "mlops_data"}
_SUFFIXES = (".yaml", ".yml", ".json")


def neighbour(missing: Path, root: Path, *, layer: str = "", taken: Container[Path] = ()) -> Path | None:
    """Return an existing configuration file below `root` whose name is that of `missing` or like it.

    The same name in another folder comes before a name that is alike; of equals, one in a folder called `layer`, then
    the one whose path is nearest. Files that are `taken` do not count: they have their place.
    """
    stem = missing.stem.lower()
    best: tuple[float, bool, float, str] | None = None
    for path in _files(root):
        if path in taken:
            continue
        alike = difflib.SequenceMatcher(None, stem, path.stem.lower()).ratio()
        if alike < 0.75:
            continue
        exact = 2.0 if path.name == missing.name else alike
        near = difflib.SequenceMatcher(None, missing.parent.as_posix(), path.parent.as_posix()).ratio()
        best = max(filter(None, (best, (exact, layer in path.parts, near, str(path)))))
    return Path(best[-1]) if best else None


def _files(root: Path) -> Iterator[Path]:
    for count, (folder, folders, names) in enumerate(os.walk(root)):
        if count >= _MOST_FOLDERS:
            return
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED_OVER)
        for name in sorted(names):
            if name.endswith(_SUFFIXES):
                yield Path(folder, name)
