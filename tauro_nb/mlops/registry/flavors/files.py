"""Files and folders that are kept as they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tauro_nb.errors import ModelNotSerializable
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved
from tauro_nb.mlops.registry.formats import foreign
from tauro_nb.store.disk import DiskErrors


class FilesFlavor:
    """A file or a folder, kept as it is; loading gives its `Path`, and opens nothing."""

    name = "files"
    suffixes: frozenset[str] = frozenset()

    def matches(self, model: Any) -> bool:
        """Take paths; whether something is there, `save` finds out."""
        return isinstance(model, Path)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Copy the file or folder under its own name."""
        if not isinstance(model, (str, os.PathLike)):
            raise foreign(self.name, model)
        source = Path(model)
        if source.is_dir():
            _refuse_special(source)
            name = source.resolve().name or "model"
            with DiskErrors("copy", source):
                shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
            return Saved(format="folder", file=name)
        if not source.is_file():
            raise ModelNotSerializable(
                f"{os.fspath(model)}: no such file or folder (in {Path.cwd()})", fix="pass the path of what was saved"
            )
        with DiskErrors("copy", source):
            shutil.copyfile(source, folder / (file or source.name))
        return Saved(format="file", file=file or source.name)

    def load(self, folder: Path, meta: ModelMeta) -> Path:
        """Return the path, inside the store where that has one: copy before you edit."""
        return folder / (meta.file or "")

    def runs_code(self, meta: Saved) -> bool:
        """Tell that it opens nothing."""
        return False


def _refuse_special(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_file() and not path.is_dir():
            raise ModelNotSerializable(f"{path}: neither a file nor a folder", fix="take it out of the model's folder")
