"""A real kernel, and the widget models that a page would hold of it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

OWN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TAURO_"))}


class Front:
    """What a front end does, without the page: it runs cells, and holds models by the id of their comm."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(cwd=str(folder), env={**OWN, **env})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.models: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        """Custom messages of all models, in order."""
        self.acts: list[str] = []
        """The types of displays and closings, in order."""
        self.sizes: dict[str, int] = {}
        """Bytes that opening each model took."""

    def run(self, cell: str, *, cell_id: str | None = None) -> list[dict[str, Any]]:
        """Run a cell; return its outputs, as a notebook would hold them."""
        outputs: list[dict[str, Any]] = []
        message = self.client.session.msg("execute_request", {"code": cell, "silent": False, "store_history": True})
        message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        own = message["header"]["msg_id"]
        while True:
            got = self.client.get_iopub_msg(timeout=60)
            self._take(got, outputs)
            over = got["msg_type"] == "status" and got["content"]["execution_state"] == "idle"
            if over and got["parent_header"].get("msg_id") == own:
                return outputs

    def until(self, condition: Callable[[], Any]) -> Any:
        """Take messages until `condition` gives something true; return that."""
        end = time.monotonic() + 30
        while not (found := condition()):
            assert time.monotonic() < end, "nothing of the kind came"
            with contextlib.suppress(queue.Empty):
                self._take(self.client.get_iopub_msg(timeout=0.2), [])
        return found

    def send(self, comm_id: str, **content: Any) -> None:
        """Send a custom message, as a button does."""
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data}))

    def views(self, kind: str) -> list[str]:
        """Return the comms of the open views of a kind."""
        return [key for key, state in self.models.items() if state.get("kind") == kind]

    def leave(self) -> None:
        """Say of every view that its place is gone, as a page does when outputs are cleared."""
        self._built()
        for kind in ("card", "explorer"):
            for key in self.views(kind):
                self.send(key, do="gone")
        self.until(lambda: not self.views("card") and not self.views("explorer"))

    def model(self, kind: str) -> tuple[str, dict[str, Any]]:
        """Wait for an open view of this kind."""
        key = self.until(lambda: self.views(kind))[0]
        self._built()
        return key, self.models[key]

    def _built(self) -> None:
        """Take the time that a page takes to build a model: ipywidgets hears a comm only after it has opened it."""
        for _ in range(3):
            self.run("pass")

    def _take(self, message: dict[str, Any], outputs: list[dict[str, Any]]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind in ("display_data", "execute_result", "stream", "error"):
            outputs.append({"type": kind, **content})
        elif kind == "comm_open":
            self.models[content["comm_id"]] = content["data"]["state"]
            self.sizes[content["comm_id"]] = len(json.dumps(content)) + sum(len(part) for part in message["buffers"])
        elif kind == "comm_close":
            self.models.pop(content["comm_id"], None)
        elif kind == "comm_msg" and content["data"]["method"] == "update":
            self.models[content["comm_id"]].update(content["data"]["state"])
        elif kind == "comm_msg":
            self.told.append({**content["data"]["content"], "buffers": message["buffers"]})
        if kind in ("display_data", "update_display_data", "comm_close"):
            self.acts.append(kind)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def start_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Front]]:
    """Start a kernel, with these variables in its environment."""
    started: list[Front] = []

    def start(**env: str) -> Front:
        started.append(Front(tmp_path_factory.mktemp("kernel"), env))
        return started[-1]

    yield start
    for front in started:
        front.stop()
