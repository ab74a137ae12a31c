"""How versions look that were searched for, or stand side by side, or are to go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Page, Section, Table
from tauro_nb.display.runs import common_first
from tauro_nb.mlops.registry.comparison import Part, VersionComparison
from tauro_nb.mlops.registry.pruning import Pruning
from tauro_nb.mlops.registry.table import VersionTable

MOST_VERSIONS = 50
MOST_METRICS = 6

NO_VERSIONS = "no such versions: registry.search() lists all"

NO_RULE = "no setting asks for it: mlops.model_retention_days, mlops.registry.max_versions_per_model"

_TITLES = {
    "metrics": "Metrics",
    "params": "Parameters",
    "signature": "Signature",
    "data": "Data",
    "code": "Code",
    "packages": "Packages",
    "tags": "Tags",
    "model": "Model",
}


def table_page(versions: VersionTable) -> Page:
    """Return the versions as rows, in their order."""
    first = versions[:MOST_VERSIONS]
    metrics = common_first(version.metrics for version in first)[:MOST_METRICS]
    heads = (
        Column("model"),
        Column("version"),
        Column("stage"),
        Column("aliases"),
        *(Column(fmt.name(name), numeric=True) for name in metrics),
        Column("registered"),
        Column("run"),
    )
    rows = tuple(
        (
            fmt.text(version.name, kind="strong"),
            Cell(f"v{version.version}"),
            Cell(version.stage or "", kind=f"state:{version.stage or ''}"),
            fmt.text(", ".join(version.aliases)),
            *(_shown(version.record.metrics.get(name)) for name in metrics),
            fmt.moment(version.record.created_at_ns),
            Cell(version.run_id or "", kind="muted"),
        )
        for version in first
    )
    table = Table(heads, rows, more=len(versions) - len(first), empty=NO_VERSIONS)
    return Page(title="Versions", subtitle=(Cell(fmt.plural(len(versions), "version")),), sections=(table,))


def comparison_page(comparison: VersionComparison) -> Page:
    """Return versions side by side: what differs, part by part, then what is the same in all."""
    names = [f"v{version.version}" for version in comparison.versions]
    heads = (Column(""), *(Column(name, numeric=True) for name in names))
    sections: list[Section] = [_differing(part, heads) for part in comparison.parts if part.differing]
    if not sections:
        sections.append(Table(heads, (), empty="nothing differs"))
    sections += [
        fmt.facts(
            ((row.name, _shown(row.values[0])) for row in part.shared),
            title=f"{_TITLES[part.name]}: the same in all",
            folded=True,
        )
        for part in comparison.parts
        if part.shared
    ]
    name = comparison.versions[0].name
    return Page(
        title=f"{fmt.name(name)}: {', '.join(names)}",
        subtitle=tuple(
            Cell(f"{shown} {version.stage}")
            for shown, version in zip(names, comparison.versions, strict=True)
            if version.stage
        ),
        sections=tuple(sections),
        footer=(f"registry.compare({name!r}, {', '.join(str(each.version) for each in comparison.versions)})",),
    )


def pruning_page(pruning: Pruning) -> Page:
    """Return the versions that go, or have gone, each with its reason."""
    shown = pruning.going[:MOST_VERSIONS]
    rows = tuple(
        (
            fmt.text(each.version.name, kind="strong"),
            Cell(f"v{each.version.version}"),
            fmt.moment(each.version.record.created_at_ns),
            Cell(each.why, kind="muted"),
        )
        for each in shown
    )
    heads = (Column("model"), Column("version"), Column("registered"), Column("why"))
    count = fmt.plural(len(pruning), "version")
    return Page(
        title="Versions moved aside" if pruning.done else "Versions to go",
        subtitle=(Cell(count), Cell(pruning.rule or NO_RULE, kind="muted")),
        sections=(Table(heads, rows, more=len(pruning) - len(shown), empty="none has to go"),),
        footer=("registry.restore_version(name, version) brings one back",) if pruning.done and len(pruning) else (),
    )


def _differing(part: Part, heads: Sequence[Column]) -> Table:
    rows = part.differing
    shown = tuple((fmt.text(row.name), *map(_shown, row.values)) for row in rows[: fmt.MOST_ITEMS])
    return Table(tuple(heads), shown, title=_TITLES[part.name], more=len(rows) - len(shown))


def _shown(value: Any) -> Cell:
    return Cell("") if value is None else fmt.value(value)
