"""Artifacts of runs and files of registered versions, as MLflow's client reads and writes them.

Every file that is given out is compared with its SHA-256 where that is known. Runs take files, also after their end;
versions take none. A version that Tauro has registered shows one file more, an ``MLmodel``, which is made when it is
asked for: by it `mlflow.pyfunc` loads the model (see `pyfunc`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from tauro_nb.errors import ArtifactCorrupt, ArtifactMissing
from tauro_nb.mlflow_plugin import address, pyfunc, terms
from tauro_nb.mlflow_plugin.address import Address
from tauro_nb.mlflow_plugin.flavor import DESCRIPTION
from tauro_nb.mlflow_plugin.opened import Opened, opened
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import PathValidator


class _Files(Protocol):
    """The files of one run or version."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each file by its path."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy one file to `target`, checked.

        Raises
        ------
        ArtifactMissing
        ArtifactCorrupt
        """
        ...


@terms.speaks_mlflow
class TauroArtifactRepository(ArtifactRepository):
    """What lies at a ``tauro://`` address: a run's artifacts, a version's files, or a whole store by longer paths."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._address = address.parse(artifact_uri)
        self._opened = opened(self._address.root)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Keep a copy of a file in a folder of the run."""
        self._keep(local_file, artifact_path, contents=False)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Keep a copy of all that is in a folder."""
        self._keep(local_dir, artifact_path, contents=True)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return the files and folders directly under `path`; nothing where that is a file, or not there."""
        place = self._address.below(path)
        if place.run_id is None and place.model is None:
            return []
        within = f"{place.path}/" if place.path else ""
        beside = f"{self._address.path}/" if self._address.path else ""
        files = _files_of(self._opened, place).sizes()
        found: dict[str, FileInfo] = {}
        for each, size in files.items():
            if each.startswith(within):
                name, slash, _ = each[len(within) :].partition("/")
                told = self._told(place, f"{within}{name}", beside)
                found[told] = FileInfo(told, bool(slash), None if slash else size)
        return [found[name] for name in sorted(found)]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Refuse: files go with their run or version."""
        raise terms.unsupported("deleting single artifacts; delete the run or the version")

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        place = self._address.below(remote_file_path)
        if place.run_id is None and place.model is None:
            raise terms.not_found(f"No such artifact: '{remote_file_path}'")
        try:
            _files_of(self._opened, place).fetch(place.path, Path(local_path))
        except (ArtifactMissing, ArtifactCorrupt) as error:
            raise terms.translated(error) from error

    def _told(self, place: Address, path: str, beside: str) -> str:
        """Return a file's path as it is told: relative to the address that this repository was asked for."""
        if self._address.run_id is not None or self._address.model is not None:
            return path.removeprefix(beside)
        own = f"runs/{place.run_id}/artifacts" if place.run_id is not None else f"models/{place.model}/{place.version}"
        return f"{own}/{path}"

    def _keep(self, source: str, folder: str | None, *, contents: bool) -> None:
        place = self._address.below(PathValidator.inside(folder) if folder else None)
        if place.run_id is None:
            raise terms.unsupported("changing the files of a version; register another one")
        self._opened.recording.keep(place.run_id, source, place.path or None, contents=contents)


class _RunFiles:
    def __init__(self, opened: Opened, run_id: str) -> None:
        record = opened.recording.find(run_id)
        self._artifacts = Artifacts(opened.store, record.experiment, run_id)
        self._records = {file.path: file for file in self._artifacts.files()}
        self._run_id = run_id

    def sizes(self) -> dict[str, int]:
        return {path: file.size_bytes for path, file in self._records.items()}

    def fetch(self, path: str, target: Path) -> None:
        if path not in self._records:
            raise ArtifactMissing(f"run {self._run_id}: no artifact {path!r}")
        self._artifacts.fetch(self._records[path], target)


class _VersionFiles:
    def __init__(self, opened: Opened, version: ModelVersion) -> None:
        self._store = opened.store
        self._version = version
        self._records = {file.path: file for file in version.files}
        self._made = {} if DESCRIPTION in self._records else pyfunc.description(version)

    def sizes(self) -> dict[str, int]:
        made = {name: len(data) for name, data in self._made.items()}
        return {path: file.size_bytes for path, file in self._records.items()} | made

    def fetch(self, path: str, target: Path) -> None:
        with DiskErrors("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in self._made:
                target.write_bytes(self._made[path])
                return
        record = self._version.record
        if path not in self._records:
            raise ArtifactMissing(f"{record.model} v{record.version}: no file {path!r}")
        self._store.get_file(f"{record.artifacts}/{path}", target)
        if _digest(target) != self._records[path].sha256:
            target.unlink()
            raise ArtifactCorrupt(
                f"{record.model} v{record.version}: {path} is not what was registered (its SHA-256 differs)",
                fix="restore the file from a copy, or load another version",
            )


def _files_of(opened: Opened, place: Address) -> _Files:
    if place.run_id is not None:
        return _RunFiles(opened, place.run_id)
    return _VersionFiles(opened, opened.registry.get(place.model or "", place.version))


def _digest(path: Path) -> str:
    import hashlib

    with DiskErrors("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
