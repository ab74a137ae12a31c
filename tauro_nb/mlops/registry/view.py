"""What can be asked of a registry: which models and versions there are, and what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import ModelNotFound, StoreError, UsageError
from tauro_nb.faces import Shown
from tauro_nb.mlops.registry import flavors, leftovers, names, verification
from tauro_nb.mlops.registry.artifacts import opened
from tauro_nb.mlops.registry.claims import Trail
from tauro_nb.mlops.registry.history import history_frame
from tauro_nb.mlops.registry.leftovers import Leftover
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.runs import Runs
from tauro_nb.mlops.registry.table import VersionTable
from tauro_nb.mlops.registry.trust import refuse_untrusted
from tauro_nb.mlops.registry.verification import Verification
from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.mlops.registry.comparison import VersionComparison


class RegistryView(Shown):
    """The reading half of `ModelRegistry`."""

    store: Store
    settings: RegistrySettings
    _trail: Trail
    _lookup: Lookup
    _clock: Callable[[], int]

    def __repr__(self) -> str:
        return f"<ModelRegistry at {self.store.location}>"

    def models(self) -> list[RegisteredModel]:
        """Return every model that has a version, sorted by name; a damaged one is left out, with a warning."""
        return self._lookup.models()

    def model(self, name: str) -> RegisteredModel:
        """Return one model.

        Raises
        ------
        ModelNotFound
            There is none of this name, or all of its versions were removed.
        """
        name = names.checked(name)
        found = self._lookup.model(name)
        if found is None:
            self._lookup.known_numbers(name)
            raise ModelNotFound(
                f"{name}: all versions were removed", fix=f"registry.versions({name!r}, removed=True) lists them"
            )
        return found

    def versions(self, name: str, *, removed: bool = False) -> list[ModelVersion]:
        """Return a model's versions, oldest first; with the `removed` ones, if asked.

        A damaged one is left out, with a warning.

        Raises
        ------
        ModelNotFound
        """
        name = names.checked(name)
        numbers, state = self._lookup.known_numbers(name), self._trail.state(name)
        wanted = [number for number in numbers if removed or number not in state.removed]
        return self._lookup.versions(name, wanted, state)

    def get(
        self, name: str, version: int | None = None, *, stage: str | None = None, alias: str | None = None
    ) -> ModelVersion:
        """Return one version: by number, by stage, by alias (also ``"name@alias"``), or else the latest.

        Raises
        ------
        ModelNotFound
            It does not exist, or was removed; `fix` says what there is.
        UnknownName
            There is no such stage.
        UsageError
            More than one of the three is given.
        """
        name, alias = names.split(name, alias)
        state = self._trail.state(name)
        return self._lookup.shown(self._lookup.find(name, version, stage, alias, state), state)

    def load_model(
        self, name: str, version: int | None = None, *, stage: str | None = None, alias: str | None = None
    ) -> Any:
        """Return the model of the version that `get` finds; every file is checked before anything is opened.

        Raises
        ------
        ModelNotFound
        ArtifactCorrupt
            A file's size or SHA-256 is not the recorded one; it names the file.
        Untrusted
            Its format runs code on load, and ``mlops.registry.trust`` forbids that.
        MissingDependency
        """
        record = self.get(name, version, stage=stage, alias=alias).record
        refuse_untrusted(record, self.settings.trust)
        with opened(self.store, record, in_place=record.meta.flavor == flavors.FilesFlavor.name) as folder:
            return flavors.load_model(folder, record.meta)

    def search(
        self, filter_string: str = "", order_by: Iterable[str] | None = None, max_results: int | None = None
    ) -> VersionTable:
        """Find versions of all models; those that were removed are left out.

        Parameters
        ----------
        filter_string : str
            In the grammar of `search_runs`: ``metrics.accuracy > 0.9 and tags.framework = 'sklearn'``. ``metrics.*``
            and ``tags.*`` are the version's own, ``params.*`` those of its run. Attributes: ``name``, ``version``,
            ``stage``, ``alias`` (any of several), ``flavor``, ``description``, ``created_at``, ``run_id``,
            ``experiment``, ``user``, ``size_bytes``.
        order_by : list of str, optional
            Such as ``["metrics.accuracy DESC"]``. Default: newest first.
        max_results : int, optional
            None: all.

        Raises
        ------
        FilterError
            The filter or an order cannot be read: it says where, and what was expected.
        """
        from tauro_nb.mlops.registry.search import select

        return VersionTable(select(self._lookup, Runs(self.store), filter_string, order_by, max_results))

    def compare(self, name: str, *versions: int) -> VersionComparison:
        """Put versions of a model side by side: metrics, parameters, signature, data, code, packages.

        What belongs to a run is read from it, as far as the run is in this store.

        Raises
        ------
        ModelNotFound
        UsageError
            Fewer than two are given.
        """
        if len(versions) < 2:
            raise UsageError(f"{name}: {len(versions)} version to compare", fix="give at least two numbers")
        from tauro_nb.mlops.registry.comparison import VersionComparison

        return VersionComparison([self.get(name, number) for number in versions], Runs(self.store).of)

    def history(self, name: str) -> pd.DataFrame:
        """Return all that happened to a model, oldest first, its registrations included.

        A registration whose record is damaged is left out, with a warning.

        Returns
        -------
        DataFrame
            ``at`` (datetime64[ns, UTC]), ``act``, ``version``, ``former`` (the version that gave up its stage or
            alias), ``stage``, ``alias``, ``details`` (the tags or the description that were set), ``comment``,
            ``user``, ``host``, ``environment``, ``pipeline``, ``node``, ``run_id``.

        Raises
        ------
        ModelNotFound
        """
        name = names.checked(name)
        return history_frame(self._lookup.records(name), self._trail.events(name))

    def export(self, name: str, version: int | None, path: str | PathLike[str]) -> Path:
        """Write a version to a folder, or to a zip file if `path` ends in ``.zip``, for `import_model` of any registry.

        Beside the model's files stand its record, their checksums (``sha256sum -c SHA256SUMS``) and a
        ``requirements.txt`` with the versions of the packages that it was saved with.

        Parameters
        ----------
        name : str
            Also ``"name@alias"``.
        version : int or None
            None: the latest, or the one that the alias means.
        path : str or PathLike
            What was exported there before is left as it is.

        Raises
        ------
        ModelNotFound
        ArtifactCorrupt
            A file is not what was registered.
        UsageError
            Something else is at `path`.
        """
        from tauro_nb.mlops.registry import parcel

        found = self.get(name, version)
        told = parcel.Parcel(
            record=found.record,
            tags=found.tags,
            description=found.description,
            stage=found.stage,
            aliases=found.aliases,
            exported_from=self.store.location,
            exported_at_ns=self._clock(),
        )
        target = Path(path).absolute()
        with opened(self.store, found.record) as folder:
            parcel.send(told, folder, target)
        return target

    def verify(self, sample: int | None = None) -> Verification:
        """Compare the files of all versions with their checksums, without opening any.

        Parameters
        ----------
        sample : int, optional
            Only so many versions, chosen anew each time, and no more of them once a gigabyte has been read.
        """
        return verification.verify(self.store, self._lookup, sample)

    def damaged(self) -> list[StoreError]:
        """Return of each record of a version or an act that cannot be read what is wrong with it."""
        return self._lookup.damaged()

    def leftovers(self) -> list[Leftover]:
        """Return the files of registrations that did not come to their end; no version has them, and none is listed."""
        return leftovers.find(self.store)
