"""What was copied from one store to another, and what was not."""

from __future__ import annotations

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table
from tauro_nb.mlops.moving.copied import Copied, Moved, Outcome

MOST_ROWS = 20

_HEADS = (
    Column("", yields=2),
    Column("name", yields=0),
    Column("what", yields=1),
    Column("size", numeric=True),
    Column("id", yields=3),
)


def copied_page(copied: Copied) -> Page:
    """Return what is new in the target, what waits for the next time, and what is for a person to decide."""
    brought = tuple(each for each in copied.moved if each.brings)
    verb = "to copy" if copied.dry_run else "copied"
    sections: list[Section] = [fmt.facts(_places(copied)), _table(brought, title="", empty=_nothing(copied))]
    if copied.left:
        sections.append(_waiting(copied.left))
    sections += _reasons("Changed on both sides, and left as it is", copied.conflicts)
    sections += _reasons("Failed", copied.failed)
    if copied.dry_run and brought:
        sections.append(Lines("nothing was written: the same without dry_run does it", tone="muted"))
    return Page(
        title="Copy",
        subtitle=(
            Cell(f"{fmt.plural(copied.n_runs, 'run')} and {fmt.plural(copied.n_versions, 'version')} {verb}"),
            _size(copied.size_bytes),
        ),
        sections=tuple(sections),
    )


def _places(copied: Copied) -> list[tuple[str, Cell]]:
    places = [("from", fmt.place(copied.source)), ("to", fmt.place(copied.target))]
    if copied.source == copied.target:
        places = places[1:]
    same = sum(count for (_, outcome), count in copied.counts.items() if outcome is Outcome.SAME)
    ahead = sum(count for (_, outcome), count in copied.counts.items() if outcome is Outcome.AHEAD)
    own = sum(count for (_, outcome), count in copied.counts.items() if outcome is Outcome.OWN)
    if own:
        places.append(("came from here", Cell(f"{own:,}")))
    if same:
        places.append(("the same already", Cell(f"{same:,}")))
    if ahead:
        places.append(("newer in the target", Cell(f"{ahead:,}")))
    if copied.delivered:
        places.append(("delivered", Cell(f"points of {fmt.plural(len(copied.delivered), 'run')} that had waited here")))
    return places


def _nothing(copied: Copied) -> str:
    if copied.source == copied.target:
        return "" if copied.delivered else "nothing waits on this machine"
    return "nothing is new" if copied.moved else "the source has no runs and no models"


def _table(moved: tuple[Moved, ...], *, title: str, empty: str) -> Table:
    rows = tuple(
        (
            Cell(each.kind, kind="muted"),
            fmt.text(each.name, kind="strong"),
            Cell(_what(each)),
            _size(each.size_bytes),
            Cell(each.run_id or "", kind="muted"),
        )
        for each in moved[:MOST_ROWS]
    )
    return Table(_HEADS, rows, title=title, more=len(moved) - len(rows), empty=empty)


def _what(each: Moved) -> str:
    if each.kind == "run":
        return "changed since" if each.outcome is Outcome.UPDATED else "new"
    parts = [fmt.plural(each.versions, "version")] if each.versions else []
    return ", ".join([*parts, *([fmt.plural(each.events, "act")] if each.events else [])])


def _waiting(moved: tuple[Moved, ...]) -> Table:
    heads = (Column("", yields=2), Column("name", yields=0), Column("why"), Column("id", yields=3))
    rows = tuple(
        (
            Cell(each.kind, kind="muted"),
            fmt.text(each.name, kind="strong"),
            fmt.text(each.why),
            Cell(each.run_id or "", kind="muted"),
        )
        for each in moved[:MOST_ROWS]
    )
    return Table(heads, rows, title="Left for the next time", more=len(moved) - len(rows))


def _reasons(title: str, moved: tuple[Moved, ...]) -> list[Section]:
    """Return what is wrong with each, and the mend, uncut: paths stand in it."""
    if not moved:
        return []
    lines = [f"{title}:"]
    for each in moved[:MOST_ROWS]:
        lines += [each.why, *([f"  fix: {each.fix}"] if each.fix else [])]
    if len(moved) > MOST_ROWS:
        lines.append(f"and {len(moved) - MOST_ROWS:,} more")
    return [Lines(fmt.excerpt("\n".join(lines)), tone="bad")]


def _size(count: int) -> Cell:
    return Cell(fmt.size(count), title=f"{count:,} bytes", kind="number")
