"""Whatever is done to a log, and in whatever order: it gives the points that a list would."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tauro_nb.mlops.tracking import parquet, sources
from tauro_nb.mlops.tracking.metric_log import Cursor, MetricLog, MetricWriter, Points
from tauro_nb.mlops.tracking.sources import SENDING
from tauro_nb.store import open_local
from tauro_nb.store.memory import MemoryStore

PREFIX = "run/metrics"
keys = st.sampled_from(["loss", "acc", "", "a key longer than one slot holds", "ä🙂"])
values = st.floats()
steps = st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 20))

Row = tuple[str, int, str]


def rows(points: Points) -> list[Row]:
    names = [points.keys[number] for number in points.key_ids]
    return list(zip(names, points.steps.tolist(), map(repr, points.values.tolist()), strict=True))


class LogMachine(RuleBasedStateMachine):
    """One writer at a time, as a run that is resumed again and again has."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model: list[Row] = []
        self.next: dict[str, int] = {}
        self.seen: list[Row] = []
        self.cursor: Cursor | None = None
        self.clock = 0
        self.writer: MetricWriter | None = None

    @initialize(
        local=st.booleans(),
        buffer_size=st.sampled_from([1, 10, 200]),
        auto_flush=st.booleans(),
        stretch=st.sampled_from([100, sources.STRETCH]),
        group=st.sampled_from([100, parquet.GROUP]),
    )
    def begin(self, local: bool, buffer_size: int, auto_flush: bool, stretch: int, group: int) -> None:
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(sources, "STRETCH", stretch)
        self.patched.setattr(parquet, "GROUP", group)
        root = Path(self.folder.name)
        self.store: Any = open_local(root / "store") if local else MemoryStore()
        self.options = {"buffer_size": buffer_size, "auto_flush": auto_flush, "spool_dir": root / "spool"}
        self.reader = MetricLog.reader(self.store, PREFIX)

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def open_writer(self) -> MetricWriter:
        if self.writer is None:
            self.writer = MetricLog.writer(self.store, PREFIX, clock=self.tick, **self.options)
        return self.writer

    def expect(self, key: str, value: float, step: int | None) -> None:
        taken = self.next.get(key, 0) if step is None else step
        self.next[key] = max(self.next.get(key, 0), taken + 1)
        self.model.append((key, taken, repr(value)))

    @rule(key=keys, value=values, step=steps)
    def append(self, key: str, value: float, step: int | None) -> None:
        self.open_writer().append(key, value, step)
        self.expect(key, value, step)

    @rule(items=st.dictionaries(keys, values, min_size=1), step=steps, times=st.sampled_from([1, 1, 300]))
    def append_many(self, items: dict[str, float], step: int | None, times: int) -> None:
        for _ in range(times):
            self.open_writer().append_many(items, step)
            for key, value in items.items():
                self.expect(key, value, step)

    @precondition(lambda self: self.writer is not None)
    @rule()
    def flush(self) -> None:
        self.writer.flush()

    @precondition(lambda self: self.writer is not None)
    @rule()
    def close(self) -> None:
        self.writer.close()
        self.writer = None

    @precondition(lambda self: self.writer is not None)
    @rule()
    def crash(self) -> None:
        """Let go of the file as the death of the process does."""
        shipment = self.writer._shipment
        if shipment is not None:
            with shipment._lock:
                shipment._closed = True
        if self.writer._opened:
            self.writer._log.abandon()
            self.writer._opened = False
        self.writer = None
        SENDING.clear()
        MetricLog.recover(self.store, spool_dir=self.options["spool_dir"])

    @rule()
    def compact(self) -> None:
        MetricLog.compact(self.store, PREFIX)

    @rule()
    def tail(self) -> None:
        points, self.cursor = self.reader.tail(self.cursor)
        self.seen += rows(points)
        assert self.seen == self.model

    @invariant()
    def reads_as_the_list(self) -> None:
        if not hasattr(self, "reader"):
            return
        points = self.reader.read()
        assert rows(points) == self.model
        last = {key: value for key, _, value in self.model}
        assert {key: repr(value) for key, value in self.reader.last().items()} == last
        if self.writer is not None:
            assert {key: repr(value) for key, value in self.writer.last().items()} == last
        assert all(math.isfinite(at) for at in points.at_ns)

    def teardown(self) -> None:
        if self.writer is not None:
            self.writer.close()
        if hasattr(self, "patched"):
            self.patched.undo()
        self.folder.cleanup()


TestLogSequences = LogMachine.TestCase
TestLogSequences.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
