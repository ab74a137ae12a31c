"""Whether a store on Databricks can be worked with: who one is there, what one may do, how far away it is.

`examine` tries each thing that the store needs, in the order in which one needs the other, on the user's own volume.
What it writes lies in a folder of its own, which it removes. `reach` is the short form, for a health check.
"""

from __future__ import annotations

import io
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

from tauro_nb.errors import AccessDenied, StoreError, TauroError
from tauro_nb.mlops.monitoring.findings import CheckResult, Finding, HealthReport, HealthStatus
from tauro_nb.store import keys
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.store.databricks.files import VolumeFiles
from tauro_nb.store.databricks.requests import Refusal, Requests
from tauro_nb.store.databricks.workspace import sdk
from tauro_nb.store.walk import walk

RACES, RACERS = 10, 4
"""How many exclusive creates are raced, and by how many at once."""
_PROBES = 5
_SLOW_S = 2.0
_SIGN_IN = "make a new token, or sign in again, and see that DATABRICKS_HOST is its workspace"
_SKEWED_S = 5.0


def reach(store: DatabricksStore) -> Finding:
    """Ask the workspace for the store's volume.

    Raises
    ------
    AccessDenied, StoreUnreachable, StoreError
    """
    started_s = time.perf_counter()
    there = VolumeFiles(store.volume, store.workspace).exists()
    took = f"answered in {_shown(time.perf_counter() - started_s)}"
    return Finding(HealthStatus.HEALTHY, took if there else f"{took}; the volume is made with the first run")


def examine(store: DatabricksStore, clock: Callable[[], int] = time.time_ns) -> HealthReport:
    """Try all that the store needs, and return what holds; a check that needs one that failed is left out as unknown.

    The volume is made if it is missing and the user may make it.
    """
    return HealthReport(checks=tuple(_Examination(store).checks()), at_ns=clock())


