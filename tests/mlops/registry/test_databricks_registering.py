"""Many processes that register one model in a volume of Databricks, while the workspace fails in every way it can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("databricks.sdk")

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.testing.databricks_emulator import DatabricksEmulator

LONG = bool(os.environ.get("TAURO_LONG"))
"""Each kind of fault by itself, and as many registrations as a busy team makes: minutes."""

MANY = """
import os, sys
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.databricks import DatabricksStore
import databricks.sdk.core

processes, each = int(sys.argv[1]), int(sys.argv[2])
store = DatabricksStore("main", "ml", host=os.environ["DATABRICKS_HOST"], timeout_s=60)
ready, go = os.pipe(), os.pipe()
children = []
for child in range(processes):
    pid = os.fork()
    if pid == 0:
        registry = ModelRegistry(store)
        os.write(ready[1], b".")
        os.close(go[1])
        os.read(go[0], 1)
        for i in range(each):
            registry.register_model({"child": child, "i": i}, "m", tags={"child": child})
        os._exit(0)
    children.append(pid)
for _ in children:
    os.read(ready[0], 1)
os.close(go[1])
failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
sys.exit(len(failed))
"""

FAULTS = ["429", "500", "502", "503", "504", "cut_before", "cut_after", "delay"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="forks")
@pytest.mark.parametrize("racy", [False, True], ids=["atomic", "racy"])
@pytest.mark.parametrize("faults", [[each] for each in FAULTS] if LONG else [FAULTS], ids="-".join)
def test_versions_are_unique_and_without_gaps_whatever_goes_wrong(
    faults: list[str], racy: bool, tmp_path: Path
) -> None:
    processes, each = (8, 12) if LONG else (8, 1)
    with DatabricksEmulator(tmp_path) as emulator:
        emulator.create_schema("main", "ml")
        if racy:
            emulator.configure(race_gap_s=0.03)
        for fault in faults:
            wait = {"delay": {"delay_s": 0.3}, "429": {"retry_after_s": 1}}.get(fault, {})
            emulator.fail(fault, probability=0.2 / len(faults), path="/api/2.0/fs/*", **wait)
        environ = {**os.environ, "DATABRICKS_HOST": emulator.host, "DATABRICKS_TOKEN": emulator.token}
        subprocess.run([sys.executable, "-c", MANY, str(processes), str(each)], check=True, env=environ)

        emulator.heal()
        registry = ModelRegistry(DatabricksStore("main", "ml", host=emulator.host, token=emulator.token))
        versions = registry.versions("m")
        assert [version.version for version in versions] == list(range(1, processes * each + 1))
        loaded = {(model["child"], model["i"]) for model in (version.load() for version in versions)}
        assert loaded == {(child, i) for child in range(processes) for i in range(each)}
        assert registry.leftovers() == []
        assert len({version.record.nonce for version in versions}) == len(versions)
