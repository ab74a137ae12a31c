from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro_nb.config.context import Context
from tauro_nb.config.schema import DatasetConfig
from tauro_nb.io.catalog import Catalog


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Catalog]:
    """Make the catalog of a project in `tmp_path` out of entries as a YAML file would have them."""

    def make(inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None) -> Catalog:
        context = Context(
            root=tmp_path,
            environment="dev",
            inputs=msgspec.convert(inputs or {}, dict[str, DatasetConfig]),
            outputs=msgspec.convert(outputs or {}, dict[str, DatasetConfig]),
        )
        return Catalog(context)

    return make
