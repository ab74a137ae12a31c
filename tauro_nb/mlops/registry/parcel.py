"""A version outside of any store: a folder or a zip file that another registry takes in, and that a person can read.

::

    version.json       the version's record, and what has become of it since
    model/...          its files, as they lie in the store
    requirements.txt   what it was saved with, pinned
    SHA256SUMS         of all the others; ``sha256sum -c SHA256SUMS`` checks them too

Who takes one in checks every file before it writes anything. Files of a zip are read by the names that its record
lists, never unpacked by the names that stand in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Protocol

import msgspec

from tauro_nb.errors import ArtifactCorrupt, FormatTooNew, RegistryError, UnsafePath, UsageError
from tauro_nb.kinds import known
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.publish import temporary_name, whole_file

FILES = "model"
RECORD = "version.json"
REQUIREMENTS = "requirements.txt"
CHECKSUMS = "SHA256SUMS"
FORMAT = 1
ZIP = ".zip"

_MOST_BYTES = 1 << 24
"""A record or a list of checksums that is longer is none."""

_COPY_BYTES = 1 << 20
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""How packages are installed whose import name is another one, where they are not installed here."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What ``version.json`` says."""

    record: VersionRecord
    """As it was registered."""
    tags: dict[str, str]
    """As they were when it was exported; so are the next three."""
    description: str
    stage: str | None
    aliases: tuple[str, ...]
    exported_from: str
    """The store's location."""
    exported_at_ns: int
    format: int = FORMAT


class _Source(Protocol):
    """The files of a parcel."""

    def names(self) -> set[str]:
        """Return the paths of all files, with slashes."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open one for reading."""
        ...


