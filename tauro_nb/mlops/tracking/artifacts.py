"""The files of one run: taken in whole, listed with size and SHA-256, given back only if they are still the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from tauro_nb.errors import ArtifactCorrupt, ArtifactMissing, KeyMissing
from tauro_nb.kinds import known
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.records import FileRecord, Manifest, RunRecord
from tauro_nb.store import keys
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.protocol import Stat, Store
from tauro_nb.store.walk import described, exact_stat

_TAKE_OUT = "take it out of the folder, or log the files one by one"


class LoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model among a run's artifacts; ``run.load_model(path)`` gives it back."""

    run_id: str
    path: str
    """Among the artifacts."""
    flavor: str
    format: str


class Artifacts:
    """What lies below a run's ``artifacts`` folder."""

    def __init__(self, store: Store, experiment: str, run_id: str) -> None:
        self._store = store
        self._experiment = experiment
        self._run_id = run_id
        self._known: dict[str, tuple[Stat, FileRecord]] = {}

    def add_bytes(self, path: str, data: bytes) -> str:
        """Keep `data` under `path`, replacing what is there; return the path as it is kept."""
        import hashlib

        path = PathValidator.inside(path)
        self._store.put(self._key(path), data)
        self._remember(FileRecord(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        return path

    def add_file(self, source: Path, path: str) -> str:
        """Keep a copy of the file `source` under `path`, replacing what is there; return the path as it is kept."""
        path = PathValidator.inside(path)
        self._store.put_file(self._key(path), source)
        self._remember(self._described(path, source))
        return path

    def add(self, source: str | PathLike[str], folder: str | None, *, contents: bool = False) -> str:
        """Keep a copy of a file or folder below `folder`, under its own name; of a folder's `contents`, without it.

        Raises
        ------
        ArtifactMissing
            There is no such file or folder, or something in it is no file (a link to nothing or to a folder around it,
            a pipe, a device). Links to files and to other folders are kept as what they lead to.
        StoreError
            A folder in it cannot be read.
        UnsafePath
            One of the two paths has a ``..`` segment, `folder` is absolute, or a name in it cannot be kept.
        """
        found = PathValidator(Path.cwd(), allow_absolute=True).resolve(source)
        inside = PathValidator.inside(folder) if folder else ""
        if not found.exists() or (contents and not found.is_dir()):
            kind = "folder" if contents else "file or folder"
            raise ArtifactMissing(f"{os.fspath(source)}: no such {kind} (in {Path.cwd()})", fix="check the path")
        if not contents:
            inside = f"{inside}/{found.name}" if inside else found.name
        files = {found: inside}
        if found.is_dir():
            below = {file: file.relative_to(found).as_posix() for file in sorted(_files_below(found))}
            files = {file: f"{inside}/{name}" if inside else name for file, name in below.items()}
        for file, path in files.items():  # all of them before the first is kept
            _must_be_kept_whole(file)
            PathValidator.inside(path)
        for file, path in files.items():
            self.add_file(file, path)
        return inside

    def add_model(self, model: Any, path: str) -> tuple[LoggedModel, dict[str, Any]]:
        """Keep `model` under `path`; return what was kept, and what loading it must know.

        Raises
        ------
        ModelNotSerializable
        """
        from tauro_nb.mlops.registry import flavors

        path = PathValidator.inside(path)
        with _temporary_folder() as folder:
            target = folder / path.rpartition("/")[2]
            meta = flavors.save_file(model, target)
            self.add_file(target, path)
        logged = LoggedModel(run_id=self._run_id, path=path, flavor=meta.flavor, format=meta.format)
        return logged, msgspec.to_builtins(meta)

    def load_model(self, path: str, meta: dict[str, Any]) -> Any:
        """Return the model that was kept under `path`, a file or a folder.

        Raises
        ------
        ArtifactCorrupt
        """
        from tauro_nb.mlops.registry import flavors

        how = msgspec.convert(meta, known(flavors.ModelMeta))
        files = [each for each in self.files() if each.path == path or each.path.startswith(f"{path}/")]
        if not files:
            raise self._missing(path)
        root = self._store.local_dir(keys.artifacts(self._experiment, self._run_id))
        if root is not None and how.flavor == flavors.FilesFlavor.name:
            for file in files:
                self._check(file, root / file.path)
            return flavors.load_model((root / path).parent, how)
        import atexit
        import shutil
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="tauro-model-"))  # a copy of one's own: what was checked is opened
        model = None
        try:
            for file in files:
                self.fetch(file, folder / f"{how.file or ''}{file.path[len(path) :]}")
            model = flavors.load_model(folder, how)
        finally:
            if isinstance(model, Path):  # what was given is a file there: it goes with the process
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        return model

    def fetch(self, file: FileRecord, target: Path) -> Path:
        """Copy an artifact to `target`, checked against its SHA-256 where that is known.

        Raises
        ------
        ArtifactMissing
        ArtifactCorrupt
            It is not what was logged; nothing is at `target`.
        """
        with DiskErrors("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._store.get_file(self._key(file.path), target)
        except KeyMissing:
            raise self._missing(file.path) from None
        try:
            self._check(file, target)
        except ArtifactCorrupt:
            target.unlink()
            raise
        return target

    def read(self, path: str) -> bytes:
        """Return what is kept under `path`, as it is.

        Raises
        ------
        ArtifactMissing
        """
        try:
            return self._store.get(self._key(path))
        except KeyMissing:
            raise self._missing(path) from None

    def files(self) -> list[FileRecord]:
        """Return every file, sorted by path; out of the manifest where the run has ended."""
        try:
            manifest = encoding.read(self._store, keys.manifest(self._experiment, self._run_id), Manifest)
        except KeyMissing:
            return sorted(self._listed())
        return list(manifest.files)

    def seal(self, record: RunRecord) -> None:
        """Write the manifest: the run has ended."""
        self.keep(self.described(record))

    def described(self, record: RunRecord) -> Manifest:
        """Return the manifest as it should be; files that nobody has told of are read for it."""
        files = tuple(file if file.sha256 is not None else self._hashed(file.path) for file in sorted(self._listed()))
        return Manifest(run_id=record.run_id, files=files)

    def keep(self, manifest: Manifest) -> None:
        """Write the manifest."""
        self._store.put(keys.manifest(self._experiment, self._run_id), encoding.encode(manifest))

    def unseal(self) -> None:
        """Take the manifest away, and what it tells of the files into memory: the run goes on."""
        for file in self.files():
            if file.sha256 is not None:
                with suppress(KeyMissing):  # somebody has removed it since
                    self._remember(file)
        self._store.delete(keys.manifest(self._experiment, self._run_id))

    def _listed(self) -> Iterator[FileRecord]:
        root = keys.artifacts(self._experiment, self._run_id)
        for key, stat in described(self._store, root):
            path = key[len(root) + 1 :]
            seen, known = self._known.get(path, (None, None))
            yield known if known and seen == stat else FileRecord(path=path, size_bytes=stat.size_bytes)

    def _remember(self, file: FileRecord) -> None:
        """Keep what is known of a file for as long as nobody replaces it."""
        self._known[file.path] = exact_stat(self._store, self._key(file.path)), file

    def _missing(self, path: str) -> ArtifactMissing:
        return ArtifactMissing(f"run {self._run_id}: no artifact {path!r}", fix="run.artifacts() lists them")

    def _check(self, file: FileRecord, copy: Path) -> None:
        if file.sha256 is not None and _digest(copy) != file.sha256:
            raise ArtifactCorrupt(
                f"run {self._run_id}: artifact {file.path!r} is not what was logged (its SHA-256 differs)",
                fix="restore it from a copy, or log it again",
            )

    def _key(self, path: str) -> str:
        return keys.artifact(self._experiment, self._run_id, path)

    def _described(self, path: str, source: Path) -> FileRecord:
        """Describe what was kept of `source`: its stored copy, which no longer changes, where that can be read here."""
        folder = self._store.local_dir(keys.artifacts(self._experiment, self._run_id))
        kept = source if folder is None else folder / path
        with DiskErrors("read", kept):
            return FileRecord(path=path, size_bytes=kept.stat().st_size, sha256=_digest(kept))

    def _hashed(self, path: str) -> FileRecord:
        folder = self._store.local_dir(keys.artifacts(self._experiment, self._run_id))
        if folder is not None:
            return self._described(path, folder / path)
        with _temporary_folder() as temporary:
            copy = self.fetch(FileRecord(path=path, size_bytes=0), temporary / "file")
            return FileRecord(path=path, size_bytes=copy.stat().st_size, sha256=_digest(copy))


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all that is no folder, behind links to folders too."""

    def refuse(error: OSError) -> NoReturn:
        raise error

    with DiskErrors("read", folder):
        for place, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
            here = Path(place)
            for link in (here / name for name in folders if (here / name).is_symlink()):
                way = [each.resolve() for each in (here, *here.parents) if each.is_relative_to(folder)]
                if any(each.is_relative_to(link.resolve()) for each in way):
                    raise ArtifactMissing(f"{link}: a link to a folder around it, which has no end", fix=_TAKE_OUT)
            yield from (here / name for name in names)


def _must_be_kept_whole(file: Path) -> None:
    """Refuse what has no end, or no content of its own."""
    if not file.is_file():
        what = "a link to nothing" if not file.exists() else "no file, but a pipe, socket or device"
        raise ArtifactMissing(f"{file}: {what}", fix=_TAKE_OUT)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    import tempfile

    with DiskErrors("write", "a temporary folder"), tempfile.TemporaryDirectory(prefix="tauro-") as folder:
        yield Path(folder)


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
