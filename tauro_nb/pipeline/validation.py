"""What can be known of a pipeline without running it, and how it is told: every problem at once."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tauro_nb.config.context import Context
from tauro_nb.errors import ConfigError, PipelineError, StoreError, TauroError
from tauro_nb.faces import Shown
from tauro_nb.pipeline.frames import user_traceback
from tauro_nb.pipeline.graph import Plan, plan
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.preparation import prepare
from tauro_nb.store import keys
from tauro_nb.wiring import services


class Problem(NamedTuple):
    """One thing that keeps a pipeline from running."""

    message: str
    """What is wrong, and where."""
    fix: str | None
    """How to mend it."""


class ValidationReport(Shown):
    """What was found in one pipeline.

    Attributes
    ----------
    pipeline, environment : str
    plan : Plan or None
        The order in which the nodes would run; None where it could not be made.
    errors : tuple of BaseException
        What `raise_if_problems` raises, or sums up.
    """

    def __init__(
        self, pipeline: str, environment: str, chosen: Plan | None, errors: Sequence[BaseException] = ()
    ) -> None:
        self.pipeline = pipeline
        self.environment = environment
        self.plan = chosen
        self.errors = tuple(errors)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.errors

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return tuple(problem for error in self.errors for problem in _problems(error))

    def raise_if_problems(self) -> None:
        """Raise what is wrong, if anything is.

        Raises
        ------
        TauroError
            The one problem, or all of them in one error.
        Exception
            What the user's module raised when it was imported.
        """
        raise_problems(self.errors, self.pipeline)

    def __repr__(self) -> str:
        count = len(self.problems)
        found = "ok" if self.ok else f"{count} problem{'' if count == 1 else 's'}"
        return f"<ValidationReport {self.pipeline!r}: {found}>"


def raise_problems(errors: Sequence[BaseException], pipeline: str) -> None:
    """Raise the one error as it is; of several, one that lists them all.

    The list is of the nearest kind that they all are of, or a `PipelineError`. What the user's own module raised goes
    before anything else.
    """
    if not errors:
        return
    __tracebackhide__ = True
    foreign = next((error for error in errors if not isinstance(error, TauroError)), None)
    if foreign is not None:
        raise foreign.with_traceback(user_traceback(foreign.__traceback__) or foreign.__traceback__)
    if len(errors) == 1:
        raise errors[0]
    lines = [f"{len(errors)} problems in pipeline {pipeline!r}"]
    for error in errors:
        for problem in _problems(error):
            lines.append(f"  {problem.message}")
            if problem.fix:
                lines.append(f"    fix: {problem.fix}")
    if all(isinstance(error, ConfigError) for error in errors):
        raise ConfigError.of(problem for error in errors for problem in _problems(error))
    own = (kind for kind in type(errors[0]).__mro__ if issubclass(kind, TauroError))
    shared = next(kind for kind in own if all(isinstance(error, kind) for error in errors))
    raise (PipelineError if shared is TauroError else shared)("\n".join(lines))


def validate(
    context: Context,
    name: str,
    select: Callable[[Plan], Plan],
    params: Mapping[str, Any],
    *,
    threaded: bool,
) -> ValidationReport:
    """Check the slice of a pipeline that `select` takes out of the whole."""
    try:
        chosen = select(plan(context, name))
    except TauroError as error:
        return ValidationReport(name, context.environment, None, [error, *store_problems(context)])
    modules = ProjectModules(context.root)
    try:
        working = services(context)
        with modules.running():
            found = prepare(working, context, chosen, modules, params, threaded=threaded).problems
    except TauroError as error:
        found = [error]
    return ValidationReport(name, context.environment, chosen, [*found, *store_problems(context)])


def store_problems(context: Context) -> list[TauroError]:
    """Return why runs and models could not be kept; writes nothing that stays."""
    if context.settings.mlops.backend_type != "local":
        try:
            services(context).store.list(keys.EXPERIMENTS)
        except TauroError as error:
            return [error]
        return []
    folder = context.storage_dir
    near = next(path for path in (folder, *folder.parents) if path.exists())
    where = context.where("settings", "mlops", "storage_path")
    if not near.is_dir():
        return [StoreError(f"{where}: {near} is a file", fix="name a folder, which need not exist")]
    try:
        with tempfile.TemporaryFile(dir=near) as probe:
            probe.write(b"\0")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return [
            StoreError(
                f"{where}: nothing can be written to {near}: {error.strerror}",
                fix="make it writable, or name another folder",
            )
        ]
    return []


def _problems(error: BaseException) -> list[Problem]:
    if isinstance(error, ConfigError):
        return [Problem(*problem) for problem in error.problems]
    if isinstance(error, TauroError):
        return [Problem(error.message, error.fix)]
    frames = traceback.extract_tb(error.__traceback__)
    place = ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}, line {error.lineno})"
    elif frames:
        place = f" ({frames[-1].filename}, line {frames[-1].lineno})"
    text = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    notes = " ".join(getattr(error, "__notes__", ()))
    return [Problem(f"{notes}: {text}{place}", "mend the module so that it can be imported")]
