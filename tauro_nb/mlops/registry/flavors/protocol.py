"""What a flavor is, and what it tells of a model that it has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a flavor tells after it has written a model."""

    format: str
    """Of the files; a flavor may know several."""
    file: str | None
    """The file or folder in which the model is, relative to the folder it was saved in; None: all of that folder."""
    details: dict[str, Any] = {}
    """Plain JSON values that the flavor wants back when it loads."""
    packages: dict[str, str] = {}
    """Versions of what must be installed to load it, by import name."""


class ModelMeta(Saved, frozen=True, kw_only=True):
    """How a saved model is loaded; stored with it."""

    flavor: str
    runs_code: bool
    """Loading runs code that the files name: load only what comes from somebody you trust."""
    model_class: str | None = None
    """None where files were taken as they were."""
    python: str | None = None
    """The Python that saved it; code that a pickle carries along runs on the same minor version alone."""


@runtime_checkable
class Flavor(Protocol):
    """One kind of model; an implementation passes `tauro_nb.testing.flavor_contract.FlavorContract`.

    What `load` returns behaves as what `save` was given. Neither changes the model, and a failed `save` raises: the
    next flavor that takes the model is asked then, in an emptied folder.
    """

    name: str
    """What `flavor=` takes and metadata say; never changes."""
    suffixes: frozenset[str]
    """Endings (``".pkl"``) under which it can write a model as one file of the caller's choice of name."""

    def matches(self, model: Any) -> bool:
        """Tell whether this is such a model; quick, and imports nothing that the model has not imported."""
        ...

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write the model into an existing folder; under the name `file`, whose ending is in `suffixes`, if given.

        Raises
        ------
        ModelNotSerializable
            It cannot hold this model, or not in one file with that ending.
        """
        ...

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the model, having read all that it needs: the folder may go afterwards."""
        ...

    def runs_code(self, meta: Saved) -> bool:
        """Tell whether `load` of these files would run code that they name.

        Decided by what `load` does with such a format, never by what the metadata claim.
        """
        ...


@runtime_checkable
class Predicting(Protocol):
    """What a flavor has besides, if its models are not asked by ``model.predict(data)`` or ``model(data)``."""

    def predict(self, model: Any, data: Any) -> Any:
        """Return what the model says of `data`: a DataFrame, an array, or what else the model takes."""
        ...
