"""Numbers as text in Prometheus's exposition format, version 0.0.4."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tauro_nb.mlops.monitoring.families import Kind, exported, meaning
from tauro_nb.store.timing import Timer

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.counters import Labels, Sample, TimerSample

_TYPES: dict[Kind, str] = {"counter": "counter", "gauge": "gauge", "timer": "histogram"}


def text(samples: Iterable[Sample], timers: Iterable[TimerSample]) -> str:
    """Return the text; both are sorted by name."""
    lines: list[str] = []
    for (name, kind), numbers in itertools.groupby(samples, lambda each: (each.name, each.kind)):
        lines += _head(name, kind)
        lines += (_line(exported(name, kind), _labels(each), each.value) for each in numbers)
    for name, each_timer in itertools.groupby(timers, lambda each: each.name):
        lines += _head(name, "timer")
        for each in each_timer:
            lines += _histogram(exported(name, "timer"), each)
    return "".join(f"{line}\n" for line in lines)


def _head(name: str, kind: Kind) -> list[str]:
    shown = exported(name, kind)
    return [f"# HELP {shown} {meaning(name)}", f"# TYPE {shown} {_TYPES[kind]}"]


def _histogram(name: str, sample: TimerSample) -> Iterator[str]:
    labels, timing = _labels(sample), sample.timing
    for bound, count in zip(Timer.BOUNDS_S, timing.below, strict=True):
        yield _line(f"{name}_bucket", (*labels, ("le", repr(bound))), count)
    yield _line(f"{name}_bucket", (*labels, ("le", "+Inf")), timing.count)
    yield _line(f"{name}_sum", labels, timing.total_s)
    yield _line(f"{name}_count", labels, timing.count)


def _labels(sample: Sample | TimerSample) -> Labels:
    return (("environment", sample.environment), *sample.labels)


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels)
    return f"{name}{{{told}}} {_number(value)}"


def _escaped(content: str) -> str:
    return str(content).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    """Return a number; NaN and the infinities are ``nan``, ``inf`` and ``-inf``, which all readers know."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
