"""From configuration to a plan, and from a plan to a report."""
