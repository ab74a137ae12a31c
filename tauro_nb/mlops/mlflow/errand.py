"""What a process that delivers is told when it starts."""

from __future__ import annotations

from typing import Any

import msgspec

from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.address import Address


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
        return f"/Shared/{name}" if self.address.is_databricks and not name.startswith("/") else name

    def model_name(self, name: str) -> str:
        """Return the name of a registered model there."""
        if not self.address.has_unity_catalog:
            return name
        return f"{self.catalog}.{self.schema}.{spelling.catalog_model(name)}"
