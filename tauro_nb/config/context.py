"""The frozen outcome of loading: what a project is, in one environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.config.credentials import Credentials
from tauro_nb.config.files import beside
from tauro_nb.config.origins import Origins
from tauro_nb.config.schema import DatasetConfig, MlopsSettings, NodeConfig, PipelineConfig, Settings
from tauro_nb.faces import Shown


class Context(Shown, msgspec.Struct, frozen=True, eq=False, dict=True, weakref=True):
    """A project in one environment. Two contexts are equal only if they are the same object."""

    root: Path
    """Absolute; what paths in configuration are relative to."""
    environment: str
    settings: Settings = msgspec.field(default_factory=Settings)
    pipelines: Mapping[str, PipelineConfig] = {}
    nodes: Mapping[str, NodeConfig] = {}
    inputs: Mapping[str, DatasetConfig] = {}
    outputs: Mapping[str, DatasetConfig] = {}
    descriptor: Path | None = None
    """None where the files were named one by one, or there are none."""
    credentials: Credentials = Credentials()
    origins: Origins = Origins()

    @classmethod
    def bare(cls, root: str | Path, storage_path: str | Path, environment: str = "local") -> Context:
        """Return a context without files and pipelines: a place to keep runs and models, nothing else."""
        settings = Settings(mlops=MlopsSettings(storage_path=str(storage_path)))
        return cls(root=beside(Path.cwd(), root), environment=environment, settings=settings)

    @property
    def storage_dir(self) -> Path:
        """The folder that ``mlops.storage_path`` means: absolute; relative to the root unless it says otherwise."""
        return beside(self.root, self.settings.mlops.storage_path)

    def where(self, section: str, *keys: Any) -> str:
        """Return the address of a key, with the file that set it last.

        Parameters
        ----------
        section : str
            ``settings``, ``pipelines``, ``nodes``, ``inputs`` or ``outputs``.
        *keys : str or int
            From the outside in.

        Returns
        -------
        str
            Such as ``config/base/nodes.yaml: nodes.train.function``.
        """
        return self.origins.where(section, *keys)

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(named)} {kind if len(named) != 1 else kind[:-1]}"
            for kind, named in (
                ("pipelines", self.pipelines),
                ("nodes", self.nodes),
                ("inputs", self.inputs),
                ("outputs", self.outputs),
            )
        )
        return f"Context({self.environment!r}, root={str(self.root)!r}, {counts})"
