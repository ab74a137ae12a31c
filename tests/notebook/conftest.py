"""A real ipykernel, driven as a front end drives it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field

import pytest
from jupyter_client.manager import KernelManager

TIMEOUT_S = 120


@dataclass
class Reply:
    """What came of one cell."""

    status: str = ""
    stdout: str = ""
    error: tuple[str, str, str] | None = None
    """Name, message and traceback, as iopub told them."""
    shown: list[dict] = field(default_factory=list)
    """The bundles of display_data and execute_result, in order."""
    updated: list[dict] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    @property
    def value(self):
        """The text of the cell's value."""
        return self.shown[-1]["text/plain"] if self.kinds and self.kinds[-1] == "execute_result" else None


class Kernel:
    """One kernel process and its channels."""

    def __init__(self, cwd, env):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(cwd=str(cwd), env={**os.environ, **env})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)

    def run(self, code, answers=()) -> Reply:
        """Execute a cell and collect all that came of it.

        `answers` are given to what it asks, one by one; without them the front end takes no questions.
        """
        sent = self.client.execute(code, allow_stdin=bool(answers))
        for answer in answers:
            self.client.get_stdin_msg(timeout=TIMEOUT_S)
            self.client.input(answer)
        return self.collect(sent)

    def collect(self, sent) -> Reply:
        reply = Reply()
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "stream" and content["name"] == "stdout":
                reply.stdout += content["text"]
            elif kind in ("display_data", "execute_result"):
                reply.shown.append(content["data"])
                reply.kinds.append(kind)
            elif kind == "update_display_data":
                reply.updated.append(content["data"])
            elif kind == "error":
                reply.error = (content["ename"], content["evalue"], "\n".join(content["traceback"]))
        while True:
            answer = self.client.get_shell_msg(timeout=TIMEOUT_S)
            if answer["parent_header"].get("msg_id") == sent:
                reply.status = answer["content"]["status"]
                return reply

    def await_output(self, sent, text):
        """Wait until a cell that goes on has printed `text`."""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") == sent and text in message["content"].get("text", ""):
                return

    def until(self, code):
        """Run a cell again and again until its value is True."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.run(code).value != "True":
            assert time.monotonic() < deadline, code

    def complete(self, code):
        """Return what Tab offers at the end of `code`."""
        sent = self.client.complete(code, len(code))
        while True:
            answer = self.client.get_shell_msg(timeout=TIMEOUT_S)
            if answer["parent_header"].get("msg_id") == sent:
                return answer["content"]

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def start_kernel():
    """Return a function that starts a kernel in a folder; all are stopped at the module's end."""
    started = []

    def start(cwd, **env):
        started.append(Kernel(cwd, env))
        return started[-1]

    yield start
    for kernel in started:
        kernel.stop()
