"""The model registry: registering, finding, loading and moving versions of models.

It holds the meaning; `claims` decides who gets which number, `artifacts` keeps files whole, `flavors` knows kinds of
models, `records` says what is stored and how acts add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import ModelNotFound, RegistryError, StaleExpectation
from tauro_nb.events import EventEmitter, EventType, get_event_emitter
from tauro_nb.faces import Shown
from tauro_nb.mlops.monitoring import places
from tauro_nb.mlops.monitoring.counters import MetricsCollector, get_metrics_collector
from tauro_nb.mlops.registry import flavors, leftovers, names
from tauro_nb.mlops.registry.acts import Acts
from tauro_nb.mlops.registry.artifacts import opened
from tauro_nb.mlops.registry.claims import Claims, Numbers, Trail
from tauro_nb.mlops.registry.history import history_frame
from tauro_nb.mlops.registry.leftovers import Leftover
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.records import ARCHIVED, PRODUCTION, Act, EventRecord, State
from tauro_nb.mlops.registry.registering import Given, Registering
from tauro_nb.mlops.registry.retention import Room
from tauro_nb.mlops.registry.signature import Signature
from tauro_nb.mlops.registry.trust import refuse_untrusted
from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    import pandas as pd


class ModelRegistry(Shown):
    """Versions of models in a store; safe to share between threads, and between processes through the store.

    Parameters
    ----------
    store : Store
    settings : RegistrySettings, optional
        How many versions stay, and which models may be opened.
    environment : str, optional
        Labels events, counters and records.
    clock : callable
        Gives nanoseconds since the epoch.
    emitter, collector : optional
        This process's own unless given.
    """

    def __init__(
        self,
        store: Store,
        settings: RegistrySettings | None = None,
        *,
        environment: str | None = None,
        clock: Callable[[], int] = time.time_ns,
        emitter: EventEmitter | None = None,
        collector: MetricsCollector | None = None,
    ) -> None:
        places.opened(store)
        self.store = store
        self.settings = settings or RegistrySettings()
        self.environment = environment
        self._collector = collector or get_metrics_collector()
        self._numbers = Numbers(store)
        self._registering = Registering(store, Claims(store, self._numbers), clock, environment)
        self._trail = Trail(store)
        self._lookup = Lookup(store, self._trail, self._numbers, self)
        self._acts = Acts(
            self._trail,
            self._lookup,
            collector=self._collector,
            emitter=emitter or get_event_emitter(),
            clock=clock,
            environment=environment,
        )
        self._room = Room(self._trail, self._numbers, self._acts, self.settings.max_versions_per_model)

    def __repr__(self) -> str:
        return f"<ModelRegistry at {self.store.location}>"

    def __copy__(self) -> Self:
        """A registry is one thing: its copy is itself."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """A registry is one thing: its copy is itself."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have a registry of its own on the same store; it tells events and counters there."""
        return _rebuilt, (self.store, self.settings, self.environment)

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
        signature : Signature, optional
            What goes into the model; unless given, that of `input_example`.
        input_example : DataFrame, array or JSON value, optional
            Its first rows are kept with the version.
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
        self._room.check(given.model)
        record = self._registering.register(model, given, flavor)
        self._room.make(record.model, record.version)
        version = self._lookup.shown(record, State())
        self._collector.increment("models_registered", environment=record.origin.environment)
        self._acts.tell(EventType.MODEL_REGISTERED, version, record.origin.environment, {"metrics": record.metrics})
        return version

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
        with opened(self.store, record, keep=record.meta.flavor == flavors.FilesFlavor.name) as folder:
            return flavors.load_model(folder, record.meta)

    def history(self, name: str) -> pd.DataFrame:
        """Return all that happened to a model, oldest first, its registrations included.

        Returns
        -------
        DataFrame
            ``at`` (datetime64[ns, UTC]), ``act``, ``version``, ``former`` (the version that gave up its stage or
            alias), ``stage``, ``alias``, ``comment``, ``user``, ``host``, ``environment``, ``pipeline``, ``node``,
            ``run_id``.

        Raises
        ------
        ModelNotFound
        """
        name = names.checked(name)
        records = [self._lookup.record(name, number) for number in self._lookup.known_numbers(name)]
        return history_frame(records, self._trail.events(name))

    def promote(
        self, name: str, version: int, *, stage: str | None = PRODUCTION, comment: str | None = None
    ) -> ModelVersion:
        """Give a version a stage; promoting what is there already records nothing.

        Staging and Production hold one version each: the former one becomes Archived. ``stage=None`` takes the stage
        away.

        Raises
        ------
        ModelNotFound
        UnknownName
            There is no such stage.
        """
        name, number, stage = names.checked(name), names.checked_number(version), names.checked_stage(stage)

        def decide(state: State) -> EventRecord | None:
            self._lookup.live(name, number, state)
            if state.stages.get(number) == stage:
                return None
            former = state.at(stage) if stage is not None and stage != ARCHIVED else None
            return self._acts.event(Act.PROMOTED, number, stage=stage, former=former, comment=comment)

        return self._acts.do(name, number, decide)

    def rollback(self, name: str, *, expect: int | None = None, comment: str | None = None) -> ModelVersion:
        """Bring back the version that was in Production before, as often as history reaches.

        The one that is there now becomes Archived. Versions that were removed meanwhile are passed over.

        Parameters
        ----------
        expect : int, optional
            The version that the caller thinks is in Production now. A cell with it can run again and do no harm.

        Raises
        ------
        StaleExpectation
            Production is not what was expected; nothing was done.
        ModelNotFound
            No other version was in Production before.
        """
        name = names.checked(name)
        expected = None if expect is None else names.checked_number(expect)

        def decide(state: State) -> EventRecord:
            current = state.at(PRODUCTION)
            if expected is not None and current != expected:
                found = f"v{current} is" if current else "no version is"
                raise StaleExpectation(
                    f"{name}: {found} in Production, not v{expected}; nothing was rolled back",
                    fix=f"look at registry.history({name!r}), and expect what it shows",
                )
            before = state.before_production()
            if before is None:
                self._lookup.known_numbers(name)
                since = f" v{current}" if current else ""
                raise ModelNotFound(
                    f"{name}: no other version was in Production before{since}",
                    fix=f"promote the version that is wanted; registry.versions({name!r}) lists them",
                )
            return self._acts.event(Act.ROLLED_BACK, before, stage=PRODUCTION, former=current, comment=comment)

        return self._acts.do(name, 0, decide)

    def set_alias(self, name: str, version: int, *, alias: str, comment: str | None = None) -> ModelVersion:
        """Let an alias mean this version, and no longer the one that it meant before.

        Raises
        ------
        ModelNotFound
        InvalidModelName
            The alias breaks the rule of names.
        """
        name, number = names.checked(name), names.checked_number(version)
        alias = names.checked(alias, "alias")

        def decide(state: State) -> EventRecord | None:
            self._lookup.live(name, number, state)
            former = state.aliases.get(alias)
            if former == number:
                return None
            return self._acts.event(Act.ALIAS_SET, number, alias=alias, former=former, comment=comment)

        return self._acts.do(name, number, decide)

    def delete_alias(self, name: str, alias: str, *, comment: str | None = None) -> None:
        """Take an alias away; harmless if there is none of this name."""
        name = names.checked(name)

        def decide(state: State) -> EventRecord | None:
            if alias not in state.aliases:
                return None
            return self._acts.event(Act.ALIAS_REMOVED, state.aliases[alias], alias=alias, comment=comment)

        self._trail.act(name, decide)

    def delete_version(self, name: str, version: int, *, comment: str | None = None) -> ModelVersion:
        """Move a version aside: it is no longer listed or loaded, and loses its stage; `restore_version` undoes it.

        Raises
        ------
        ModelNotFound
        RegistryError
            It is in Production or has an alias.
        """
        name, number = names.checked(name), names.checked_number(version)

        def decide(state: State) -> EventRecord | None:
            self._lookup.record(name, number)
            if number in state.removed:
                return None
            held = state.aliases_of(number)
            if state.stages.get(number) == PRODUCTION or held:
                why = f"has the alias {held[0]!r}" if held else "is in Production"
                raise RegistryError(
                    f"{name} v{number} {why}, and stays", fix="promote another version, or move the alias, first"
                )
            return self._acts.event(Act.REMOVED, number, comment=comment)

        return self._acts.do(name, number, decide)

    def restore_version(self, name: str, version: int, *, comment: str | None = None) -> ModelVersion:
        """Bring back a version that was moved aside.

        Raises
        ------
        ModelNotFound
        """
        name, number = names.checked(name), names.checked_number(version)

        def decide(state: State) -> EventRecord | None:
            self._lookup.record(name, number)
            return self._acts.event(Act.RESTORED, number, comment=comment) if number in state.removed else None

        return self._acts.do(name, number, decide)

    def leftovers(self) -> list[Leftover]:
        """Return the files of registrations that did not come to their end; no version has them, and none is listed."""
        return leftovers.find(self.store)

    def sweep(self) -> list[Leftover]:
        """Remove those leftovers whose registrant is gone, and return them."""
        return leftovers.sweep(self.store)


def _rebuilt(store: Store, settings: RegistrySettings, environment: str | None) -> ModelRegistry:
    return ModelRegistry(store, settings, environment=environment)
