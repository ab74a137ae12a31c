"""What the machine does while a run goes on, logged beside its metrics: processor, memory, disk, network, GPUs.

Sampled by one thread for all runs of this process, and never in their way: whatever fails ends the sampling, not the
run. Rates are those since the sample before, so the first sample comes after `FIRST_S`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from tauro_nb.errors import MissingDependency, RunEnded, UsageError
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.provenance import no_fork
from tauro_nb.mlops.tracking.rounds import Rounds

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run

PERIOD_S = 10.0
"""How often the machine is looked at, where nothing else is said."""
FIRST_S = 1.0
_MB = 1e6


def period_of(asked: bool | float) -> float | None:
    """Return every how many seconds the machine is to be sampled; None: not at all.

    Raises
    ------
    UsageError
        `asked` is neither a bool nor a number of seconds.
    MissingDependency
    """
    if asked is False:
        return None
    if isinstance(asked, str) or not asked > 0:
        raise UsageError(f"system_metrics={asked!r}", fix="give True, False, or a number of seconds above 0")
    try:
        import psutil  # noqa: F401 - asked for, and imported before a thread does it
    except ImportError:
        raise MissingDependency.of("psutil", "mlops", what="sampling the machine (system_metrics)") from None
    return PERIOD_S if asked is True else float(asked)


class Meter:
    """Reads the machine; rates count from the reading before."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process()
        self._gpus = _Gpus()
        self._at_s = time.monotonic()
        self._cpu = self._cpu_times()
        self._totals = self._counted()

    def read(self) -> dict[str, float]:
        """Return what there is to say; what this machine does not tell is left out."""
        at_s, cpu, totals = time.monotonic(), self._cpu_times(), self._counted()
        took_s = max(at_s - self._at_s, 1e-9)
        busy, whole, own = (now - before for now, before in zip(cpu, self._cpu, strict=True))
        memory = self._psutil.virtual_memory()
        found = {
            "system/memory_percent": memory.percent,
            "system/process_memory_mb": self._process.memory_info().rss / _MB,
            "system/process_cpu_percent": 100 * own / took_s,
        }
        if whole > 0:
            found["system/cpu_percent"] = min(100.0, max(0.0, 100 * busy / whole))
        for name, total in totals.items():
            if name in self._totals:
                found[f"system/{name}_mb_s"] = max(0.0, (total - self._totals[name]) / took_s / _MB)
        self._at_s, self._cpu, self._totals = at_s, cpu, totals
        return {**found, **self._gpus.read()}

    def _cpu_times(self) -> tuple[float, float, float]:
        """Return the seconds that all processors were busy, those that have passed on them, and this process's own."""
        times, own = self._psutil.cpu_times(), self._process.cpu_times()
        # Linux counts the time of guests in that of users too
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return whole - times.idle - getattr(times, "iowait", 0.0), whole, own.user + own.system

    def _counted(self) -> dict[str, int]:
        """Return what has gone over disks and network since the machine started, in bytes."""
        disk, network = self._psutil.disk_io_counters(), self._psutil.net_io_counters()
        found: dict[str, int] = {}
        if disk is not None:
            found |= {"disk_read": disk.read_bytes, "disk_write": disk.write_bytes}
        if network is not None:
            found |= {"network_received": network.bytes_recv, "network_sent": network.bytes_sent}
        return found


class _Gpus:
    """The NVIDIA GPUs, where the package ``nvidia-ml-py`` is there and finds some."""

    def __init__(self) -> None:
        self._handles: list[Any] | None = None

    def _found(self) -> list[Any]:
        """Return the handles of all GPUs; looked for once, which may take the driver a while."""
        if self._handles is not None:
            return self._handles
        self._handles = []
        try:
            with no_fork:
                import pynvml
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(at) for at in range(pynvml.nvmlDeviceGetCount())]
            self._nvml = pynvml
        except Exception:  # noqa: BLE001, S110 - no package, no driver or no GPU: nothing to say
            pass
        return self._handles

    def read(self) -> dict[str, float]:
        found = {}
        for at, handle in enumerate(self._found()):
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
            found[f"system/gpu{at}_percent"] = float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            found[f"system/gpu{at}_memory_percent"] = 100 * memory.used / memory.total
            found[f"system/gpu{at}_memory_mb"] = memory.used / _MB
        return found


_meters: dict[int, Meter] = {}
"""This process's own; a forked child makes one of its own."""


def sample(run: Run, period_s: float) -> None:
    """Log the machine to a run from now on, until it ends."""
    if os.getpid() not in _meters:
        _meters.clear()
        _meters[os.getpid()] = Meter()
    sampler.add(run, first_s=min(FIRST_S, period_s), period_s=period_s)


def _log(runs: list[Run]) -> None:
    try:
        found = _meters[os.getpid()].read()
    except Exception as error:  # noqa: BLE001 - of psutil or a driver: not a run's business
        warn("the machine is sampled no more: %s: %s", type(error).__name__, error)
        for run in runs:
            sampler.drop(run)
        return
    for run in runs:
        try:
            run.log_metrics(found)
        except RunEnded:
            sampler.drop(run)
        except Exception as error:  # noqa: BLE001 - a run is not to fail by it
            warn("%r: the machine is sampled no more: %s", run, error)
            sampler.drop(run)


sampler = Rounds("tauro-system-metrics", _log, slack_s=0.2)
"""This process's own."""
