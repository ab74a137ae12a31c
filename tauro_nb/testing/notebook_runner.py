"""Runs a notebook in a real kernel, as a test: with other parameters, and its variables, outputs and runs handed back.

The kernel is of the Python that runs the tests, whatever the notebook names, and works in the notebook's folder, in
deterministic mode. It is ended in any case. The notebook's file is only read.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tauro_nb.errors import MissingDependency, NotebookFailed, UsageError
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.testing.parameters import replaced

TIMEOUT_S = 600.0

_OURS_S = 120
"""How long may take what is done before the first cell and after the last."""
_SIDE = "__import__('tauro_nb.testing.kernel_side', fromlist=['end'])"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Variables(Mapping[str, Any]):
    """The variables of a notebook's end, by name; each is opened when it is asked for.

    One that could not be pickled is there by name, and a `UsageError` when it is asked for.
    """

    def __init__(self, packed: Mapping[str, bytes | str]) -> None:
        self._packed = packed
        self._opened: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._opened:
            packed = self._packed[name]
            if isinstance(packed, str):
                raise UsageError(f"the variable {name!r} stayed in the kernel: {packed}", fix="test what is in it")
            self._opened[name] = pickle.loads(packed)  # noqa: S301 - from the kernel that was started for it
        return self._opened[name]

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __repr__(self) -> str:
        return f"<Variables {', '.join(self._packed)}>"


class ExecutedNotebook:
    """What came of a notebook.

    Attributes
    ----------
    path : Path
    notebook : NotebookNode
        As it would have been saved: with its outputs, and the parameters that it was given.
    variables : Variables
        A mapping of name to value.
    runs : list of Run
        Those that were started, oldest first.
    """

    def __init__(self, path: Path, notebook: Any, variables: Variables, runs: list[Run]) -> None:
        self.path = path
        self.notebook = notebook
        self.variables = variables
        self.runs = runs

    @property
    def outputs(self) -> list[list[Any]]:
        """The outputs of each code cell, as nbformat has them."""
        return [list(cell.outputs) for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def stdout(self) -> str:
        """All that was printed."""
        outputs = (output for cell in self.outputs for output in cell)
        return "".join(output.text for output in outputs if output.get("name") == "stdout")

    def __repr__(self) -> str:
        return f"<ExecutedNotebook {self.path.name}: {len(self.outputs)} code cells, {len(self.runs)} runs>"


def run_notebook(
    path: str | os.PathLike[str],
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    env: Mapping[str, str] | None = None,
) -> ExecutedNotebook:
    """Run a notebook from its first cell to its last.

    A cell with the tag ``raises-exception`` may fail, and one with ``skip-execution`` is left out.

    Parameters
    ----------
    parameters : mapping of name to value, optional
        Plain values that are written into the notebook in the place of those that it assigns: in the cell with the tag
        ``parameters``, or, where there is none, where a cell assigns the name first.
    timeout_s : float
        How long the notebook may take as a whole.
    env : mapping, optional
        Variables for the kernel's environment, beside those of this process.

    Raises
    ------
    NotebookFailed
        A cell failed, took too long, or ended the kernel: it names the cell, and has its source and the traceback.
    UnknownName
        There is no such parameter.
    UsageError
        A parameter is no plain value, or there is no such notebook, or it cannot be read.
    MissingDependency
        nbclient or ipykernel are not installed.
    """
    __tracebackhide__ = True
    try:
        import ipykernel  # noqa: F401 - what is started
        import nbformat
        from nbclient.util import run_sync
    except ImportError as error:
        raise MissingDependency.of("nbclient", "lab", what="running notebooks as tests") from error
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no notebook {path}", fix="give its path, relative to pytest's root folder")
    try:
        notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (ValueError, nbformat.ValidationError) as error:
        raise UsageError(f"{path} is no notebook: {error}", fix="give the path of an .ipynb file that opens") from None
    _give(notebook, parameters or {})
    with tempfile.TemporaryDirectory(prefix="tauro-notebook-") as folder:
        file = Path(folder) / "handed_over"
        try:
            whole_env = {**os.environ, "TAURO_DETERMINISTIC": "1", **(env or {})}
            run_sync(_execute)(path, notebook, file, timeout_s, whole_env)
        except NotebookFailed as error:
            raise error.with_traceback(None) from None  # where it was noticed tells nobody anything
        variables, runs = pickle.loads(file.read_bytes())  # noqa: S301 - from the kernel that was just started
    return ExecutedNotebook(path, notebook, Variables(variables), _views(runs))


def _give(notebook: Any, parameters: Mapping[str, Any]) -> None:
    """Write the parameters into the code cells."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in cells]
    for cell, source in zip(cells, replaced([cell.source for cell in cells], tags, parameters), strict=True):
        cell.source = source


