"""A Databricks workspace on loopback: the documented Files, Unity Catalog and secrets endpoints, and their faults.

The real ``databricks-sdk`` talks to it; nothing but the standard library is needed to run it. In a test::

    from tauro_nb.testing.databricks_emulator import DatabricksEmulator

    with DatabricksEmulator(tmp_path) as emulator:
        emulator.create_volume("main", "ml", "tauro")
        client = WorkspaceClient(host=emulator.host, token=emulator.token)
        emulator.fail("503", path="*/experiments/*", times=3)

From a shell, where the address and the token are printed::

    python -m tauro_nb.testing.databricks_emulator --port 0 --root DIR

While it runs, ``POST /emulator/faults`` (the fields of `Fault` as JSON) injects a fault and ``DELETE`` takes all away;
``PUT /emulator/settings`` takes the arguments of `DatabricksEmulator.configure`; ``GET /emulator/requests`` tells what
was asked. These too want the bearer token.

What the service does and its documentation does not say, is done here in the way that is harder on a client: a listing
has no order that means anything, directories have no time, an upload in parts tells only at its end that the file
exists, and a volume that exists is a 400, not a 409.
"""

from __future__ import annotations

from tauro_nb.testing.databricks_emulator.emulator import DatabricksEmulator
from tauro_nb.testing.databricks_emulator.faults import Fault
from tauro_nb.testing.databricks_emulator.requests import Request

__all__ = ["DatabricksEmulator", "Fault", "Request"]
