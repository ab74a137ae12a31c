"""What a reader is given of a value that stays in memory: of a table a copy of its own, so that others keep theirs."""

from __future__ import annotations

import sys
from typing import Any


def is_frame(value: Any) -> bool:
    """Whether the value is a pandas DataFrame; imports nothing."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def lent(value: Any) -> Any:
    """Return a table as the reader's own, at no cost where pandas copies on write; any other value as it is."""
    return value.copy(deep=not _copies_on_write()) if is_frame(value) else value


def _copies_on_write() -> bool:
    """Whether a shallow copy of a frame is its holder's own; it became pandas' rule with 3.0."""
    pandas: Any = sys.modules["pandas"]
    return int(pandas.__version__.partition(".")[0]) >= 3 or pandas.options.mode.copy_on_write is True
