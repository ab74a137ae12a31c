"""A run or model that is not on the server as it is here, as a record."""

from __future__ import annotations

import msgspec

from tauro_nb.mlops.mlflow.errand import Waiting


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A run or model that is not there as it is here."""

    kind: str
    """``run`` or ``model``."""
    name: str
    id: str
    """Of a run its id; of a model its name."""
    experiment: str = ""
    what: str = "missing"
    """``missing``, ``differs``, ``behind`` (not all of it was sent yet), ``changed`` (said otherwise on purpose)."""
    details: tuple[str, ...] = ()

    @property
    def waiting(self) -> Waiting:
        """What is to be announced so that it is sent."""
        if self.kind == "model":
            return Waiting(model=self.id)
        return Waiting(experiment=self.experiment, run_id=self.id)
