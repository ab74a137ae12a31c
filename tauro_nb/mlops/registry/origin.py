"""Who does something to a model, and from where."""

from __future__ import annotations

import functools
import getpass
import platform
from typing import Any

from tauro_nb.errors import UsageError
from tauro_nb.mlops import scope
from tauro_nb.mlops.registry.records import Origin


def here(environment: str | None) -> Origin:
    """Describe the caller: this user and host, and the node that is being executed."""
    user, host = _process()
    now = scope.scope.get()
    if now is None:
        return Origin(user=user, host=host, environment=environment)
    return Origin(
        user=user,
        host=host,
        environment=now.environment or environment,
        pipeline=now.pipeline,
        node=now.node,
        execution_id=now.execution_id,
    )


def run_of(run: Any) -> tuple[str | None, str | None]:
    """Return id and experiment of a run (a `Run`, or an id), or of the one that this code is in."""
    if isinstance(run, str):
        return run, None
    if run is None:
        run = scope.current_run.get()
    if run is None and (now := scope.scope.get()) is not None:
        run = now.run
    if run is None:
        return None, None
    if not hasattr(run, "run_id"):
        raise UsageError(f"run={run!r} is a {type(run).__name__}", fix="give a Run or the id of one")
    return str(run.run_id), run.experiment


@functools.cache
def _process() -> tuple[str | None, str]:
    try:
        user: str | None = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = None
    return user, platform.node()
