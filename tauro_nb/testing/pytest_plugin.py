"""Makes plain ``pytest --nbval`` work on notebooks that show this package's objects, saved by hand or not.

The kernels run in deterministic mode (``TAURO_DETERMINISTIC=1``): no live views, each object shows its static form
once. What still differs from one execution to the next (run ids, times, durations, commits, paths) is replaced on both
sides before nbval compares; none of it stands inside a picture. Patterns of your own (``--nbval-sanitize-with``) are
added to these.

For notebooks whose results are to be tested there is the fixture `run_notebook`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tauro_nb.testing.notebook_runner import ExecutedNotebook

PATTERNS = resources.files("tauro_nb.testing") / "nbval_patterns.cfg"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give nbval, where it is at work, the patterns of what changes."""
    option = config.option
    if not (getattr(option, "nbval", False) or getattr(option, "nbval_lax", False)):
        return
    text = PATTERNS.read_text(encoding="utf-8")
    if option.nbval_sanitize_with:
        try:
            text += "\n" + Path(option.nbval_sanitize_with).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise pytest.UsageError(f"--nbval-sanitize-with: {error}") from error
    handle, name = tempfile.mkstemp(prefix="tauro-nbval-", suffix=".cfg")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    option.nbval_sanitize_with = name
    config.add_cleanup(lambda: Path(name).unlink(missing_ok=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Start the kernels of notebooks, and no others, in deterministic mode."""
    if item.__module__.startswith("nbval."):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAURO_DETERMINISTIC", "1")
            return (yield)
    return (yield)


@pytest.fixture
def run_notebook(pytestconfig: pytest.Config) -> Callable[..., ExecutedNotebook]:
    """Run a notebook in a kernel of its own, with other parameters: ``run_notebook("notebooks/a.ipynb", {"n": 10})``.

    The path is relative to pytest's root folder; see `tauro_nb.testing.notebook_runner.run_notebook` for the rest.
    """

    def run(path: str | os.PathLike[str], *arguments: Any, **options: Any) -> ExecutedNotebook:
        __tracebackhide__ = True
        from tauro_nb.testing import notebook_runner

        return notebook_runner.run_notebook(pytestconfig.rootpath / path, *arguments, **options)

    return run
