"""What a process that delivers is told when it starts and later, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.errors import ModelNotFound
from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.address import Address

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.registry.version import ModelVersion


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be delivered, and where to; sent to the process by its standard input, never by its arguments."""

    store: Any
    """A `Store`, which every store lets be pickled."""
    address: Address
    experiment: str | None = None
    """Where all runs go; None: into the experiment of their own name."""
    default_experiment: str = "default"
    """For models that no run made."""
    catalog: str = ""
    schema: str = ""
    """Where models go in Unity Catalog."""

    def place_of(self, experiment: str) -> str:
        """Return the name of the experiment there into which runs of this one go."""
        name = spelling.cut(self.experiment or experiment, spelling.EXPERIMENT_CHARS)
        return spelling.shared(name) if self.address.is_databricks and not name.startswith("/") else name

    def came_from_there(self, tags: Mapping[str, str]) -> bool:
        """Tell whether a run or version with these tags was taken from that very server, which has it already."""
        from tauro_nb.mlops.mlflow import imported  # not needed on the way to the first metric

        return tags.get(imported.URI_TAG) == self.address.shown.rstrip("/")

    def own_versions(self, registry: ModelRegistry, model: str) -> list[ModelVersion]:
        """Return the versions of a model, removed ones too, but for those that came from that very server."""
        try:
            versions = registry.versions(model, removed=True)
        except ModelNotFound:
            return []
        return [version for version in versions if not self.came_from_there(version.record.tags)]

    def model_name(self, name: str) -> str:
        """Return the name of a registered model there."""
        if not self.address.has_unity_catalog:
            return name
        return f"{self.catalog}.{self.schema}.{spelling.catalog_model(name)}"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A run or model of which somebody said that it changed."""

    experiment: str = ""
    run_id: str = ""
    model: str = ""
    """Of a model; then the other two are empty."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"model {self.model}" if self.model else f"run {self.run_id}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How delivering goes, as the process that does it said last."""

    at_ns: int = 0
    left: int = 0
    """Runs and models of which something is still to be sent."""
    since_ns: int = 0
    """How long the oldest of them waits; 0: nothing waits."""
    trouble: str = ""
    fix: str = ""
    """How to mend the trouble."""
    points: int = 0
    """Sent since the process began."""

    @property
    def told(self) -> str:
        """The trouble and its mend, as a person reads them; "" where there is none."""
        return f"{self.trouble} ({self.fix})" if self.trouble and self.fix else self.trouble
