"""A real JupyterLab, shared by the browser tests of one session.

`lab` opens notebooks; a `Notebook` runs cells, waits for conditions in the page and knows what the page complained of.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
LABS_OWN = ("Canceled future for", "Cannot read properties of undefined (reading 'schema')")
"""What JupyterLab itself complains of when a kernel is restarted while it is asked, and Notebook 7 at its start."""
READY = """() => { const w = window.jupyterapp?.shell.currentWidget;
    return w?.context?.isReady && w.sessionContext.isReady && w.sessionContext.session?.kernel?.status === 'idle'; }"""
KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"
RUN_ALL = """() => { window.ran = false;
    window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.ran = true; }); }"""
RUN_ONE = """async (index) => { const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index; window.ran = false;
    window.jupyterapp.commands.execute('notebook:run-cell').finally(() => { window.ran = true; }); }"""
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter((cell) => cell.model.type === 'code').map((cell) => cell.model.outputs.toJSON())"""


def notebook_json(cells: list[str]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }


class Notebook:
    """One notebook in a page of its own."""

    def __init__(self, lab: Lab, page: Any, path: Path, app: str) -> None:
        self.lab = lab
        self.app = app
        self.page = page
        self.path = path
        self.console: list[str] = []
        self.strayed: list[str] = []
        page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", self._request)
        self.load()

    def _request(self, request: Any) -> None:
        parts = urlparse(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.strayed.append(request.url)

    def load(self, *, many: bool = False) -> None:
        """Load the page, again if it was loaded, and wait for an idle kernel; `many` notebooks may share it."""
        app = "lab/tree" if many else self.app
        address = f"{self.lab.url}/{app}/{quote(self.path.name)}?reset"
        self.page.goto(address, wait_until="domcontentloaded", timeout=90_000)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        self.page.wait_for_function(READY, timeout=90_000)

    def start(self) -> None:
        """Start all cells, and do not wait."""
        self.page.evaluate(RUN_ALL)

    def start_cell(self, index: int) -> None:
        """Start one cell, and do not wait."""
        self.page.evaluate(RUN_ONE, index)

    def finished(self, timeout_s: float = 90) -> None:
        """Wait for the cells that were started, and for an idle kernel."""
        self.page.wait_for_function("() => window.ran", timeout=timeout_s * 1000)
        self.idle()

    def run(self, timeout_s: float = 90) -> None:
        """Run all cells to their end."""
        self.start()
        self.finished(timeout_s)

    def idle(self) -> None:
        self.page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=60_000)

    def wait(self, condition: str, timeout_s: float = 30, arg: Any = None) -> None:
        """Wait until this JavaScript function of the page is true."""
        self.page.wait_for_function(condition, arg=arg, timeout=timeout_s * 1000)

    def ask(self, script: str, arg: Any = None) -> Any:
        """Evaluate JavaScript in the page."""
        return self.page.evaluate(script, arg)

    def outputs(self) -> list[list[dict[str, Any]]]:
        """Return each code cell's outputs as the front end holds them."""
        return self.ask(OUTPUTS)

    def until(self, index: int, condition: Callable[[str], bool], timeout_s: float = 20) -> None:
        """Run a cell until what it prints is as it should be: what the page said is heard when the kernel is idle."""
        end = time.monotonic() + timeout_s
        while True:
            self.start_cell(index)
            self.finished()
            said = "".join(output.get("text", "") for output in self.outputs()[index])
            if condition(said):
                return
            assert time.monotonic() < end, said

    def save(self) -> dict[str, Any]:
        """Save as a user does, and return what is on disk."""
        self.ask("() => window.jupyterapp.commands.execute('docmanager:save')")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def shot(self, name: str, selector: str | None = None) -> None:
        """Keep a picture where TAURO_SHOTS names a folder; nothing otherwise."""
        folder = os.environ.get("TAURO_SHOTS")
        if folder:
            target = self.page.locator(selector).first if selector else self.page
            target.screenshot(path=Path(folder) / f"{name}.png")

    def complaints(self) -> list[str]:
        """Return console errors, uncaught exceptions and requests that left this machine."""
        ours = [text for text in self.console if not any(part in text for part in LABS_OWN)]
        return ours + [f"request to {url}" for url in self.strayed]


class Lab:
    """A JupyterLab server with settings, runtime and data folders of its own, `without` some extensions."""

    def __init__(self, folder: Path, without: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        settings = folder / "app-settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        disabled = {"disabledExtensions": dict.fromkeys(without, True)}
        (settings / "page_config.json").write_text(json.dumps(disabled), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "lab.log").open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                f"--port={port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={self.root}",
                "--IdentityProvider.token=",
                "--ServerApp.password=",
                "--ServerApp.disable_check_xsrf=True",
                "--LabApp.expose_app_in_browser=True",
                "--JupyterNotebookApp.expose_app_in_browser=True",
                f"--LabApp.app_settings_dir={settings}",
                "--LabApp.news_url=",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=self.root,
            env=self._environment(),
        )
        self._wait()

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TAURO_"))}
        for name in ("CONFIG", "RUNTIME", "DATA"):
            own[f"JUPYTER_{name}_DIR"] = str(self.folder / name.lower())
        own["IPYTHONDIR"] = str(self.folder / "ipython")
        own["JUPYTERLAB_SETTINGS_DIR"] = str(self.folder / "user-settings")
        own["JUPYTERLAB_WORKSPACES_DIR"] = str(self.folder / "workspaces")
        own["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), own.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]])
        return own

    def _wait(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/api/status", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start: {(self.folder / 'lab.log').read_text(errors='replace')[-2000:]}")

    def api(self, method: str, path: str) -> Any:
        """Ask the server itself, beside the page."""
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def stop_kernels(self) -> None:
        for kernel in self.api("GET", "kernels"):
            self.api("DELETE", f"kernels/{kernel['id']}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.log.close()


@pytest.fixture(scope="session")
def start_lab(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Callable[..., Lab]]:
    """Start a server, which nobody has looked at yet; `without` some extensions."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    started: list[Lab] = []

    def start(*without: str) -> Lab:
        started.append(Lab(tmp_path_factory.mktemp("lab"), without))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="session")
def lab(start_lab: Callable[..., Lab]) -> Lab:
    return start_lab()


@pytest.fixture
def notebook(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook with these cells: ``notebook("a = 1", "a", width=1200, saved=None)``. The `app`
    is JupyterLab with this one notebook, or Notebook 7 (``notebooks``).

    A console error, an uncaught exception or a request that left this machine fails the test.
    """
    opened: list[Notebook] = []

    def open_(
        *cells: str,
        width: int = 1200,
        height: int = 1400,
        saved: dict[str, Any] | None = None,
        app: str = "doc/tree",
    ) -> Notebook:
        path = lab.root / f"{request.node.name}-{len(opened)}.ipynb".replace("/", "-")
        path.write_text(json.dumps(saved or notebook_json(list(cells))), encoding="utf-8")
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": height})
        opened.append(Notebook(lab, page, path, app))
        return opened[-1]

    yield open_
    complaints = [complaint for each in opened for complaint in each.complaints()]
    for each in opened:
        each.page.close()
    lab.stop_kernels()
    assert complaints == []
