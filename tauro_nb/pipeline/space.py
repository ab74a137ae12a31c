"""What a sweep tries: for each parameter its choices, or a range of numbers."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import msgspec

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking import values

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_BEGUN = re.compile(rf"\s*(?:log:)?\s*{_NUMBER}\s*\.\.")
_RANGE = re.compile(rf"\s*(?P<log>log:)?\s*(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})\s*")


class Range(msgspec.Struct, frozen=True):
    """Numbers from `low` to `high`, both included; whole ones where both are whole.

    Raises
    ------
    UsageError
        `low` is not below `high`, one of them is no finite number, or not positive under `log`.
    """

    low: float
    high: float
    log: bool = False
    """Even in the logarithm: 0.001 to 0.01 is drawn as often as 0.01 to 0.1."""

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
                raise UsageError(f"the range {self} has {bound!r} as a bound", fix="give two finite numbers")
        if not self.low < self.high:
            raise UsageError(f"the range {self} is empty", fix="write the lower bound first: 0.001..0.1")
        if self.log and self.low <= 0:
            raise UsageError(f"the range {self} has no logarithm at {self.low}", fix="begin above 0, or leave log out")

    @classmethod
    def read(cls, text: str) -> Range | None:
        """Return the range that `text` is (``0.1..0.9``, ``log:1e-4..1e-1``, ``2..12``), None where it is none.

        Raises
        ------
        UsageError
            It begins like one, and is none.
        """
        found = _RANGE.fullmatch(text)
        if found is None:
            if _BEGUN.match(text):
                raise UsageError(
                    f"{text!r} is no range of numbers", fix="write 0.001..0.1, or a text in quotes or in a list"
                )
            return None
        return cls(_number(found["low"]), _number(found["high"]), log=found["log"] is not None)

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low}..{self.high}"

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def choices(self) -> Sequence[Any] | None:
        """All its numbers; None where they cannot be counted."""
        return range(int(self.low), int(self.high) + 1) if self.is_whole else None

    def at(self, share: float) -> int | float:
        """Return the number at `share` of the range, from 0 up to but without 1."""
        low, high = float(self.low), float(self.high) + (1.0 if self.is_whole else 0.0)
        if self.log:
            found = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            found = low + share * (high - low)
        if self.is_whole:
            return min(max(int(found), int(self.low)), int(self.high))
        return min(max(found, float(self.low)), float(self.high))


class Space:
    """The parameters of a sweep.

    Parameters
    ----------
    params : mapping
        By parameter (``key``, or ``node.key``): a list, tuple or array of choices; a `Range`, or the text of one; or
        one value, which all trials have. A text that reads like a range is a choice where it stands in a list.

    Attributes
    ----------
    dimensions : dict of parameter to Range or tuple

    Raises
    ------
    UsageError
        There are no parameters, or one has no choices.
    InvalidParam
        A choice cannot be kept as the parameter of a run.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        if not params:
            raise UsageError("a sweep needs parameters", fix="-p n_estimators=50,100,200, or params={...}")
        self.dimensions: dict[str, Range | tuple[Any, ...]] = {
            key: _dimension(key, value) for key, value in params.items()
        }

    @property
    def size(self) -> int | None:
        """How many different trials there are; None where a range has no count."""
        choices = self._choices()
        return None if None in choices.values() else math.prod(len(each or ()) for each in choices.values())

    @property
    def uncounted(self) -> list[str]:
        """The parameters whose ranges have no count."""
        return [key for key, each in self._choices().items() if each is None]

    def grid(self) -> Iterator[dict[str, Any]]:
        """Return every trial of a space that has a size; the last parameter changes first."""
        choices = {key: each or () for key, each in self._choices().items()}
        return (dict(zip(choices, picked, strict=True)) for picked in itertools.product(*choices.values()))

    def first(self) -> dict[str, Any]:
        """Return one trial."""
        return {key: each.low if isinstance(each, Range) else each[0] for key, each in self.dimensions.items()}

    def plain(self) -> dict[str, Any]:
        """Return it as it is kept in a run: lists of choices, ranges as text."""
        return {
            key: str(each) if isinstance(each, Range) else [values.plain(key, one) for one in each]
            for key, each in self.dimensions.items()
        }

    def _choices(self) -> dict[str, Sequence[Any] | None]:
        return {key: each.choices if isinstance(each, Range) else each for key, each in self.dimensions.items()}


def mark(params: Mapping[str, Any]) -> str:
    """Return what tells the parameters of one trial from those of another, as they are kept and as they are given."""
    return json.dumps({key: values.plain(key, value) for key, value in params.items()}, sort_keys=True)


def _dimension(key: str, value: Any) -> Range | tuple[Any, ...]:
    if not isinstance(key, str):
        raise UsageError(f"{key!r} is no name of a parameter", fix="give a dict whose keys are text")
    if isinstance(value, str):
        value = Range.read(value) or value
    if isinstance(value, Range):
        return value
    if isinstance(value, Set | Iterator):
        raise UsageError(f"{key}: a {type(value).__name__} has no order to go by", fix="give a list")
    if getattr(value, "ndim", 0) and hasattr(value, "tolist"):
        value = value.tolist()
    each = list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    if not each:
        raise UsageError(f"{key}: there is nothing to choose from", fix="give at least one value")
    return tuple({mark({key: one}): one for one in each}.values())


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