class Received:
    """A parcel that was opened, and not yet believed."""

    def __init__(self, path: Path, source: _Source) -> None:
        self._path = path
        self._source = source
        self.parcel = self._read_record()

    def check(self) -> None:
        """Compare every file with its checksum, and the model's files with the record as well.

        Raises
        ------
        ArtifactCorrupt
            A file differs, is missing, or is none of the version's; it names the file.
        """
        sums = self._read_checksums()
        for name in sorted(self._source.names() - {CHECKSUMS} ^ set(sums)):
            raise self._corrupt(name, "is missing" if name in sums else "is not among its checksums")
        listed = {f"{FILES}/{file.path}": file for file in self.parcel.record.files}
        for name in sorted(set(listed) ^ {name for name in sums if name.startswith(f"{FILES}/")}):
            raise self._corrupt(name, "is missing" if name in listed else "is no file of that version")
        for name, expected in sums.items():
            file = listed.get(name)
            digest, size_bytes = self._digest(name, _MOST_BYTES if file is None else file.size_bytes)
            if digest != expected or (file is not None and (file.sha256, file.size_bytes) != (digest, size_bytes)):
                raise self._corrupt(name, "is not what was exported (its SHA-256 differs)")

    def bring(self, folder: Path) -> None:
        """Copy the model's files into `folder`; of each no more than the record says."""
        for file in self.parcel.record.files:
            target = folder / PathValidator.inside(file.path)
            with DiskErrors("write", target), self._reading(f"{FILES}/{file.path}") as source:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as copy:
                    _copy(source, copy, file.size_bytes)

    def adopted(self, name: str | None) -> VersionRecord:
        """Return the record of what becomes of it in another store, under its own name or `name`.

        Raises
        ------
        InvalidModelName
        """
        parcel, record = self.parcel, self.parcel.record
        return msgspec.structs.replace(
            record,
            model=names.checked(record.model if name is None else name),
            tags=parcel.tags,
            description=parcel.description,
            imported_from=f"{record.model} v{record.version} of {parcel.exported_from}",
            source_nonce=record.source_nonce or record.nonce,
        )

    def _read_record(self) -> Parcel:
        try:
            parcel = msgspec.json.decode(self._small(RECORD), type=known(Parcel), strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RegistryError(
                f"{self._path}: {RECORD} is not what it should be: {error}", fix="export the version again"
            ) from error
        if parcel.format > FORMAT:
            raise FormatTooNew(
                f"{self._path}: exported by a newer version of tauro-nb (format {parcel.format}, this one reads "
                f"{FORMAT})",
                fix="pip install --upgrade tauro-nb",
            )
        for file in parcel.record.files:
            if PathValidator.inside(file.path) != file.path:
                raise UnsafePath(f"{self._path}: file {file.path!r} of {RECORD}", fix="export the version again")
        return parcel

    def _read_checksums(self) -> dict[str, str]:
        found = {}
        for line in self._small(CHECKSUMS).decode("utf-8", "replace").splitlines():
            digest, _, name = line.partition("  ")
            found[name] = digest
        return found

    def _small(self, name: str) -> bytes:
        if name not in self._source.names():
            raise RegistryError(
                f"{self._path}: no {name} in it, so it is no exported version",
                fix="give the folder or zip file that registry.export wrote",
            )
        with self._reading(name) as file:
            return file.read(_MOST_BYTES)

    def _digest(self, name: str, most_bytes: int) -> tuple[str, int]:
        """Return SHA-256 and size of a file, of which no more is read than shows that it is too long."""
        digest, size_bytes = hashlib.sha256(), 0
        with self._reading(name) as file:
            while size_bytes <= most_bytes and (chunk := file.read(_COPY_BYTES)):
                digest.update(chunk)
                size_bytes += len(chunk)
        return digest.hexdigest(), size_bytes

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with DiskErrors("read", self._path, name), self._source.open(name) as file:
                yield file
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last: it is encrypted
            raise self._corrupt(name, f"cannot be read: {error}") from error

    def _corrupt(self, name: str, what: str) -> ArtifactCorrupt:
        return ArtifactCorrupt(f"{self._path}: {name} {what}; nothing was imported", fix="copy or export it once more")


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._names = frozenset(self._below(root))

    def names(self) -> set[str]:
        return set(self._names)

    def open(self, name: str) -> BinaryIO:
        return (self._root / name).open("rb")

    def _below(self, folder: Path) -> Iterator[str]:
        with DiskErrors("read", folder):
            entries = sorted(folder.iterdir())
        for entry in entries:
            if entry.is_symlink():
                raise UnsafePath(f"{entry} is a symbolic link", fix="put the file itself in its place")
            if entry.is_dir():
                yield from self._below(entry)
            elif not entry.is_file():
                raise UnsafePath(f"{entry} is no regular file", fix="take it out")
            else:
                yield entry.relative_to(self._root).as_posix()


class _Zip:
    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self._file = file
        listed = [entry.filename for entry in file.infolist() if not entry.is_dir()]
        if len(set(listed)) != len(listed):
            raise RegistryError(f"{path}: a name stands in it twice", fix="export the version again")
        for name in listed:
            if PathValidator.inside(name) != name:
                raise UnsafePath(f"{path}: {name!r} in it", fix="export the version again")
        self._names = frozenset(listed)

    def names(self) -> set[str]:
        return set(self._names)

    def open(self, name: str) -> IO[bytes]:
        return self._file.open(name)


@contextlib.contextmanager
def received(path: Path) -> Iterator[Received]:
    """Open a parcel.

    Raises
    ------
    UsageError
        There is nothing at `path`.
    RegistryError
        It is no parcel.
    UnsafePath
        A name in it leads out of it.
    """
    if path.is_dir():
        yield Received(path, _Folder(path))
        return
    if not path.is_file():
        raise UsageError(f"{path}: no such file or folder", fix="give what registry.export wrote")
    try:
        with DiskErrors("read", path), zipfile.ZipFile(path) as file:
            yield Received(path, _Zip(path, file))
    except zipfile.BadZipFile as error:
        raise RegistryError(f"{path} is no zip file: {error}", fix="give what registry.export wrote") from error


def send(parcel: Parcel, files: Path, path: Path) -> None:
    """Write a parcel to `path`, whole or not at all.

    Parameters
    ----------
    files : Path
        The folder with the version's files.
    path : Path
        A zip file if it ends in ``.zip``, else a folder.

    Raises
    ------
    UsageError
        Something else lies there.
    """
    if path.exists():
        if not _is_of(path, parcel.record):
            raise UsageError(f"{path}: something else is there", fix="name another place, or remove it")
        return
    whole = path.with_name(temporary_name())
    try:
        with DiskErrors("write", path):
            whole.mkdir(parents=True)
            _fill(whole, parcel, files)
            if path.suffix.lower() == ZIP:
                _pack(whole, path)
            else:
                whole.rename(path)
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _is_of(path: Path, record: VersionRecord) -> bool:
    """Tell whether this very version was exported to `path`, and is whole."""
    try:
        with received(path) as there:
            there.check()
            return there.parcel.record.nonce == record.nonce
    except (RegistryError, FormatTooNew, UnsafePath):
        return False


def _fill(folder: Path, parcel: Parcel, files: Path) -> None:
    for file in parcel.record.files:
        target = folder / FILES / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files / file.path, target)
    (folder / RECORD).write_bytes(msgspec.json.format(encoding.encode(parcel), indent=2))
    (folder / REQUIREMENTS).write_text(requirements(parcel.record.meta), encoding="utf-8")
    names = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())
    with (folder / CHECKSUMS).open("w", encoding="utf-8", newline="\n") as sums:
        for name in names:
            with (folder / name).open("rb") as written:
                sums.write(f"{hashlib.file_digest(written, 'sha256').hexdigest()}  {name}\n")


def _pack(folder: Path, path: Path) -> None:
    with whole_file(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                packed.write(each, each.relative_to(folder).as_posix())


def requirements(meta: ModelMeta) -> str:
    """Return the packages that a model was saved with, as pip reads them."""
    installed = importlib.metadata.packages_distributions()
    pinned = {
        f"{installed.get(name, [_DISTRIBUTIONS.get(name, name)])[0]}=={version.partition('+')[0]}"  # no local builds
        for name, version in meta.packages.items()
    }
    python = f"# Python {meta.python}\n" if meta.python else ""
    return f"# What this model was saved with.\n{python}" + "".join(f"{line}\n" for line in sorted(pinned))


def _copy(source: IO[bytes], target: BinaryIO, size_bytes: int) -> None:
    while size_bytes and (chunk := source.read(min(_COPY_BYTES, size_bytes))):
        target.write(chunk)
        size_bytes -= len(chunk)
