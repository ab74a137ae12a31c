"""``tauro`` alone: where one stands, and what to type next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.commands.desk import Desk
from tauro_nb.errors import ConfigError, DescriptorNotFound
from tauro_nb.faces import Shown

if TYPE_CHECKING:
    from tauro_nb.pipeline.report import PipelineReport
    from tauro_nb.session import Session


class Standing(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """Where the commands of one desk work."""

    project: Path | None = None
    """None where there is none."""
    environment: str | None = None
    store: str | None = None
    pipelines: tuple[str, ...] = ()
    defined: tuple[str, ...] = ()
    """Nodes that the notebook defines."""
    report: PipelineReport | None = None
    """Of the last execution that ended here."""
    trouble: tuple[tuple[str, str | None], ...] = ()
    """What is wrong with the project's files, and how to mend it."""
    following: tuple[tuple[str, str], ...] = ()
    """What to type next, and for what."""

    @property
    def ok(self) -> bool:
        """Whether one can work here."""
        return not self.trouble

    def __repr__(self) -> str:
        return f"<Standing in {self.project or 'no project'}, {self.environment or 'no environment'}>"


def standing(desk: Desk) -> Standing:
    """Return where `desk` stands."""
    cue = desk.cue
    try:
        session = desk.session
    except DescriptorNotFound:
        told = [(f"{cue} init", "make a project that runs"), (f"{cue} demo", "make it and run it")]
        if desk.in_kernel:
            told.append(("%%tauro define NODE", "go without files: the cell's function is a node"))
        return Standing(following=tuple(told))
    except ConfigError as error:
        return Standing(
            environment=desk.env, trouble=error.problems, following=((cue, "look again when that is mended"),)
        )
    context = session.context
    return Standing(
        project=context.descriptor.parent if context.descriptor is not None else None,
        environment=context.environment,
        store=session.tracker.store.location,
        pipelines=tuple(context.pipelines),
        defined=tuple(session.defined),
        report=session.last_report,
        following=tuple(_following(desk, session)),
    )


def _following(desk: Desk, session: Session) -> list[tuple[str, str]]:
    cue, report = desk.cue, session.last_report
    if report is not None and report.error is not None:
        return [
            (f"{cue} debug", "look into the frames of what failed"),
            (f"{cue} retry", "run what did not finish"),
            (f"{cue} dag {shlex.quote(report.pipeline)}", "see what did"),
        ]
    told = [] if desk.is_loaded or not session.context.descriptor else [_load(desk)]
    pipelines = list(session.context.pipelines)
    if report is not None:
        told += [(f"{cue} runs", "see what was logged"), (f"{cue} models", "see what was registered")]
    elif pipelines:
        first = shlex.quote(pipelines[0])
        told += [(f"{cue} dag {first}", "see its nodes"), (f"{cue} run {first}", "run it")]
    elif desk.in_kernel:
        told.append(("%%tauro define NODE", "let the cell's function be a node"))
    return [*told, (f"{cue} --help", "all there is")]


def _load(desk: Desk) -> tuple[str, str]:
    return f"{desk.cue} load {desk.env}", "bind session, tracker and registry"
