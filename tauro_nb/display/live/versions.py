"""One model in a live view: its versions, how their metrics went, where a version came from, what two differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tauro_nb.display import format as fmt
from tauro_nb.display.live.explorer import Block
from tauro_nb.display.live.feed import spelled
from tauro_nb.display.live.grid import Action, Grid, GridColumn, short
from tauro_nb.mlops.registry.claims import Trail
from tauro_nb.mlops.registry.comparison import VersionComparison
from tauro_nb.mlops.registry.records import PRODUCTION
from tauro_nb.mlops.registry.runs import Runs
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.records import RunRecord

MOST_METRICS = 24
MOST_COURSES = 12
"""Metrics whose course over the versions is drawn."""
MOST_COMPARED = 8
MOST_POINTS = 100
"""Newest versions of a course."""

ACTIONS = (
    Action(
        do="promote",
        label="Promote",
        command="registry.promote({model!r}, {number})",
        confirm="Promote {model} v{number} to Production?",
        most=1,
    ),
    Action(
        do="stage",
        label="To Staging",
        command='registry.promote({model!r}, {number}, stage="Staging")',
        confirm="Move {model} v{number} to Staging?",
        most=1,
    ),
    Action(
        do="alias",
        label="Set alias",
        command="registry.set_alias({model!r}, {number}, alias={alias!r})",
        confirm="Which alias is to mean {model} v{number}?",
        most=1,
        asks="alias",
    ),
    Action(
        do="compare",
        label="Compare",
        command="registry.compare({model!r}, {number,})",
        least=2,
        most=MOST_COMPARED,
        looks=True,
    ),
    Action(
        do="archive",
        label="Archive",
        command='registry.promote({model!r}, {number}, stage="Archived")',
        confirm="Archive {model} v{number}?",
        most=1,
        danger=True,
    ),
)

ROLL_BACK = Action(
    do="rollback",
    label="Roll back",
    command="registry.rollback({model!r}, expect={production})",
    confirm="Bring {model} v{before} back to Production, in the place of v{production}?",
    least=0,
    danger=True,
)


def model_blocks(name: str, versions: Sequence[ModelVersion]) -> list[Block]:
    """Return a model's versions, newest first, and above them how each metric went."""
    if not versions:
        return [versions_grid(name, versions)]
    items = courses(versions)
    head: list[Block] = [{"kind": "courses", "id": "courses", "title": name, "items": items}] if items else []
    return [*head, versions_grid(name, versions)]


def versions_grid(name: str, versions: Sequence[ModelVersion]) -> Grid:
    """Return a model's versions, newest first; numbers with their change against the one in Production."""
    metrics = sorted({key for version in versions for key in version.metrics})
    production = next((version.version for version in versions if version.stage == PRODUCTION), None)
    before = Trail(versions[0].registry.store).state(name).before_production() if versions else None
    actions = (*ACTIONS, ROLL_BACK) if production is not None and before is not None else ACTIONS
    return Grid(
        id="versions",
        title=name,
        columns=(
            GridColumn(key="version"),
            GridColumn(key="stage", kind="state"),
            GridColumn(key="aliases", kind="badges"),
            *(
                GridColumn(key=f"metrics.{key}", label=key, kind="number", bar=True, folded=at >= MOST_METRICS)
                for at, key in enumerate(metrics)
            ),
            GridColumn(key="registered", kind="time"),
            GridColumn(key="run", kind="code"),
            GridColumn(key="description", kind="muted"),
            GridColumn(key="number", hidden=True),
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
            )
            for version in reversed(versions)
        ],
        name="version",
        base=str(production or ""),
        facts={"model": name, "production": production, "before": before},
        select="many",
        open=True,
        actions=actions,
        adjusts=len(metrics) > MOST_METRICS,
        hint="Choose a version to act on it, two to compare them; open one to see where it came from.",
        empty="no versions",
    )


