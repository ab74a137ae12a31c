"""A declared dataset with all that reading, writing and complaining about it need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tauro_nb.config.context import Context
from tauro_nb.config.schema import DatasetConfig
from tauro_nb.errors import DatasetUnreadable, DatasetUnwritable, UnknownName, UnsafePath
from tauro_nb.io import formats
from tauro_nb.store.paths import PathValidator

Role = Literal["input", "output"]

_SECTIONS: dict[Role, str] = {"input": "inputs", "output": "outputs"}
WRITE_MODES = ("overwrite", "append", "error", "ignore")


@dataclass(frozen=True)
class Dataset:
    """One entry of a project's input or output file."""

    context: Context
    name: str
    role: Role
    config: DatasetConfig

    def where(self, *keys: str) -> str:
        """Return the file and dotted key that say something of this dataset."""
        return self.context.where(_SECTIONS[self.role], self.name, *keys)

    @property
    def path(self) -> Path:
        """Absolute path of its file, which need not exist.

        Raises
        ------
        UnsafePath
            A ``..`` segment, or no path at all.
        """
        text = self.config.path
        if "://" in text:
            raise UnsafePath(
                f"{self.where('path')}: {text!r} is a URL, and datasets are files",
                fix="give the path of a file or folder",
            )
        try:
            return PathValidator(self.context.root, allow_absolute=True).resolve(text)
        except UnsafePath as error:
            raise UnsafePath(f"{self.where('path')}: {error.message}", fix=error.fix) from error

    @property
    def is_there(self) -> bool:
        """Whether its file exists, as far as this user can see."""
        try:
            return self.path.exists()
        except (UnsafePath, OSError):
            return False

    @property
    def shown(self) -> str:
        """The path as messages say it: relative to the project's root if it lies in it."""
        return shown(self.path, self.context.root)

    @property
    def format(self) -> formats.Format:
        """Its format.

        Raises
        ------
        UnknownName
            There is none of this name.
        """
        return formats.find(self.config.format, where=self.where("format"))

    @property
    def write_mode(self) -> str:
        """Its write mode, which is one of `WRITE_MODES`.

        Raises
        ------
        UnknownName
            It is not.
        DatasetUnwritable
            It is ``append``, and its format cannot.
        """
        mode = self.config.write_mode
        if mode not in WRITE_MODES:
            raise UnknownName.among("write mode", mode, WRITE_MODES, where=self.where("write_mode"))
        if mode == "append" and not self.format.appends:
            raise DatasetUnwritable(
                f"{self.where('write_mode')}: the format {self.config.format!r} cannot be appended to",
                fix="use 'overwrite', 'error' or 'ignore'",
            )
        return mode

    def options(self, act: Literal["read", "write"]) -> Mapping[str, Any]:
        """Return the options that concern this act; one that concerns the other act only is left out.

        Raises
        ------
        UnknownName
            One concerns neither.
        """
        names = self.format.option_names()
        known = names.read | names.write
        for name in self.config.options:
            if name not in known:
                kind = f"option of the format {self.config.format!r}"
                raise UnknownName.among(kind, name, known, where=self.where("options"))
        wanted = names.read if act == "read" else names.write
        return {name: value for name, value in self.config.options.items() if name in wanted}

    def refuse_code(self, act: Literal["read", "write"]) -> None:
        """Refuse a format that runs code where the dataset does not allow it; touches no file.

        Raises
        ------
        DatasetUnreadable, DatasetUnwritable
            Says which key to set.
        """
        if self.format.runs_code and not self.config.allow_pickle:
            kind = DatasetUnreadable if act == "read" else DatasetUnwritable
            raise kind(
                f"{self.where('allow_pickle')}: {self.config.format} runs code when it is read, and {self.name!r} does "
                f"not allow that; {self.shown} was not opened",
                fix="set `allow_pickle: true` there if you trust whoever writes that file",
            )


def shown(path: Path, root: Path) -> str:
    """Return `path` relative to `root` if it lies in it, with forward slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
