"""The registry as live tables: models, their versions, and buttons that promote, asking first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tauro_nb.display.live.explorer import Block, Explorer
from tauro_nb.display.live.grid import Action, Grid, GridColumn
from tauro_nb.display.models import NO_MODELS
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel

_STAGES = {"promote": "Production", "stage": "Staging", "archive": "Archived"}

_ACTIONS = (
    Action(
        do="promote",
        label="Promote",
        command="registry.promote({name!r}, {number})",
        confirm="Promote {name} v{number} to Production?",
        most=1,
    ),
    Action(
        do="stage",
        label="To Staging",
        command='registry.promote({name!r}, {number}, stage="Staging")',
        confirm="Move {name} v{number} to Staging?",
        most=1,
    ),
    Action(
        do="archive",
        label="Archive",
        command='registry.promote({name!r}, {number}, stage="Archived")',
        confirm="Archive {name} v{number}?",
        most=1,
        danger=True,
    ),
)


class RegistryExplorer(Explorer):
    """The models of a registry, and the versions of the one that is open.

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
        self._opened = only

    def main(self) -> Sequence[Block]:
        """Return the table of models, or the one model's versions."""
        if self._only is not None:
            return [versions_grid(self._only, self._registry.versions(self._only))]
        models = self._registry.models()
        if self._opened is None and len(models) == 1:
            self._opened = models[0].name
        return [models_grid(models)]

    def detail(self) -> Sequence[Block]:
        """Return the versions of the model that was opened."""
        if self._only is not None or self._opened is None:
            return ()
        return [versions_grid(self._opened, self._registry.versions(self._opened))]

    def opened(self, grid: str, key: str) -> None:
        """Open a model."""
        self._opened = key

    def acted(self, do: str, keys: Sequence[str]) -> str:
        """Move the chosen version to the stage that the button names."""
        name = str(self._opened)
        version = self._registry.promote(name, int(keys[0]), stage=_STAGES[do])
        return f"{version.name} v{version.version} is in {version.stage}"


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
            GridColumn(key="description", kind="muted"),
        ),
        rows=[
            (model.name, model.name, model.latest_version, model.production, model.n_versions, model.description)
            for model in models
        ],
        name="name",
        open=True,
        empty=NO_MODELS,
    )


def versions_grid(name: str, versions: Sequence[ModelVersion]) -> Grid:
    """Return a model's versions, newest first."""
    metrics = sorted({key for version in versions for key in version.metrics})
    return Grid(
        id="versions",
        title=name,
        columns=(
            GridColumn(key="version"),
            GridColumn(key="stage", kind="state"),
            GridColumn(key="aliases", kind="badges"),
            *(GridColumn(key=f"metrics.{key}", label=key, kind="number") for key in metrics),
            GridColumn(key="registered", kind="time"),
            GridColumn(key="run", kind="code"),
            GridColumn(key="description", kind="muted"),
            GridColumn(key="number", hidden=True),
            GridColumn(key="name", hidden=True),
        ),
        rows=[
            (
                str(version.version),
                f"v{version.version}",
                version.stage or "",
                version.aliases,
                *(version.metrics.get(key) for key in metrics),
                version.created_at.timestamp(),
                version.run_id or "",
                version.description,
                version.version,
                version.name,
            )
            for version in reversed(versions)
        ],
        name="version",
        select="one",
        actions=_ACTIONS,
        hint="Choose a version to promote it.",
        empty="no versions",
    )
