"""How the registry looks: its models, one model's versions, one version."""

from __future__ import annotations

from collections.abc import Sequence

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Page, Table
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel

MOST_MODELS = 20
MOST_VERSIONS = 10
MOST_METRICS = 6

NO_MODELS = "no models yet: registry.register_model(model, 'name') inside a run"


def registry_page(registry: ModelRegistry) -> Page:
    """Return the models, each with its newest versions."""
    models = registry.models()
    shown = models[:MOST_MODELS]
    return Page(
        title="Model registry",
        subtitle=(Cell(fmt.plural(len(models), "model")), fmt.place(registry.store.location)),
        sections=(
            Table(_MODELS, tuple(map(_model_row, shown)), more=len(models) - len(shown), empty=NO_MODELS),
            *(version_rows(model.versions(), title=fmt.name(model.name)) for model in shown),
        ),
        footer=("registry  ·  %tauro models",),
    )


def model_page(model: RegisteredModel) -> Page:
    """Return a model and its versions, newest first."""
    return Page(
        title=fmt.name(model.name),
        subtitle=(Cell(fmt.plural(model.n_versions, "version")), fmt.text(model.description, kind="muted")),
        sections=(version_rows(model.versions()),),
        footer=(f"store {model.registry.store.location}", f"registry.model({model.name!r})"),
    )


def version_page(version: ModelVersion) -> Page:
    """Return one version: metrics, tags, files, and the run that it came from."""
    facts = (
        ("stage", Cell(version.stage or "none")),
        ("aliases", fmt.text(", ".join(version.aliases))),
        ("registered", fmt.moment(_at_ns(version))),
        ("run", Cell(version.run_id or "")),
        ("flavor", Cell(version.flavor + (" (runs code when loaded)" if version.runs_code else ""))),
        ("size", Cell(fmt.size(version.size_bytes))),
    )
    return Page(
        title=f"{version.name} v{version.version}",
        state=version.stage or "",
        subtitle=(fmt.text(version.description),),
        sections=(
            fmt.tiles((name, fmt.value(value)) for name, value in sorted(version.metrics.items())),
            fmt.facts((name, cell) for name, cell in facts if cell.text),
            fmt.facts(((name, fmt.text(value)) for name, value in sorted(version.tags.items())), title="Tags"),
        ),
        footer=(f"registry.load_model({version.name!r}, {version.version})",),
    )


def version_rows(versions: Sequence[ModelVersion], *, title: str = "") -> Table:
    """Return the newest versions as rows, and the one in Production; a metric stands with its change against that."""
    newest = list(versions)[::-1][:MOST_VERSIONS]
    production = next((version for version in versions if version.stage == "Production"), None)
    if production is not None and production not in newest:
        newest.append(production)
    metrics = sorted({name for version in newest for name in version.metrics})[:MOST_METRICS]
    heads = (
        Column("version"),
        Column("stage"),
        Column("aliases"),
        *(Column(fmt.name(name), numeric=True) for name in metrics),
        Column("registered", least=fmt.MOMENT_WIDTH, yields=2),
        Column("run"),
    )
    rows = tuple(
        (
            Cell(f"v{version.version}", kind="strong"),
            Cell(version.stage or "", kind=f"state:{version.stage or ''}"),
            fmt.text(", ".join(version.aliases)),
            *(_metric(version, production, name) for name in metrics),
            fmt.moment(_at_ns(version)),
            Cell(version.run_id or "", kind="muted"),
        )
        for version in newest
    )
    return Table(heads, rows, title=title, more=len(versions) - len(newest), empty="no versions")


_MODELS = (Column("model"), Column("latest"), Column("Production"), Column("versions", numeric=True), Column(""))


def _model_row(model: RegisteredModel) -> tuple[Cell, ...]:
    return (
        fmt.text(model.name, kind="strong"),
        Cell(f"v{model.latest_version}"),
        Cell(f"v{model.production}" if model.production else ""),
        fmt.number(model.n_versions),
        fmt.text(model.description, kind="muted"),
    )


def _metric(version: ModelVersion, production: ModelVersion | None, name: str) -> Cell:
    if name not in version.metrics:
        return Cell("")
    value = version.metrics[name]
    cell = fmt.value(value)
    if production is None or production.version == version.version or name not in production.metrics:
        return cell
    change = value - production.metrics[name]
    if change == 0 or change != change:  # noqa: PLR0124 - NaN is not itself
        return cell
    return Cell(f"{cell.text} ({change:+.2g})", title=cell.title or f"{change:+} against Production", kind="number")


def _at_ns(version: ModelVersion) -> int:
    return round(version.created_at.timestamp() * 1e9)
