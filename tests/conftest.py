from __future__ import annotations

import functools
import json
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.descriptor import AppConfigManager
from tauro_nb.config.loader import Context, ContextLoader

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]

MakeProject = Callable[..., Context]


@pytest.fixture(scope="session")
def churn_parquet() -> Path:
    """A real data set, 5,000 telecom customers, which lies beside the repository and not in it."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "churn.parquet"
    if not path.is_file():
        pytest.skip("../shared/data/churn.parquet is not beside this repository")
    return path


@pytest.fixture
def tutorial_project(tmp_path: Path, churn_parquet: Path) -> Path:
    """The tutorial's project, its training module word for word, on the real data set."""
    root = tmp_path / "tutorial"
    shutil.copytree(Path(__file__).parent / "assets" / "tutorial", root)
    (root / "data").mkdir()
    shutil.copyfile(churn_parquet, root / "data" / "train.parquet")
    return root


@pytest.fixture
def make_project(tmp_path: Path, make_project_in: MakeProject) -> MakeProject:
    """Write a project into this test's own folder and load it; see `make_project_in`."""
    return functools.partial(make_project_in, root=tmp_path)


@pytest.fixture(scope="session")
def make_project_in() -> MakeProject:
    """Write a project into the folder `root` and load it.

    `code` is the module ``steps``, or modules by path. A node's function is that of its own name in ``steps`` unless it
    says otherwise; the pipeline ``p`` has all nodes unless `pipelines` says otherwise.
    """

    def make(
        code: str | dict[str, str],
        nodes: dict[str, dict[str, Any]],
        *,
        pipelines: dict[str, list[str]] | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        root: Path,
    ) -> Context:
        for path, text in ({"steps.py": code} if isinstance(code, str) else code).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(textwrap.dedent(text), encoding="utf-8")
        files = {
            "global_settings": settings or {},
            "pipelines_config": {
                name: {"nodes": members} for name, members in (pipelines or {"p": list(nodes)}).items()
            },
            "nodes_config": {name: {"function": f"steps.{name}", **node} for name, node in nodes.items()},
            "input_config": inputs or {},
            "output_config": outputs or {},
        }
        (root / "config").mkdir(exist_ok=True)
        for name, content in files.items():
            (root / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        named = {f"{name}_path": f"config/{name}.json" for name in files}
        (root / "settings_json.json").write_text(
            json.dumps({"base_path": ".", "env_config": {"base": named, "dev": {}}}), encoding="utf-8"
        )
        paths = AppConfigManager(root / "settings_json.json").get_env_config("dev")
        return ContextLoader(environ={}).load_from_paths(paths, "dev")

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A context of a real Chromium, shared by all tests: JupyterLab's own files are read once.

    It resolves no host but this machine, so that a request that leaves it fails.
    """
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium.new_context()
        chromium.close()
