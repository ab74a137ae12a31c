"""Health checks and counters."""