def courses(versions: Sequence[ModelVersion]) -> list[dict[str, Any]]:
    """Return how each of the first metrics went over the newest versions; those with one value have no course."""
    newest = versions[-MOST_POINTS:]
    items = []
    for key in sorted({key for version in versions for key in version.metrics}):
        held = [version for version in newest if key in version.metrics]
        if len(held) < 2:
            continue
        items.append(
            {
                "label": short(key, 60),
                "versions": [version.version for version in held],
                "values": [spelled(version.metrics[key]) for version in held],
                "marked": next((at for at, version in enumerate(held) if version.stage == PRODUCTION), -1),
            }
        )
    return items[:MOST_COURSES]


def lineage(version: ModelVersion) -> Block:
    """Return where a version came from: data, run, version; and what else is known of it."""
    run = Runs(version.registry.store).of(version.record)
    facts = [
        ("stage", version.stage or ""),
        ("aliases", ", ".join(version.aliases)),
        ("registered", version.created_at.strftime("%Y-%m-%d %H:%M UTC")),
        ("flavor", version.flavor + (" (runs code when loaded)" if version.runs_code else "")),
        ("size", fmt.size(version.size_bytes)),
        *(("tag " + name, value) for name, value in sorted(version.tags.items())[: fmt.MOST_ITEMS]),
        ("description", version.description),
    ]
    return {
        "kind": "lineage",
        "id": "lineage",
        "title": f"{version.name} v{version.version}",
        "steps": [
            {"what": "data", "items": _data(run)},
            {"what": "run", "items": _runs(version, run)},
            {"what": "version", "items": [_item(f"v{version.version}", version.name, version.record.artifacts)]},
        ],
        "facts": [[short(name, 60), short(value)] for name, value in facts if value],
        "command": f"registry.load_model({version.name!r}, {version.version})",
    }


def compared(comparison: VersionComparison) -> Grid:
    """Return what versions differ in, a column for each; numbers of two also with their change."""
    versions = comparison.versions
    pair = len(versions) == 2
    rows: list[tuple[Any, ...]] = []
    for part in comparison.parts:
        for row in part.differing:
            change = (_change(*row.values),) if pair else ()
            rows.append((f"{part.name} {row.name}", row.name, part.name, *row.values, *change))
    same = sum(len(part.shared) for part in comparison.parts)
    return Grid(
        id="compared",
        title=f"What differs in {' and '.join(f'v{version.version}' for version in versions)}",
        columns=(
            GridColumn(key="name", label=" "),
            GridColumn(key="part", label="of its", kind="muted"),
            *(GridColumn(key=str(version.version), label=f"v{version.version}", kind="number") for version in versions),
            *((GridColumn(key="change", kind="change"),) if pair else ()),
        ),
        rows=rows,
        name="name",
        empty=f"nothing that is known of them; {same} things are the same",
    )


def _change(first: Any, second: Any) -> float | None:
    known = [each for each in (first, second) if isinstance(each, (int, float)) and not isinstance(each, bool)]
    return known[1] - known[0] if len(known) == 2 else None


def _runs(version: ModelVersion, run: RunRecord | None) -> list[dict[str, str]]:
    if run is not None:
        commit = run.source.git_commit if run.source is not None else None
        about = f"experiment {run.experiment}" + (f", commit {commit[:8]}" if commit else "")
        return [_item(run.name, run.run_id, about)]
    if version.run_id is not None:
        return [_item("no longer there", version.run_id, "")]
    return [_item("none", "registered outside a run", "")]


def _data(run: RunRecord | None) -> list[dict[str, str]]:
    found: Mapping[str, Any] = run.inputs if run is not None else {}
    items = [_item(name, *_identity(told)) for name, told in sorted(found.items())[: fmt.MOST_ITEMS]]
    return items or [_item("none", "no dataset of the catalog", "")]


def _identity(told: Any) -> tuple[str, str]:
    """Return how a dataset's content is told from any other, and where it was."""
    if not isinstance(told, Mapping):
        return "", str(told)
    digest = told.get("sha256")
    return f"sha256 {str(digest)[:12]}" if digest else "", str(told.get("path", ""))


def _item(name: str, note: str, about: str) -> dict[str, str]:
    return {"name": short(name, 80), "note": short(note, 80), "about": short(about)}
