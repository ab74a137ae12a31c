"""What a person at a notebook waits for, in real kernels: loading the extension, Tab, opening a large project.

    python tests/benchmarks/bench_notebook.py [rounds]

Each round is a fresh kernel. It prints medians of wall and processor time; each beside a floor of the same kernel, for
only ratios travel between machines: click's import for loading (the words are click's), the YAML reader alone for
projects of 500 and 1,000 nodes. Goals: loading 150 ms, Tab 50 ms with 500 nodes, also the first in a project that is
not open, opening and planning 1,000 nodes 1 s.
"""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from jupyter_client.manager import start_new_kernel

SETUP = """
import time
opened = []
from IPython.core.completer import provisionalcompleter
def open_session(root):
    import tauro_nb
    return tauro_nb.open_session(root)
def timed(what):
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)
def tab(line):
    with provisionalcompleter():
        return timed(lambda: list(get_ipython().Completer.completions(line, len(line))))
def use(text):
    return timed(lambda: exec(text, {}))
"""


def cases(root: Path) -> dict[str, str]:
    """Return what is timed, in this order, in each kernel."""
    read = "use({!r})".format
    files = "import yaml; [yaml.load(open(f'{}/config/{{n}}.yaml'), yaml.CSafeLoader) for n in ('nodes', 'pipelines')]"
    return {
        "floor: import click": read("import click.core, click.shell_completion"),
        "%load_ext, click imported": "timed(lambda: get_ipython().run_line_magic('load_ext', 'tauro_nb'))",
        "first Tab: a pipeline": "tab('%tauro run b')",
        "first Tab: a node": "tab('%tauro run big --node node_4')",
        "floor: import yaml, read 500 nodes": read(files.format(root / "500")),
        "first Tab: a parameter (opens the project)": "tab('%tauro run big -p ra')",
        "Tab: a node, the project open": "tab('%tauro run big --node node_4')",
        "Tab: a parameter, the project open": "tab('%tauro run big -p ra')",
        "floor: read 1,000 nodes": read(files.format(root / "1000")),
        "open 1,000 nodes": f"timed(lambda: opened.append(open_session('{root / '1000'}')))",
        "plan them": "timed(lambda: opened[0].dag('big'))",
        "validate them": "timed(lambda: opened[0].validate('big').raise_if_problems())",
        "run them": "timed(lambda: opened[0].run('big'))",
    }


def project(root: Path, count: int) -> None:
    """Write a chain of nodes, each with a parameter, an input and an output in memory."""
    (root / "config").mkdir(parents=True)
    names = [f"node_{number}" for number in range(count)]
    nodes: dict[str, dict[str, Any]] = {
        name: {
            "function": f"steps.{name}",
            "inputs": {"before": f"data_{at - 1}"} if at else {},
            "outputs": f"data_{at}",
            "params": {"rate": 0.5},
        }
        for at, name in enumerate(names)
    }
    code = [f"def {name}(before=None, rate=0.5):\n    return {at}\n" for at, name in enumerate(names)]
    (root / "steps.py").write_text("\n".join(code), encoding="utf-8")
    for name, content in (("nodes", nodes), ("pipelines", {"big": {"nodes": names}})):
        (root / "config" / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    files = {"nodes_config_path": "config/nodes.yaml", "pipelines_config_path": "config/pipelines.yaml"}
    (root / "settings_json.json").write_text(json.dumps({"env_config": {"base": files, "dev": {}}}), encoding="utf-8")


def told(client: Any, cell: str) -> str:
    values: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] == "execute_result":
            values.append(message["content"]["data"]["text/plain"])
        elif message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))

    client.execute_interactive(cell, timeout=300, output_hook=hook)
    return values[0] if values else ""


def round_in(root: Path, found: dict[str, list[tuple[float, float]]]) -> None:
    manager, client = start_new_kernel(cwd=str(root / "500"))
    try:
        told(client, SETUP)
        for name, code in cases(root).items():
            wall, cpu = told(client, code)[1:-1].split(", ")
            found[name].append((float(wall), float(cpu)))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main(rounds: int) -> None:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for count in (500, 1000):
            project(Path(folder) / str(count), count)
        for _ in range(rounds):
            round_in(Path(folder), found)
    for name, times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:<44} wall {wall:8.1f} ms   processor {cpu:8.1f} ms   least {min(c for _, c in times):8.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
