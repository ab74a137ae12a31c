"""A version's files: gathered under a name of their own, described, and checked before anybody opens them."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tauro_nb.errors import ArtifactCorrupt, KeyMissing, RegistryError, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.records import FileRecord, Manifest, VersionRecord
from tauro_nb.store import keys
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import delete_tree, walk

METADATA = "metadata.json"
MANIFEST = "manifest.json"
EXAMPLE = "input_example.json"


class Upload:
    """Files on their way to becoming a version; leaving the ``with`` block takes away what did not become one.

    Attributes
    ----------
    folder : Path
        Where the files are written to. Of a local store it is the upload itself, else a temporary folder.
    prefix : str
        Where the store has them.
    """

    def __init__(self, store: Store, model: str, nonce: str) -> None:
        self.nonce = nonce
        self.prefix = keys.model_upload(model, nonce)
        self._store = store
        self._kept = False
        self._temporary: str | None = None
        above = store.local_dir(keys.model_files(model))
        if above is None:
            self._temporary = tempfile.mkdtemp(prefix="tauro-model-")
            folder = Path(self._temporary)
        else:
            folder = above / self.prefix.rpartition("/")[2]
            with DiskErrors("make", folder):
                folder.mkdir()  # its name need not be durable before the version's number is
        self.folder = folder
        self._path = str(folder)

    def add(self, name: str, data: bytes) -> FileRecord:
        """Write a file beside the model's own."""
        path = f"{self._path}/{name}"
        try:
            with DiskErrors("write", path), open(path, "xb") as file:  # noqa: PTH123 - the hot path
                file.write(data)
        except StoreError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise
            raise RegistryError(
                f"the model has a file {name!r} of its own, which is the registry's", fix="keep it in a folder"
            ) from None
        return FileRecord(path=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def seal(self, metadata: Any) -> tuple[FileRecord, ...]:
        """Add metadata and manifest, bring everything to the store, and return the list of all files."""
        saved = [_described(self._path, name) for name in _files_below(self._path)]
        files = tuple(sorted([*saved, self.add(METADATA, _readable(metadata))]))
        files = (*files, self.add(MANIFEST, _readable(Manifest(files=files))))
        self._bring(files)
        return files

    def adopt(self, record: VersionRecord) -> None:
        """Bring the files of a version that was registered elsewhere to the store.

        Raises
        ------
        ArtifactCorrupt
            They are not what the record says.
        """
        found = {_described(self._path, name) for name in _files_below(self._path)}
        for file in sorted(found ^ set(record.files)):
            raise _corrupt(record, file.path, "is not what was registered")
        self._bring(record.files)

    def _bring(self, files: Sequence[FileRecord]) -> None:
        if self._temporary:
            for file in files:
                self._store.put_file(f"{self.prefix}/{file.path}", self.folder / file.path)

    def keep(self) -> None:
        """Leave the files where they are at the end of the block: a version has them, or may have."""
        self._kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
        if not self._kept:
            remove(self._store, self.prefix)


def remove(store: Store, prefix: str) -> None:
    """Take away everything below `prefix`."""
    remove_tree = getattr(store, "remove_tree", None)
    if remove_tree is not None:
        remove_tree(prefix)
    else:
        delete_tree(store, prefix)


@contextlib.contextmanager
def opened(store: Store, record: VersionRecord, *, in_place: bool = False) -> Iterator[Path]:
    """Give a folder with a version's files and no others, each of which has the recorded size and SHA-256.

    It is a private copy, which goes with the block: what was compared is what will be opened, whoever writes to the
    store meanwhile. `in_place`, for files that nobody opens here, is the store's own folder; where the store has none,
    a copy that goes with the process.

    Raises
    ------
    ArtifactCorrupt
        A file is not what was registered, is missing, or was added; it names the file. Nothing was opened.
    """
    _compare_names(store, record)
    folder = store.local_dir(record.artifacts) if in_place else None
    if folder is not None:
        for path in folder.rglob("*"):
            if path.is_symlink():  # the store lists none, but who gets the folder would follow it
                raise _corrupt(record, path.relative_to(folder).as_posix(), "is a symbolic link", fix="take it out")
        _compare(record, folder)
        yield folder
        return
    with DiskErrors("write", tempfile.gettempdir()):
        temporary = Path(tempfile.mkdtemp(prefix="tauro-model-"))
    if in_place:
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    try:
        for file in record.files:
            target = temporary / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(f"{record.artifacts}/{file.path}", target)
        _compare(record, temporary)
        yield temporary
    finally:
        if not in_place:
            shutil.rmtree(temporary, ignore_errors=True)


def _compare_names(store: Store, record: VersionRecord) -> None:
    """Refuse what can be told without reading: a file that is missing, of another size, or not of the version."""
    if record.meta.file:
        PathValidator.inside(record.meta.file)
    for file in record.files:
        PathValidator.inside(file.path)
        try:
            size = store.stat(f"{record.artifacts}/{file.path}").size_bytes
        except KeyMissing:
            raise _corrupt(record, file.path, "is missing") from None
        if size != file.size_bytes:
            raise _corrupt(record, file.path, f"has {size:,} bytes; {file.size_bytes:,} were registered")
    known = {file.path for file in record.files}
    for key in walk(store, record.artifacts):
        path = key.removeprefix(f"{record.artifacts}/")
        if path not in known:
            raise _corrupt(record, path, "was not registered", fix="take it out of that folder")


def _compare(record: VersionRecord, folder: Path) -> None:
    for file in record.files:
        if _described(str(folder), file.path) != file:
            raise _corrupt(record, file.path, "is not what was registered (its SHA-256 differs)")


def _described(folder: str, name: str) -> FileRecord:
    path = f"{folder}/{name}"
    with DiskErrors("read", path), open(path, "rb") as file:  # noqa: PTH123 - the hot path
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(path=name, size_bytes=file.tell(), sha256=digest)


def _files_below(folder: str, above: str = "") -> Iterator[str]:
    """Yield the paths, relative to `folder` and with slashes, of all files in it."""
    with DiskErrors("read", folder), os.scandir(folder) as scan:
        for item in scan:
            if item.is_dir():
                yield from _files_below(item.path, f"{above}{item.name}/")
            else:
                yield f"{above}{item.name}"


def _corrupt(
    record: VersionRecord, path: str, what: str, *, fix: str = "restore the file from a copy, or load another version"
) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{record.model} v{record.version}: {record.artifacts}/{path} {what}; nothing was opened", fix=fix
    )


def metadata_of(draft: VersionRecord) -> dict[str, Any]:
    """What ``metadata.json`` says: the record, but for what is known only when the number is claimed."""
    told: dict[str, Any] = msgspec.to_builtins(draft)
    for later in ("version", "artifacts", "files"):
        del told[later]
    return told


def _readable(value: Any) -> bytes:
    return msgspec.json.format(encoding.encode(value), indent=2)
