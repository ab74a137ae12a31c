"""What the process's numbers say of one metric writer; nothing is paid while it logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tauro_nb.mlops.monitoring.counters import MetricsCollector
    from tauro_nb.mlops.tracking.metric_log import MetricWriter


class WriterMeter:
    """Flushes and closes a writer and measures that; its points are counted where the writer counts them."""

    def __init__(self, writer: MetricWriter, collector: MetricsCollector, environment: str | None) -> None:
        self._writer = writer
        self._collector = collector
        self._environment = environment
        self._followed = (
            collector.follow("points_logged", lambda: writer.count, environment),
            collector.follow("points_flushed", lambda: writer.durable, environment),
        )

    def flush(self) -> None:
        """Have all points in the store; raises what `MetricWriter.flush` does."""
        with self._collector.timer("flush_seconds", self._environment):
            self._writer.flush()

    def close(self) -> None:
        """Close the writer; raises what `MetricWriter.close` does, and can be done again then."""
        with self._collector.timer("flush_seconds", self._environment):
            self._writer.close()
        for following in self._followed:
            following.close()
