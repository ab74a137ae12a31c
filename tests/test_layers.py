"""Imports go down only: `docs/architecture.md` draws it, `pyproject.toml` has it as contracts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_the_contracts_of_the_layers_are_kept():
    pytest.importorskip("importlinter", reason="import-linter comes with the extra `dev`")
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stdout
    assert "0 broken" in shown.stdout
