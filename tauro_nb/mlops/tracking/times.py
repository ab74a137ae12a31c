"""Points in time as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def milliseconds(text: str) -> float | None:
    """Return the milliseconds since the epoch of an ISO date or time, UTC unless it says otherwise; None if it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
