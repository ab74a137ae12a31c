"""A point of a metric as the server has it."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple


class Point(NamedTuple):
    """A point as the server has it: what is infinite is the largest number there, and NaN is NaN."""

    key: str
    shown: float | None
    """The value, by which points are compared; None: NaN."""
    at_ms: int
    step: int

    @classmethod
    def of(cls, key: str, value: float, at_ms: int, step: int) -> Point:
        """Return the point that the server makes of this one."""
        return cls(
            key, None if math.isnan(value) else max(-sys.float_info.max, min(sys.float_info.max, value)), at_ms, step
        )

    @property
    def value(self) -> float:
        """As it is sent."""
        return math.nan if self.shown is None else self.shown
