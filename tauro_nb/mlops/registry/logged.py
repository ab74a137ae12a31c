"""What a run kept, on its way to becoming a version: found by its path, and copied with its checksums compared."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import ArtifactMissing, nearest
from tauro_nb.kinds import known
from tauro_nb.mlops.registry.flavors import FilesFlavor, ModelMeta
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.records import FileRecord
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run


class Logged:
    """A model, a file or a folder among a run's artifacts."""

    def __init__(self, run: Run, path: str, files: Sequence[FileRecord], meta: ModelMeta) -> None:
        self.run = run
        self._path = path
        self._files = files
        self._meta = meta

    def save(self, folder: Path) -> ModelMeta:
        """Copy it into `folder` under its own name, and tell how it is loaded.

        Raises
        ------
        ArtifactCorrupt
            A file is not what was logged.
        """
        kept = Artifacts(self.run.store, self.run.experiment, self.run.run_id)
        above = len(self._path) - len(_name(self._path))
        for file in self._files:
            kept.fetch(file, folder / file.path[above:])
        return self._meta


def find(store: Store, run: Run | str, artifact_path: str | PathLike[str]) -> Logged:
    """Return what a run, or the run of this id in `store`, has under `artifact_path`.

    Raises
    ------
    RunNotFound
    ArtifactMissing
        It has no such file or folder.
    UnsafePath
        The path is absolute, or leaves the run.
    """
    if isinstance(run, str):
        from tauro_nb.mlops.tracking.tracker import ExperimentTracker

        run = ExperimentTracker(store).get_run(run)
    path = PathValidator.inside(artifact_path)
    there = run.artifacts()
    files = [file for file in there if file.path == path or file.path.startswith(f"{path}/")]
    if not files:
        raise ArtifactMissing(
            f"run {run.run_id}: no artifact {path!r}",
            fix=nearest(path, [file.path for file in there]) or "log it first: the run has no artifacts",
        )
    model = run.record.models.get(path)
    if model is not None:
        return Logged(run, path, files, msgspec.convert(model, known(ModelMeta)))
    kind = "file" if files[0].path == path else "folder"
    meta = ModelMeta(flavor=FilesFlavor.name, format=kind, file=_name(path), runs_code=False)
    return Logged(run, path, files, meta)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
