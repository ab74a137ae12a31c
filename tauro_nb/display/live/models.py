"""The registry as live tables: models, their versions, and buttons that act on them, asking first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tauro_nb.display.live.explorer import Block, Explorer
from tauro_nb.display.live.grid import Grid, GridColumn
from tauro_nb.display.live.versions import compared, lineage, model_blocks
from tauro_nb.display.models import NO_MODELS
from tauro_nb.errors import UsageError
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.version import RegisteredModel

_STAGES = {"promote": "Production", "stage": "Staging", "archive": "Archived"}


class RegistryExplorer(Explorer):
    """The models of a registry, the versions of the one that is open, and the version that is open there.

    Parameters
    ----------
    only : str, optional
        Show this model's versions alone.
    """

    def __init__(
        self, registry: ModelRegistry, bundle: Callable[[], Mapping[str, str]], *, only: str | None = None
    ) -> None:
        super().__init__(bundle)
        self._registry = registry
        self._only = only
        self._model = only
        self._looked_at: tuple[int, ...] = ()
        """One version, whose lineage is shown, or several that are compared."""

    def main(self) -> Sequence[Block]:
        """Return the table of models, or the one model's versions."""
        if self._only is not None:
            return model_blocks(self._only, self._registry.versions(self._only))
        models = self._registry.models()
        if self._model is None and len(models) == 1:
            self._model = models[0].name
        return [models_grid(models)]

    def detail(self) -> Sequence[Block]:
        """Return the versions of the model that was opened, and what was asked of them last."""
        name = self._model
        if name is None:
            return ()
        versions = self._registry.versions(name)
        blocks = model_blocks(name, versions) if self._only is None else []
        wanted = [version for version in versions if version.version in self._looked_at]
        if len(wanted) != len(self._looked_at) or not wanted:  # one was removed meanwhile
            return blocks
        if len(wanted) == 1:
            return [*blocks, lineage(wanted[0])]
        return [*blocks, compared(self._registry.compare(name, *self._looked_at))]

    def opened(self, grid: str, key: str) -> None:
        """Open a model, or a version of it."""
        if grid == "models":
            self._model, self._looked_at = key, ()
        else:
            self._looked_at = (int(key),)

    def acted(self, do: str, keys: Sequence[str], answer: str) -> str:
        """Do what the button says; return what has become of it."""
        registry, name = self._registry, str(self._model)
        if do == "rollback":
            version = registry.rollback(name, expect=self.fact("versions", "production"))
            return f"{name} v{version.version} is back in Production"
        if do == "compare":
            self._looked_at = tuple(sorted(map(int, keys)))
            return ""
        number = int(keys[0])
        if do == "alias":
            if not answer:
                raise UsageError("no alias was given", fix="type one")
            registry.set_alias(name, number, alias=answer)
            return f"{name}@{answer} is v{number} now"
        version = registry.promote(name, number, stage=_STAGES[do])
        return f"{name} v{version.version} is in {version.stage}"


def models_grid(models: Sequence[RegisteredModel]) -> Grid:
    """Return the models as a table."""
    return Grid(
        id="models",
        title="Models",
        columns=(
            GridColumn(key="name", label="model"),
            GridColumn(key="latest", kind="number"),
            GridColumn(key="Production", kind="number"),
            GridColumn(key="versions", kind="number"),
            GridColumn(key="aliases", kind="badges"),
            GridColumn(key="description", kind="muted"),
        ),
        rows=[
            (
                model.name,
                model.name,
                model.latest_version,
                model.production,
                model.n_versions,
                [f"{alias} v{number}" for alias, number in model.aliases.items()],
                model.description,
            )
            for model in models
        ],
        name="name",
        open=True,
        empty=NO_MODELS,
    )
