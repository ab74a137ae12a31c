"""For whom work is done just now: the pipeline and node being executed, and the run being logged to.

The executor says it around each node by `scoped`; the tracker reads it to label the runs it starts, the registry to
tie a version to its run. Both are context variables: a task or thread sees what was set where it was made, and two
nodes that run at the same time do not see each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one node."""

    environment: str | None = None
    pipeline: str | None = None
    node: str | None = None
    execution_id: str | None = None
    code: str | None = None
    """The cell that defined the node's function; None where a module does."""
    inputs: Callable[[], Mapping[str, Any]] | None = None
    """Gives the fingerprint of each dataset that was loaded for the node; called off the hot path."""
    run: Any = None
    """The `Run` that the executor started for the node itself, or of which the execution is a part: runs that the node
    starts are its children."""
    labels: Mapping[str, str] = {}
    """More tags of the runs that are started here."""

    def tags(self) -> dict[str, str]:
        """Return the tags of a run that is started here."""
        labels = {
            "pipeline": self.pipeline,
            "node": self.node,
            "environment": self.environment,
            "execution_id": self.execution_id,
        }
        return {**{key: value for key, value in labels.items() if value is not None}, **self.labels}


scope: ContextVar[Scope | None] = ContextVar("tauro_nb_scope", default=None)
"""The execution that this code belongs to; None outside of a pipeline."""

current_run: ContextVar[Run | None] = ContextVar("tauro_nb_current_run", default=None)
"""The innermost run whose ``with`` block this code is in. It stops nothing: others can be started and logged to."""


@contextmanager
def scoped(of: Scope) -> Iterator[Scope]:
    """Do the work of the ``with`` block for `of`."""
    token = scope.set(of)
    try:
        yield of
    finally:
        scope.reset(token)
