"""What the registry answers with: a model, and a version of it, as they stood when they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tauro_nb.faces import Shown, answer
from tauro_nb.mlops.registry.records import PRODUCTION, FileRecord, VersionRecord

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry


@dataclass(frozen=True)
class ModelVersion(Shown):
    """One version of a model, with the stage, aliases, tags and description that it had when it was asked for.

    Acts go through the registry and give a new object; this one does not change.
    """

    record: VersionRecord
    """What was registered."""
    stage: str | None
    """``"Staging"``, ``"Production"``, ``"Archived"`` or None."""
    aliases: tuple[str, ...]
    """Sorted."""
    tags: dict[str, str]
    description: str
    """May be empty."""
    removed: bool
    """Moved aside; `ModelRegistry.restore_version` brings it back."""
    registry: ModelRegistry = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.record.model

    @property
    def version(self) -> int:
        """Counted from 1, without gaps."""
        return self.record.version

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that were registered with it."""
        return dict(self.record.metrics)

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        return self.record.run_id

    @property
    def experiment(self) -> str | None:
        """The experiment of that run."""
        return self.record.experiment

    @property
    def flavor(self) -> str:
        """How it was saved."""
        return self.record.meta.flavor

    @property
    def runs_code(self) -> bool:
        """Loading it runs code that its files name."""
        return self.record.meta.runs_code

    @property
    def created_at(self) -> datetime:
        """When it was registered, UTC."""
        seconds, rest_ns = divmod(self.record.created_at_ns, 1_000_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1_000)

    @property
    def size_bytes(self) -> int:
        """The size of its files."""
        return self.record.size_bytes

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Its files, each with size and SHA-256."""
        return self.record.files

    def load(self) -> Any:
        """Return the model; see `ModelRegistry.load_model`."""
        return self.registry.load_model(self.name, self.version)

    def predict(self, data: Any) -> Any:
        """Return what the model says of `data`, which are made to fit the signature that it was registered with.

        The model is loaded, its files checked, when this is first called; this object then keeps it.

        Parameters
        ----------
        data : DataFrame, array, list of dicts, or dict of lists
            Columns are put in order, those that the signature does not name are left out; types are converted where
            nothing is lost. Without a signature the model gets what it is given.

        Raises
        ------
        SchemaMismatch
            The data do not fit the signature; `problems` has all that is wrong.
        UsageError
            This version is files, or an object that predicts nothing.
        ArtifactCorrupt, Untrusted, MissingDependency
            As `ModelRegistry.load_model` does.
        """
        from tauro_nb.mlops.registry import prediction

        return prediction.predict(self.record, self._loaded, data)

    @cached_property
    def _loaded(self) -> Any:
        return self.load()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded model behind: a copy loads its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}

    def promote(self, *, stage: str | None = PRODUCTION, comment: str | None = None) -> ModelVersion:
        """Give it a stage; see `ModelRegistry.promote`."""
        return self.registry.promote(self.name, self.version, stage=stage, comment=comment)

    def set_alias(self, alias: str, *, comment: str | None = None) -> ModelVersion:
        """Give it an alias; see `ModelRegistry.set_alias`."""
        return self.registry.set_alias(self.name, self.version, alias=alias, comment=comment)

    def set_tags(self, tags: Mapping[str, Any], *, comment: str | None = None) -> ModelVersion:
        """Give it these tags beside those that it has; see `ModelRegistry.set_tags`."""
        return self.registry.set_tags(self.name, self.version, tags, comment=comment)

    def set_description(self, description: str, *, comment: str | None = None) -> ModelVersion:
        """Describe it in other words; see `ModelRegistry.set_description`."""
        return self.registry.set_description(self.name, self.version, description, comment=comment)

    def figure(self, *args: Any, **kwargs: Any) -> Any:
        """Return its metrics among those of the other versions as a ``plotly.graph_objects.Figure``."""
        return answer("figure", self, *args, **kwargs)

    def __repr__(self) -> str:
        stage = f" {self.stage}" if self.stage else ""
        aliases = "".join(f" @{alias}" for alias in self.aliases)
        return f"<ModelVersion {self.name!r} v{self.version}{stage}{aliases}{' removed' if self.removed else ''}>"


@dataclass(frozen=True)
class RegisteredModel(Shown):
    """A model that has versions, as it stood when it was asked for."""

    name: str
    latest_version: int
    """The newest that is not removed."""
    n_versions: int
    """Not counting removed ones."""
    stages: dict[int, str]
    """Versions that have a stage."""
    aliases: dict[str, int]
    latest: ModelVersion = field(repr=False, compare=False)
    registry: ModelRegistry = field(repr=False, compare=False)

    @property
    def production(self) -> int | None:
        """The version in Production."""
        return next((version for version, stage in self.stages.items() if stage == PRODUCTION), None)

    @property
    def description(self) -> str:
        """What was written with the latest version."""
        return self.latest.description

    def versions(self) -> list[ModelVersion]:
        """Return its versions, oldest first."""
        return self.registry.versions(self.name)

    def __repr__(self) -> str:
        production = f", v{self.production} in Production" if self.production else ""
        count = "1 version" if self.n_versions == 1 else f"{self.n_versions} versions"
        return f"<RegisteredModel {self.name!r}: {count}, latest v{self.latest_version}{production}>"
