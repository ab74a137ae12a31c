"""Which models may be opened: ``mlops.registry.trust``.

``any``: all. ``own``: those whose format runs no code, and those that were registered in this store, not imported into
it. ``safe``: only those whose format runs no code. Asked is the flavor, never what a record claims of itself.
"""

from __future__ import annotations

from typing import Literal

from tauro_nb.errors import Untrusted
from tauro_nb.mlops.registry import flavors
from tauro_nb.mlops.registry.records import VersionRecord


def refuse_untrusted(record: VersionRecord, trust: Literal["any", "own", "safe"]) -> None:
    """Return if the version may be opened.

    Raises
    ------
    Untrusted
    """
    if trust == "any" or (trust == "own" and record.imported_from is None):
        return
    if flavors.flavor_of(record.meta).runs_code(record.meta):
        raise Untrusted(
            f"{record.model} v{record.version} is kept as {record.meta.format}, which runs code when it is loaded; "
            f"mlops.registry.trust is {trust!r}",
            fix="register it in a format that runs none, such as skops; or widen mlops.registry.trust",
        )
