"""What nodes write to their loggers while somebody watches: the newest lines, kept for the card of the pipeline."""

from __future__ import annotations

import logging
from collections import deque
from typing import Self

MOST_LINES = 100
LONGEST = 300
"""Characters of a line."""

_NODES = "tauro_nb.nodes"
_LOGGERS = (_NODES, "tauro_nb.pipeline")


class NodeLog(logging.Handler):
    """Hears the loggers that nodes are given, and what the pipeline itself has to say, inside its ``with`` block.

    Where logging is configured, what passes there is kept, and goes where it would go anyway. Otherwise it is what is
    at least INFO, and goes nowhere else: the card is the place to read it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: deque[str] = deque(maxlen=MOST_LINES)
        self._told_level = False

    def lines(self) -> list[str]:
        """Return the newest lines, oldest first."""
        return list(self._kept)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as one line."""
        who = record.name.removeprefix(f"{_NODES}.").removeprefix("tauro_nb.")
        line = " ".join(f"{record.levelname} {who}: {record.getMessage()}".split())
        self._kept.append(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")

    def __enter__(self) -> Self:
        """Begin to listen."""
        nodes = logging.getLogger(_NODES)
        self._told_level = nodes.level == logging.NOTSET and not logging.getLogger().handlers
        if self._told_level:
            nodes.setLevel(logging.INFO)
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)
        if self._told_level:
            logging.getLogger(_NODES).setLevel(logging.NOTSET)
