"""The model registry: registering, finding, loading and moving versions of models.

It holds the meaning; `claims` decides who gets which number, `artifacts` keeps files whole, `flavors` knows kinds of
models, `records` says what is stored and how acts add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.events import EventEmitter, EventType, get_event_emitter
from tauro_nb.mlops.monitoring import places
from tauro_nb.mlops.monitoring.counters import MetricsCollector, get_metrics_collector
from tauro_nb.mlops.registry import flavors, leftovers, logged, parcel
from tauro_nb.mlops.registry.acts import Acts
from tauro_nb.mlops.registry.claims import Claims, Numbers, Trail, import_lock
from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.registry.leftovers import Leftover
from tauro_nb.mlops.registry.life import RegistryLife
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.prediction import with_outputs
from tauro_nb.mlops.registry.pruning import Pruner, Pruning
from tauro_nb.mlops.registry.records import State, VersionRecord
from tauro_nb.mlops.registry.registering import Given, Registering
from tauro_nb.mlops.registry.retention import Room
from tauro_nb.mlops.registry.signature import Signature
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.mirror import Mirror
    from tauro_nb.mlops.tracking.run import Run


class ModelRegistry(RegistryLife):
    """Versions of models in a store; safe to share between threads, and between processes through the store.

    Parameters
    ----------
    store : Store
    settings : RegistrySettings, optional
        How many versions stay, and which models may be opened.
    retention_days : int, optional
        How old a version becomes before `prune` moves it aside.
    environment : str, optional
        Labels events, counters and records.
    clock : callable
        Gives nanoseconds since the epoch.
    emitter, collector : optional
        This process's own unless given.
    mirror : Mirror, optional
        Keeps a copy of the models elsewhere.
    """

    def __init__(
        self,
        store: Store,
        settings: RegistrySettings | None = None,
        *,
        retention_days: int | None = None,
        environment: str | None = None,
        clock: Callable[[], int] = time.time_ns,
        emitter: EventEmitter | None = None,
        collector: MetricsCollector | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        places.opened(store)
        self.store = store
        self.settings = settings or RegistrySettings()
        self.retention_days = retention_days
        self.environment = environment
        self._clock = clock
        self._collector = collector or get_metrics_collector()
        self._numbers = Numbers(store)
        self._registering = Registering(store, Claims(store, self._numbers, mirror), clock, environment)
        self._trail = Trail(store, mirror)
        self._lookup = Lookup(store, self._trail, self._numbers, self)
        self._acts = Acts(
            self._trail,
            self._lookup,
            collector=self._collector,
            emitter=emitter or get_event_emitter(),
            clock=clock,
            environment=environment,
            location=store.location,
        )
        self._room = Room(self._trail, self._numbers, self._acts, self.settings.max_versions_per_model)
        self._pruner = Pruner(
            self._lookup, self._trail, self._acts, days=retention_days, limit=self.settings.max_versions_per_model
        )

    def __copy__(self) -> Self:
        """A registry is one thing: its copy is itself."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """A registry is one thing: its copy is itself."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have a registry of its own on the same store; it tells events and counters there."""
        return _rebuilt, (self.store, self.settings, self.retention_days, self.environment)

    def register_model(
        self,
        model: Any,
        model_name: str,
        description: str = "",
        metrics: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        *,
        run: Any = None,
        signature: Signature | Mapping[str, Any] | None = None,
        input_example: Any = None,
        flavor: str | None = None,
    ) -> ModelVersion:
        """Keep `model` as the next version of `model_name`; needs no retry, whoever else registers at the same time.

        Parameters
        ----------
        model : object
            What `flavors.save_model` takes: a model, or a `Path` to what was saved already, which is never opened here.
        run : Run or str, optional
            The run that made it; unless given, the one whose ``with`` block this is called in.
        signature : Signature, DataFrame or array, optional
            What goes into the model: as `signature.infer` says it, or the training data, of which no row is kept.
            Unless given, that of `input_example`. `ModelVersion.predict` enforces it.
        input_example : DataFrame, array or JSON value, optional
            Its first rows are kept with the version. A model that predicts is asked for these, and the signature says
            what it gave.
        flavor : str, optional
            How to save it; unless given, the first flavor that takes it.

        Raises
        ------
        InvalidModelName
        InvalidMetric
        InvalidName
            A tag's name is empty.
        ModelNotSerializable
        VersionLimit
            The model is at its limit, and no version may go.
        LockTimeout
        """
        given = Given.checked(
            model_name,
            description=description,
            metrics=metrics,
            tags=tags,
            run=run,
            signature=signature,
            input_example=input_example,
        )
        example = input_example
        if example is None and not isinstance(signature, (Signature, Mapping)):
            example = signature  # the training data
        told = msgspec.structs.replace(given, signature=with_outputs(given.signature, model, example))
        return self._register(lambda folder: flavors.save_model(model, folder, flavor), told)

    def register_from_run(
        self,
        run: Run | str,
        artifact_path: str,
        model_name: str,
        *,
        description: str = "",
        metrics: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        signature: Signature | Mapping[str, Any] | None = None,
        input_example: Any = None,
    ) -> ModelVersion:
        """Keep a file or folder of a run, whatever became of that run, as the next version of `model_name`.

        What `Run.log_model` kept is a model here too, of the same flavor; anything else is kept as files, and loads as
        a path. Every file is checked against its SHA-256 on the way, and none is opened.

        Parameters
        ----------
        run : Run or str
            The run or its id.
        artifact_path : str
            Among the run's artifacts, such as ``models/churn_model.pkl``.
        metrics : mapping, optional
            Unless given, the last values of the run's metrics.

        Raises
        ------
        RunNotFound
        ArtifactMissing
            The run has no such file or folder.
        ArtifactCorrupt
            A file is not what was logged; it names the file, and nothing was registered.
        InvalidModelName, InvalidMetric, InvalidName, VersionLimit, LockTimeout
            As `register_model` does.
        """
        source = logged.find(self.store, run, artifact_path)
        given = Given.checked(
            model_name,
            description=description,
            metrics=source.run.metrics if metrics is None else metrics,
            tags=tags,
            run=source.run,
            signature=signature,
            input_example=input_example,
        )
        return self._register(source.save, given)

    def import_model(self, path: str | PathLike[str], name: str | None = None) -> ModelVersion:
        """Keep a version that `export` wrote as the next version of its model here; one that is here already stays.

        Every file is compared with its checksum before anything is written. Tags and description come along, stage and
        aliases do not. Whether a model that was imported may be loaded, ``mlops.registry.trust`` decides.

        Parameters
        ----------
        path : str or PathLike
            The folder or zip file.
        name : str, optional
            What the model is called here; unless given, as it was called there.

        Raises
        ------
        UsageError
            There is nothing at `path`.
        RegistryError
            What is there is no exported version.
        ArtifactCorrupt
            A file differs; it names the file, and nothing was imported.
        UnsafePath
            A file would leave its folder.
        InvalidModelName, VersionLimit, LockTimeout
            As `register_model` does.
        """
        with parcel.received(Path(path)) as received:
            told = received.adopted(name)
            received.check()
            there = self._copy_of(told)
            if there is not None:
                return there
            with import_lock(self.store, told.model):
                there = self._copy_of(told)
                return there or self._made(told.model, lambda: self._registering.adopt(told, received.bring))

    def _copy_of(self, told: VersionRecord) -> ModelVersion | None:
        """Return the version here that came from the same registration, if there is one."""
        for version in self._lookup.live_versions(told.model):
            if told.source_nonce in (version.record.nonce, version.record.source_nonce):
                return version
        return None

    def _register(self, save: Callable[[Path], ModelMeta], given: Given) -> ModelVersion:
        return self._made(given.model, lambda: self._registering.register(save, given))

    def _made(self, model: str, make: Callable[[], VersionRecord]) -> ModelVersion:
        """Make a version, if there is room for it, and tell of it."""
        self._room.check(model)
        record = make()
        self._room.make(record.model, record.version)
        version = self._lookup.shown(record, State())
        self._collector.increment("models_registered", environment=record.origin.environment)
        self._acts.tell(EventType.MODEL_REGISTERED, version, record.origin.environment, {"metrics": record.metrics})
        return version

    def prune(self, *, dry_run: bool = True) -> Pruning:
        """Tell which versions are too old or too many; with ``dry_run=False`` move them aside, to be restored.

        A version that has a stage or an alias stays, and so does the newest of a model.
        """
        going = self._pruner.due(self._clock())
        if not dry_run:
            going = [each for each in going if self._pruner.move_aside(each)]
        return Pruning(tuple(going), done=not dry_run, rule=self._pruner.rule)

    def sweep(self) -> list[Leftover]:
        """Remove those leftovers whose registrant is gone, and return them."""
        return leftovers.sweep(self.store)


def _rebuilt(
    store: Store, settings: RegistrySettings, retention_days: int | None, environment: str | None
) -> ModelRegistry:
    return ModelRegistry(store, settings, retention_days=retention_days, environment=environment)