async def _execute(path: Path, notebook: Any, file: Path, timeout_s: float, env: Mapping[str, str]) -> None:
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    manager: Any = AsyncKernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    client: Any = NotebookClient(
        notebook,
        km=manager,
        timeout=_OURS_S,
        resources={"metadata": {"path": str(path.parent.absolute())}},
    )
    own = list(notebook.cells)
    # the client puts each cell that it executed back by its number
    first, last = (new_code_cell(f"{_SIDE}.{what}") for what in ("begin()", f"end({str(file)!r})"))  # type: ignore[no-untyped-call]
    notebook.cells = [first, *own, last]
    try:
        async with client.async_setup_kernel(cleanup_kc=True, env=dict(env)):
            await _execute_cell(client, path, first, 0, _OURS_S, ours=True)
            deadline_s = time.monotonic() + timeout_s
            client.timeout_func = lambda _: max(0.001, deadline_s - time.monotonic())
            for index, cell in enumerate(own, start=1):
                await _execute_cell(client, path, cell, index, timeout_s)
            client.timeout_func = None
            await _execute_cell(client, path, last, len(own) + 1, _OURS_S, ours=True)
    finally:
        notebook.cells = own


async def _execute_cell(
    client: Any, path: Path, cell: Any, index: int, timeout_s: float, *, ours: bool = False
) -> None:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    number = sum(1 for each in client.nb.cells[1:index] if each.cell_type == "code" and each.source.strip()) + 1
    where = f"{path}: after its last cell" if ours and index else f"{path}: cell In [{number}]"
    told: dict[str, Any] = {"cell": None if ours else number, "source": cell.source}
    source = "" if ours else f"\n\n{_indented(cell.source)}"
    try:
        await client.async_execute_cell(cell, index, store_history=not ours)
    except CellExecutionError as error:
        output = next(output for output in cell.outputs if output.output_type == "error")
        frames = _COLOURS.sub("", "\n".join(output.traceback))
        told |= {"error": (output.ename, output.evalue), "traceback": frames}
        raise NotebookFailed(f"{where}: {error.ename}: {error.evalue}{source}\n\n{frames}", **told) from None
    except CellTimeoutError:
        raise NotebookFailed(
            f"{where}: still running when the {timeout_s:g} s of the notebook were over{source}",
            fix="give it more with timeout_s=, or less to do by its parameters",
            **told,
        ) from None
    except DeadKernelError:
        raise NotebookFailed(f"{where}: the kernel ended{source}", **told) from None


def _indented(source: str) -> str:
    return "\n".join(f"    {line}" for line in source.splitlines())


def _views(runs: list[tuple[str, bytes | str]]) -> list[Run]:
    """Return the runs as they are in their stores; the kernel is gone."""
    found: dict[str, Run] = {}
    for run_id, store in runs:
        if isinstance(store, bytes):
            found[run_id] = ExperimentTracker(pickle.loads(store)).get_run(run_id)  # noqa: S301 - as above
    return list(found.values())
