"""What came of a pipeline: one live object for the whole and one for each node.

A report is made before the first node starts and is filled in while the pipeline runs, so a card can read it at any
time. It holds the returned values themselves and is never written anywhere; what is to be kept goes into datasets, runs
and the registry.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from types import TracebackType
from typing import Any

from tauro_nb.faces import Shown
from tauro_nb.pipeline.graph import Plan


class NodeStatus(StrEnum):
    """Where a node stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    """A node before it did not finish, or the pipeline was interrupted."""
    INTERRUPTED = "INTERRUPTED"


class PipelineStatus(StrEnum):
    """Where a pipeline stands."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class NodeReport(Shown):
    """What came of one node.

    Attributes
    ----------
    name : str
    status : NodeStatus
    inputs : mapping of parameter to dataset
    outputs : tuple of dataset names
    given : mapping
        The parameters that the caller gave for this node.
    started_at_ns, ended_at_ns : int or None
        UTC, nanoseconds since the epoch; the start is that of the first attempt.
    attempts : int
        How often the function was called; more than 1 only with ``retries``.
    result : object
        What the function returned; None where it has not returned (`returned` tells the two apart).
    error : BaseException or None
        The user's own exception, of the last attempt.
    traceback : traceback or None
        Where it came from, which stays as it was however often the exception is raised again.
    rows_in, rows_out : dict of dataset to rows
        Only datasets whose rows can be counted at no cost.
    run_ids : list of str
        Runs that were started inside the node, oldest first; those of failed attempts too.
    """

    __slots__ = (
        "__weakref__",
        "attempts",
        "ended_at_ns",
        "error",
        "given",
        "inputs",
        "name",
        "outputs",
        "result",
        "returned",
        "rows_in",
        "rows_out",
        "run_ids",
        "started_at_ns",
        "status",
        "traceback",
    )

    def __init__(
        self, name: str, inputs: Mapping[str, str], outputs: tuple[str, ...], given: Mapping[str, Any] | None = None
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.given = given or {}
        self.status = NodeStatus.PENDING
        self.started_at_ns: int | None = None
        self.ended_at_ns: int | None = None
        self.attempts = 0
        self.result: Any = None
        self.returned = False
        self.error: BaseException | None = None
        self.traceback: TracebackType | None = None
        self.rows_in: dict[str, int] = {}
        self.rows_out: dict[str, int] = {}
        self.run_ids: list[str] = []

    @property
    def duration_s(self) -> float | None:
        """Seconds since the node started, or between its start and its end; None before it starts."""
        return _duration_s(self.started_at_ns, self.ended_at_ns)

    def __repr__(self) -> str:
        took = "" if self.duration_s is None else f", {self.duration_s:.3g} s"
        return f"<NodeReport {self.name!r}: {self.status.value}{took}>"


class PipelineReport(Shown):
    """What came of one execution of a pipeline.

    Attributes
    ----------
    pipeline, environment, execution_id : str
    plan : Plan
        The nodes in the order in which they run, and the edges between them.
    params : mapping
        The parameters that the caller gave.
    nodes : dict of node to NodeReport
        In the order of the plan.
    status : PipelineStatus
    error : BaseException or None
        The first failure, which the caller was given too.
    started_at_ns, ended_at_ns : int or None
        UTC, nanoseconds since the epoch.
    """

    __slots__ = (
        "__weakref__",
        "ended_at_ns",
        "environment",
        "error",
        "execution_id",
        "nodes",
        "params",
        "pipeline",
        "plan",
        "started_at_ns",
        "status",
    )

    def __init__(
        self,
        plan: Plan,
        nodes: dict[str, NodeReport],
        *,
        environment: str,
        execution_id: str,
        params: Mapping[str, Any],
        started_at_ns: int,
    ) -> None:
        self.pipeline = plan.pipeline
        self.plan = plan
        self.nodes = nodes
        self.environment = environment
        self.execution_id = execution_id
        self.params = params
        self.status = PipelineStatus.RUNNING
        self.error: BaseException | None = None
        self.started_at_ns = started_at_ns
        self.ended_at_ns: int | None = None

    @property
    def results(self) -> dict[str, Any]:
        """What each node returned; a node whose function has not returned is absent."""
        return {name: node.result for name, node in self.nodes.items() if node.returned}

    @property
    def duration_s(self) -> float:
        """Seconds since the pipeline started, or between its start and its end."""
        return _duration_s(self.started_at_ns, self.ended_at_ns) or 0.0

    @property
    def busy(self) -> list[str]:
        """The nodes that are running."""
        return [name for name, node in self.nodes.items() if node.status is NodeStatus.RUNNING]

    @property
    def run_ids(self) -> list[str]:
        """Runs of all nodes, node by node."""
        return [run_id for node in self.nodes.values() for run_id in node.run_ids]

    def __repr__(self) -> str:
        done = sum(node.status is NodeStatus.FINISHED for node in self.nodes.values())
        return (
            f"<PipelineReport {self.pipeline!r}: {self.status.value}, "
            f"{done}/{len(self.nodes)} nodes, {self.duration_s:.3g} s>"
        )


def _duration_s(started_at_ns: int | None, ended_at_ns: int | None) -> float | None:
    if started_at_ns is None:
        return None
    return ((time.time_ns() if ended_at_ns is None else ended_at_ns) - started_at_ns) / 1e9
