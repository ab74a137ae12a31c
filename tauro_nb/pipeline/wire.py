"""What a process that runs a job and the process that asked for it tell each other.

The one that asks sends an `Order`, and the word `STOP`; the other tells what happens as it happens. Values travel
pickled, each by itself, so that one that cannot be names itself and stops no other. cloudpickle, where it is installed,
takes along the functions and classes of a notebook's cells, which no module has.
"""

from __future__ import annotations

import ast
import linecache
import os
import pickle
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.errors import MissingDependency, PipelineError, TauroError, UsageError
from tauro_nb.events import Event
from tauro_nb.mlops.tracking.cell import Cell
from tauro_nb.pipeline.definitions import Definition
from tauro_nb.pipeline.frames import user_traceback
from tauro_nb.pipeline.graph import Plan
from tauro_nb.pipeline.report import NodeReport, NodeStatus, PipelineStatus

STOP = "stop"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run, and with what."""

    execution_id: str
    context: Context
    plan: Plan
    params: bytes
    defined: Mapping[str, bytes]
    """The nodes of the plan that a notebook defines."""
    sources: Mapping[str, str]
    """The text of the cells that these were defined in, by the name under which it was compiled."""
    memory: Mapping[str, tuple[bytes, str | None]]
    """What the plan reads that is in memory, and the node that handed it over."""
    cell: Cell | None
    notebook: str | None
    """For whom it is done."""
    log_level: int
    """The least level that is of interest."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An exception that travels: pickled where it can be, and as its text in any case."""

    packed: bytes | None
    said: str
    """Its kind and what it says, in a line or more."""
    text: str
    """As it would be printed, from the user's frame on."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Take down an exception."""
        frames = user_traceback(error.__traceback__) or error.__traceback__
        said = "".join(traceback.format_exception_only(error)).rstrip()
        if isinstance(error, TauroError):
            text = "\n".join((*error.lines(), *getattr(error, "__notes__", ())))
        else:
            text = "".join(traceback.format_exception(type(error), error, frames)).rstrip()
        try:
            packed = pack(error)
            pickle.loads(packed)  # noqa: S301 - made a line above; one that asks for arguments cannot be opened
        except (Exception, SystemExit):  # noqa: BLE001 - the error is the user's, and so is what becomes of it; its text is kept
            packed = None
        return cls(packed=packed, said=said, text=text)

    def error(self) -> BaseException:
        """Return the exception, or one of ours with its text; `RemoteTraceback` is its cause."""
        try:
            found = None if self.packed is None else unpack(self.packed)
        except (Exception, SystemExit):  # noqa: BLE001 - as above
            found = None
        error = found if isinstance(found, BaseException) else PipelineError(self.said)
        error.__cause__ = RemoteTraceback(self.text)
        return error


class RemoteTraceback(Exception):
    """Where an exception came from that was raised in another process, as text: frames do not travel."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}\n"""'

    @property
    def text(self) -> str:
        """The traceback and the error, as they would be printed there."""
        return str(self.args[0])


class NodeNews(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of a node."""

    name: str
    status: NodeStatus
    started_at_ns: int | None
    ended_at_ns: int | None
    attempts: int
    rows_in: dict[str, int]
    rows_out: dict[str, int]
    run_ids: list[str]
    error: Failure | None = None
    returned: bool = False
    result: bytes | None = None
    stayed: str | None = None
    """Why the result is not here, although the node returned."""

    @classmethod
    def of(cls, node: NodeReport) -> NodeNews:
        """Take down a node that has begun or ended."""
        result, stayed = None, None
        if node.returned:
            try:
                result = pack(node.result)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the value is the user's, and so is what pickling it does
                stayed = f"{type(error).__name__}: {error}"
        return cls(
            name=node.name,
            status=node.status,
            started_at_ns=node.started_at_ns,
            ended_at_ns=node.ended_at_ns,
            attempts=node.attempts,
            rows_in=dict(node.rows_in),
            rows_out=dict(node.rows_out),
            run_ids=list(node.run_ids),
            error=None if node.error is None else Failure.of(node.error),
            returned=node.returned,
            result=result,
            stayed=stayed,
        )

    def tell(self, node: NodeReport) -> None:
        """Bring a report up to date, but for what the node returned or raised."""
        for name in ("status", "started_at_ns", "ended_at_ns", "attempts", "rows_in", "rows_out", "run_ids"):
            setattr(node, name, getattr(self, name))


class EndNews(msgspec.Struct, frozen=True, kw_only=True):
    """How the pipeline ended, or why it could not begin."""

    status: PipelineStatus
    ended_at_ns: int
    error: Failure | None = None
    failed: str | None = None
    """The node whose error it is."""


class Told(msgspec.Struct, frozen=True):
    """An event, without its live subject."""

    event: Event
    node: str | None = None
    """The node in which it happened."""


class Logged(msgspec.Struct, frozen=True):
    """A record of logging."""

    name: str
    level: int
    message: str


News = NodeNews | EndNews | Told | Logged


def pack(value: Any) -> bytes:
    """Pickle a value.

    Raises
    ------
    Exception
        Whatever pickling it raises.
    """
    try:
        import cloudpickle
    except ImportError:
        return pickle.dumps(value)
    packed: bytes = cloudpickle.dumps(value)
    return packed


def unpack(data: bytes) -> Any:
    """Return what `pack` was given in the other process; the project has to be the active one.

    Raises
    ------
    Exception
        Whatever opening it raises.
    """
    return pickle.loads(data)  # noqa: S301 - from the process that this one has started, or was started by


def pack_to_send(value: Any, what: str, fix: str) -> bytes:
    """Pickle a value that a process is to be sent.

    Raises
    ------
    UsageError
        It cannot be.
    """
    try:
        return pack(value)
    except Exception as error:
        raise UsageError(
            f"{what} cannot be sent to another process: {type(error).__name__}: {error}", fix=fix
        ) from error


def pack_definition(one: Definition) -> tuple[bytes, dict[str, str]]:
    """Pickle a node of a notebook with what its function uses; return also the text of its cell, by file name.

    Raises
    ------
    MissingDependency
    UsageError
        Something that it uses cannot be sent.
    """
    try:
        import cloudpickle  # noqa: F401 - `pack` does it by this
    except ImportError as error:
        what = "running functions of cells in another process"
        raise MissingDependency.of("cloudpickle", "mlops", what=what) from error
    packed = pack_to_send(
        (one, _named_in_hints(one.function)),
        f"the function that was defined for node {one.node!r}",
        "give it as an input or make it inside the function, or run in a thread: --bg",
    )
    file = getattr(getattr(one.function, "__code__", None), "co_filename", "")
    lines = [] if os.path.exists(file) else linecache.getlines(file)  # noqa: PTH110 - mostly no path, but a cell's name
    return packed, {file: "".join(lines)} if lines else {}


def unpack_definition(data: bytes) -> Definition:
    """Return the node, its function with the names that its hints are written with."""
    one, named = unpack(data)
    space = getattr(one.function, "__globals__", {})
    space.update({name: value for name, value in named.items() if name not in space})
    return one  # type: ignore[no-any-return]


def _named_in_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what hints mean that are kept as text: pickling a function takes along only what its code uses."""
    space = getattr(function, "__globals__", {})
    found: dict[str, Any] = {}
    for hint in getattr(function, "__annotations__", {}).values():
        if isinstance(hint, str):
            tree = ast.parse(hint, mode="eval")
            names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
            found.update((name, space[name]) for name in names if name in space)
    return found