class _Examination:
    def __init__(self, store: DatabricksStore) -> None:
        self._store = store
        self._volume = store.volume
        self._files = VolumeFiles(store.volume, store.workspace)
        self._requests = Requests(store.workspace, store.volume.path)
        self._folder = keys.logs(f"doctor-{secrets.token_hex(8)}")
        self._behind_s: float | None = None
        """By how much this machine's clock is behind the workspace's; None: not known."""
        self._wrote = False

    def checks(self) -> Iterator[CheckResult]:
        """Look at one thing after the other."""
        volume = self._volume
        catalog, schema = volume.catalog, f"{volume.catalog}.{volume.schema}"
        steps: list[tuple[str, Callable[[], Finding | str], str]] = [
            ("databricks-sdk", self._sdk, ""),
            ("authentication", self._authentication, _SIGN_IN),
            ("clock", self._clock, ""),
            (f"catalog {catalog}", lambda: self._securable("catalogs", catalog), _grant("USE CATALOG", catalog)),
            (f"schema {schema}", lambda: self._securable("schemas", schema), _grant("USE SCHEMA", schema)),
            (f"volume {volume.full_name}", self._made, ""),
            ("WRITE VOLUME", self._write, _grant("WRITE VOLUME", volume.full_name)),
            ("READ VOLUME", self._read, _grant("READ VOLUME", volume.full_name)),
            ("latency", self._latency, ""),
            ("exclusive create", self._race, ""),
        ]
        failed: str | None = None
        try:
            for name, step, mend in steps:
                started_s = time.perf_counter()
                if failed is None:
                    finding = _found(step, mend)
                else:
                    finding = Finding(HealthStatus.UNKNOWN, f"not looked at: it needs {failed}")
                took_s = time.perf_counter() - started_s
                yield CheckResult(finding.status, finding.figure, finding.fix, name=name, critical=True, took_s=took_s)
                if finding.status is HealthStatus.UNHEALTHY:
                    failed = failed or name
        finally:
            left = self._clean_up() if self._wrote else None
        if left is not None:
            yield CheckResult(left.status, left.figure, left.fix, name="clean-up")

    def _sdk(self) -> str:
        sdk()
        from databricks.sdk.version import __version__

        return f"version {__version__}"

    def _authentication(self) -> str:
        before = time.time()
        path = "/api/2.0/preview/scim/v2/Me"
        answered = self._requests.api("GET", path, "ask who you are", response_headers=["date"]).value
        if answered.get("date"):
            # the header has whole seconds
            now = parsedate_to_datetime(answered["date"]).timestamp() + 0.5
            self._behind_s = now - (before + time.time()) / 2
        way = self._store.workspace.client().config.auth_type
        return f"{answered.get('userName', 'somebody')} at {self._store.workspace.host}, by {way}"

    def _clock(self) -> Finding | str:
        if self._behind_s is None:
            return "the workspace told no time"
        if abs(self._behind_s) <= _SKEWED_S:
            return "the same as the workspace's, as far as whole seconds tell"
        side = "behind" if self._behind_s > 0 else "ahead of"
        return Finding(
            HealthStatus.DEGRADED,
            f"this machine's clock is {abs(self._behind_s):.0f} s {side} the workspace's",
            "set this machine's clock: times of runs and retention go by it",
        )

    def _securable(self, kind: str, name: str) -> str:
        word = kind[:-1]
        try:
            self._requests.api("GET", f"/api/2.1/unity-catalog/{kind}/{name}", f"look at the {word} {name}")
        except Refusal as refusal:
            fix = f"correct mlops.databricks.{word}, or {_grant(f'USE {word.upper()}', name)}"
            raise StoreError(refusal.told, fix=fix) from None
        return "there, and visible"

    def _made(self) -> str:
        if self._files.exists():
            return "there"
        self._files.make()
        return "was missing, and is made now"

    def _write(self) -> str:
        self._wrote = True
        self._store.put(f"{self._folder}/probe", b"probe")
        return "a file was written"

    def _read(self) -> Finding | str:
        key = f"{self._folder}/probe"
        if self._store.get(key) != b"probe":
            return Finding(HealthStatus.UNHEALTHY, "something else was read than was written", "ask your administrator")
        if [entry.name for entry in self._store.list(self._folder)] != ["probe"]:
            return Finding(
                HealthStatus.UNHEALTHY, "what was written is not listed", "try again later: listings may come late"
            )
        return "it was read back as it was written, and listed"

    def _latency(self) -> Finding | str:
        key = f"{self._folder}/latency"
        writes = [_timed(lambda: self._store.put(key, b"probe")) for _ in range(_PROBES)]
        reads = [_timed(lambda: self._store.get(key)) for _ in range(_PROBES)]
        write_s, read_s = statistics.median(writes), statistics.median(reads)
        figure = f"a write takes {_shown(write_s)}, a read {_shown(read_s)} (median of {_PROBES})"
        if max(write_s, read_s) > _SLOW_S:
            return Finding(HealthStatus.DEGRADED, figure, "work closer to the workspace, or when it is less busy")
        return figure

    def _race(self) -> Finding | str:
        several = sum(len(self._winners(self._plain, f"plain-{race}")) > 1 for race in range(RACES))
        wrong = 0
        for race in range(RACES):
            winners = self._winners(self._store.create, f"settled-{race}")
            wrong += [self._store.get(f"{self._folder}/settled-{race}")] != winners
        settle_s = self._store.settle_s
        if wrong:
            return Finding(
                HealthStatus.UNHEALTHY,
                f"in {wrong} of {RACES} races of {RACERS} not exactly one created, in spite of settle_s: {settle_s:g}",
                f"set mlops.databricks.settle_s: {max(0.5, settle_s * 3):g}, and look again",
            )
        if not several:
            return f"exactly one of {RACERS} created, in each of {2 * RACES} races; the server let no second one in"
        figure = f"the server let several in, in {several} of {RACES} races of {RACERS}"
        if settle_s:
            return f"{figure}; reading back after {settle_s:g} s left exactly one each time"
        return Finding(HealthStatus.UNHEALTHY, figure, "set mlops.databricks.settle_s: 0.5, and look again")

    def _plain(self, key: str, data: bytes) -> bool:
        """Create without reading back: what the server alone arbitrates."""
        try:
            self._files.send(key, io.BytesIO(data), overwrite=False)
        except Refusal as refusal:
            return refusal.doubtful and self._store.get(key) == data
        return True

    def _winners(self, create: Callable[[str, bytes], bool], name: str) -> list[bytes]:
        """Race `create`, and return the values of those who were told that they created it."""
        key, start = f"{self._folder}/{name}", threading.Barrier(RACERS)

        def race(racer: int) -> bytes | None:
            data = f"{racer} {secrets.token_hex(8)}".encode()
            start.wait(30)
            return data if create(key, data) else None

        with ThreadPoolExecutor(RACERS) as pool:
            return [data for data in pool.map(race, range(RACERS)) if data is not None]

    def _clean_up(self) -> Finding | None:
        try:
            for key in list(walk(self._store, self._folder)):
                self._store.delete(key)
        except TauroError as error:
            place = f"{self._volume.path}/{self._folder}"
            return Finding(HealthStatus.DEGRADED, f"{place} may be left: {error}", "remove that folder")
        return None


def _grant(privilege: str, name: str) -> str:
    return f"ask an owner: GRANT {privilege} ON {privilege.split()[1]} {name} TO you"


def _found(step: Callable[[], Finding | str], mend: str) -> Finding:
    """Take the step; `mend` is what to do where it is not allowed, unless the error knows better."""
    try:
        found = step()
    except AccessDenied as error:
        return Finding(HealthStatus.UNHEALTHY, str(error), mend or error.fix)
    except TauroError as error:
        return Finding(HealthStatus.UNHEALTHY, str(error), error.fix)
    return found if isinstance(found, Finding) else Finding(HealthStatus.HEALTHY, found)


def _timed(act: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    act()
    return time.perf_counter() - started_s


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
