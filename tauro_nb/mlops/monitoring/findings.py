"""What a health check finds, and what all of them come to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tauro_nb.faces import Shown


class HealthStatus(StrEnum):
    """How something is."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    """Nobody has looked."""
    DEGRADED = "degraded"
    """It works, and needs attention."""
    UNHEALTHY = "unhealthy"

    @property
    def severity(self) -> int:
        """Rises with how bad it is."""
        return list(HealthStatus).index(self)


@dataclass(frozen=True)
class Finding:
    """What one check found out."""

    status: HealthStatus
    figure: str = ""
    """What was measured, as a person reads it."""
    fix: str | None = None
    """What to do about it."""


@dataclass(frozen=True)
class CheckResult(Finding):
    """A finding, and whose it is."""

    name: str = ""
    critical: bool = False
    """Without it nothing works: if it is unhealthy, so is the whole."""
    took_s: float = 0.0


@dataclass(frozen=True)
class HealthReport(Shown):
    """All findings of one look."""

    checks: tuple[CheckResult, ...]
    """In the order in which the checks were registered."""
    at_ns: int
    """UTC, nanoseconds since the epoch."""
    enough: HealthStatus = HealthStatus.HEALTHY
    """The worst status that is `ok`."""

    @property
    def status(self) -> HealthStatus:
        """The worst of all, where a check that is not critical makes the whole degraded at most; none: unknown."""
        found = [
            HealthStatus.DEGRADED if check.status is HealthStatus.UNHEALTHY and not check.critical else check.status
            for check in self.checks
        ]
        return max(found, key=lambda status: status.severity, default=HealthStatus.UNKNOWN)

    @property
    def ok(self) -> bool:
        """It is good enough, and somebody has looked."""
        return self.status is not HealthStatus.UNKNOWN and self.status.severity <= self.enough.severity

    def __getitem__(self, name: str) -> CheckResult:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def __repr__(self) -> str:
        told = ", ".join(f"{check.name} {check.status.value}" for check in self.checks)
        return f"<HealthReport {self.status.value}: {told or 'no checks registered'}>"
