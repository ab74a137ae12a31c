"""Runs that cells start, in a real kernel: what running the cell again does to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tauro_nb.mlops.tracking import cell
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

Execute = Callable[..., str]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    folder = tmp_path_factory.mktemp("notebooks")
    manager.start_kernel(cwd=str(folder), env={**_environment(), "JPY_SESSION_NAME": "work/train.ipynb"})
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    if manager.is_alive():
        manager.shutdown_kernel(now=True)


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}


@pytest.fixture
def execute(kernel: tuple[KernelManager, BlockingKernelClient], local_store: LocalStore) -> Execute:
    """Execute a cell as JupyterLab does, with its id, and return what it printed."""
    _, client = kernel

    def run(code: str, cell_id: str | None = None) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": False}
        metadata = {} if cell_id is None else {"cellId": cell_id}
        message: dict[str, Any] = client.session.msg("execute_request", content, metadata=metadata)
        client.shell_channel.send(message)
        printed = ""
        while True:
            told = client.get_iopub_msg(timeout=60)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if told["msg_type"] == "stream":
                printed += told["content"]["text"]
            if told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
                return printed

    run(
        "from tauro_nb.mlops.tracking.tracker import ExperimentTracker\n"
        "from tauro_nb.store.local import LocalStore\n"
        f"tracker = ExperimentTracker(LocalStore({str(local_store.root)!r}))"
    )
    return run


def statuses(store: LocalStore) -> list[str]:
    """Statuses of all runs, oldest first."""
    return [str(run.status) for run in reversed(ExperimentTracker(store).search_runs())]


def test_running_the_cell_again_ends_the_run_that_it_left_open(execute: Execute, local_store: LocalStore) -> None:
    cell_code = "run = tracker.start_run('a')\nrun.log_metric('loss', 1.0)"
    execute(cell_code, "a")
    execute("run.log_metric('loss', 0.5)", "b")
    assert statuses(local_store) == ["RUNNING"]
    execute(cell_code, "a")
    assert statuses(local_store) == ["FINISHED", "RUNNING"]
    execute(cell_code + "  # edited", "a")
    assert statuses(local_store) == ["FINISHED", "FINISHED", "RUNNING"]
    assert ExperimentTracker(local_store).search_runs()[2].metrics == {"loss": 0.5}
    execute("run.end()")


def test_a_run_whose_cell_raised_is_failed_with_that_error(execute: Execute, local_store: LocalStore) -> None:
    execute("run = tracker.start_run('a')\n1 / 0", "a")
    assert statuses(local_store) == ["RUNNING"]
    execute("run = tracker.start_run('a')\n1 / 0", "a")
    failed = ExperimentTracker(local_store).search_runs()[1]
    assert failed.status == "FAILED"
    assert failed.error is not None
    assert failed.error.type == "ZeroDivisionError"
    execute("run.end()")


def test_the_error_of_another_cell_fails_no_run(execute: Execute, local_store: LocalStore) -> None:
    execute("run = tracker.start_run('a')", "a")
    execute("undefined_name", "b")
    execute("run = tracker.start_run('a')", "a")
    assert statuses(local_store) == ["FINISHED", "RUNNING"]
    execute("run.end()")


def test_other_cells_leave_it_open(execute: Execute, local_store: LocalStore) -> None:
    execute("first = tracker.start_run('a')", "a")
    execute("second = tracker.start_run('b')", "b")
    execute("third, fourth = tracker.start_run('c'), tracker.start_run('d')")
    execute("third, fourth = tracker.start_run('c'), tracker.start_run('d')")
    assert statuses(local_store) == ["RUNNING"] * 6
    execute("import gc; from tauro_nb.mlops.tracking.lifetime import open_runs; open_runs.end_all()")
    assert statuses(local_store) == ["FINISHED"] * 6


def test_runs_of_a_loop_in_one_cell_do_not_end_each_other(execute: Execute, local_store: LocalStore) -> None:
    execute("runs = [tracker.start_run(f'{i}') for i in range(3)]", "a")
    assert statuses(local_store) == ["RUNNING"] * 3
    execute("for run in runs: run.end()")


def test_a_run_that_a_thread_still_logs_to_is_not_ended(execute: Execute, local_store: LocalStore) -> None:
    code = """
import threading
stop = threading.Event()
def train(started):
    run = tracker.start_run('background')
    started.set()
    stop.wait(30)
    run.log_metric('loss', 0.5)
    run.end()
started = threading.Event()
thread = threading.Thread(target=train, args=(started,))
thread.start()
started.wait(30)
"""
    execute("waiting = []", "z")
    execute(code + "waiting.append((stop, thread))", "a")
    execute(code + "waiting.append((stop, thread))", "a")
    assert statuses(local_store) == ["RUNNING", "RUNNING"]
    execute("for stop, thread in waiting:\n    stop.set()\n    thread.join(30)")
    assert statuses(local_store) == ["FINISHED", "FINISHED"]


def test_a_task_inside_its_with_block_is_not_ended(execute: Execute, local_store: LocalStore) -> None:
    code = """
import asyncio
async def train():
    with tracker.start_run('task') as run:
        await go_on.wait()
go_on = asyncio.Event()
task = asyncio.create_task(train())
await asyncio.sleep(0)
tasks.append((go_on, task))
"""
    execute("tasks = []", "z")
    execute(code, "a")
    execute(code, "a")
    assert statuses(local_store) == ["RUNNING", "RUNNING"]
    execute("for go_on, task in tasks:\n    go_on.set()\n    await task")
    assert statuses(local_store) == ["FINISHED", "FINISHED"]


def test_a_run_knows_its_notebook_and_cell(execute: Execute) -> None:
    printed = execute(
        "import json\n"
        "with tracker.start_run() as run: pass\n"
        "print(json.dumps([run.source.notebook, run.source.cell, run.source.command]))",
        "cell-7",
    )
    assert json.loads(printed) == ["work/train.ipynb", "cell-7", None]


def test_a_kernel_that_is_shut_down_ends_its_runs(
    kernel: tuple[KernelManager, BlockingKernelClient], execute: Execute, local_store: LocalStore
) -> None:
    execute("run = tracker.start_run('last')\nrun.log_metric('loss', 1.0)", "a")
    execute("1 / 0", "b")
    kernel[0].shutdown_kernel()
    assert statuses(local_store) == ["FINISHED"]


def test_outside_of_a_kernel_there_is_no_cell() -> None:
    assert cell.current_cell() is None
    assert cell.current_notebook() is None
    assert cell.cell_file() is None
