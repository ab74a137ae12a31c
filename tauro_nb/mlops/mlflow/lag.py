"""Whether the copy on an MLflow server keeps up, as a health check says it."""

from __future__ import annotations

import time

from tauro_nb.mlops.mlflow.ledger import Ledgers
from tauro_nb.mlops.mlflow.replica import Replica
from tauro_nb.mlops.monitoring.findings import Finding, HealthStatus

LATE_S = 60.0


def check(replica: Replica, *, mend: str = "tauro mlflow sync") -> Finding:
    """Tell what waits to be delivered, and since when.

    What counts is what the delivering process said last, whoever started it; the server is not asked.
    """
    errand = replica.errand
    ledgers = Ledgers(errand.store, errand.address.name)
    standing, waiting = ledgers.standing(), len(ledgers.waiting())
    if not waiting:
        return Finding(HealthStatus.HEALTHY, f"all that was told is on {errand.address.shown}")
    since_ns = standing.since_ns
    late_s = max(0.0, (time.time_ns() - since_ns) / 1e9) if since_ns else 0.0
    silent_s = (time.time_ns() - standing.at_ns) / 1e9
    told = f"{waiting:,} on their way" + (f", the oldest for {late_s:.0f} s" if since_ns else "")
    if standing.trouble:
        fix = f"{standing.fix}; then {mend}" if standing.fix else mend
        return Finding(HealthStatus.DEGRADED, f"{told} to {errand.address.shown}: {standing.trouble}", fix)
    if late_s > LATE_S or silent_s > LATE_S:
        nobody = "; nobody delivers them" if silent_s > LATE_S else ""
        return Finding(HealthStatus.DEGRADED, told + nobody, mend)
    return Finding(HealthStatus.HEALTHY, told)
