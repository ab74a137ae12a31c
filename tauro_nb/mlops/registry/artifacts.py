"""A version's files: gathered under a name of their own, described, and checked before anybody opens them."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tauro_nb.errors import ArtifactCorrupt, KeyMissing, RegistryError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.records import FileRecord, Manifest, VersionRecord
from tauro_nb.store import keys
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import delete_tree

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
        """In a store without folders; where there are some, a version's files have left `prefix`."""
        self._temporary: str | None = None
        folder = store.local_dir(self.prefix)
        if folder is None:
            self._temporary = tempfile.mkdtemp(prefix="tauro-model-")
            folder = Path(self._temporary)
        self.folder = folder

    def add(self, name: str, data: bytes) -> None:
        """Write a file beside the model's own."""
        if (self.folder / name).exists():
            raise RegistryError(
                f"the model has a file {name!r} of its own, which is the registry's", fix="keep it in a folder"
            )
        with DiskErrors("write", self.folder, name):
            (self.folder / name).write_bytes(data)

    def seal(self, metadata: Any) -> tuple[FileRecord, ...]:
        """Add metadata and manifest, bring everything to the store, and return the list of all files."""
        self.add(METADATA, _readable(metadata))
        files = tuple(sorted(_described(self.folder, path) for path in self.folder.rglob("*") if path.is_file()))
        self.add(MANIFEST, _readable(Manifest(files=files)))
        files = (*files, _described(self.folder, self.folder / MANIFEST))
        if self._temporary:
            for file in files:
                self._store.put_file(f"{self.prefix}/{file.path}", self.folder / file.path)
        return files

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
def opened(store: Store, record: VersionRecord, *, keep: bool = False) -> Iterator[Path]:
    """Give the folder with a version's files, each of which has the recorded size and SHA-256.

    Where the store has no folders it is a temporary one, which goes with the block, or (`keep`) with the process.

    Raises
    ------
    ArtifactCorrupt
        One has not, or is missing; it names the file. Nothing was opened.
    """
    for file in record.files:
        PathValidator.inside(file.path)
        try:
            size = store.stat(f"{record.artifacts}/{file.path}").size_bytes
        except KeyMissing:
            raise _corrupt(record, file, "is missing") from None
        if size != file.size_bytes:
            raise _corrupt(record, file, f"has {size:,} bytes; {file.size_bytes:,} were registered")
    folder = store.local_dir(record.artifacts)
    if folder is not None:
        _compare(record, folder)
        yield folder
        return
    temporary = Path(tempfile.mkdtemp(prefix="tauro-model-"))
    if keep:
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    try:
        for file in record.files:
            target = temporary / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(f"{record.artifacts}/{file.path}", target)
        _compare(record, temporary)
        yield temporary
    finally:
        if not keep:
            shutil.rmtree(temporary, ignore_errors=True)


def _compare(record: VersionRecord, folder: Path) -> None:
    for file in record.files:
        found = _described(folder, folder / file.path)
        if found.sha256 != file.sha256 or found.size_bytes != file.size_bytes:
            raise _corrupt(record, file, "is not what was registered (its SHA-256 differs)")


def _described(folder: Path, path: Path) -> FileRecord:
    with DiskErrors("read", path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return FileRecord(path=path.relative_to(folder).as_posix(), size_bytes=size, sha256=digest)


def _corrupt(record: VersionRecord, file: FileRecord, what: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{record.model} v{record.version}: {record.artifacts}/{file.path} {what}; it was not opened",
        fix="restore the file from a copy, or load another version",
    )


def metadata_of(draft: VersionRecord) -> dict[str, Any]:
    """What ``metadata.json`` says: the record, but for what is known only when the number is claimed."""
    told: dict[str, Any] = msgspec.to_builtins(draft)
    for later in ("version", "artifacts", "files"):
        del told[later]
    return told


def _readable(value: Any) -> bytes:
    return msgspec.json.format(encoding.encode(value), indent=2)
