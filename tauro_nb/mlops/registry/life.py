"""What can be done to a version that is there: each act is an event, and the history tells what was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro_nb.errors import ModelNotFound, RegistryError, StaleExpectation
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry.acts import Acts
from tauro_nb.mlops.registry.records import ARCHIVED, PRODUCTION, Act, EventRecord, State
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.registry.view import RegistryView
from tauro_nb.mlops.tracking import values


class RegistryLife(RegistryView):
    """The acts of `ModelRegistry` on versions that are there.

    An act that changes nothing records nothing, so that a cell may run again.
    """

    _acts: Acts

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
        name, alias = names.checked(name), names.composed(alias)

        def decide(state: State) -> EventRecord | None:
            if alias not in state.aliases:
                return None
            return self._acts.event(Act.ALIAS_REMOVED, state.aliases[alias], alias=alias, comment=comment)

        self._trail.act(name, decide)

    def set_tags(self, name: str, version: int, tags: Mapping[str, Any], *, comment: str | None = None) -> ModelVersion:
        """Give a version these tags beside those that it has; None as a value takes one away.

        Raises
        ------
        ModelNotFound
        InvalidName
            A tag's name is empty.
        """
        name, number = names.checked(name), names.checked_number(version)
        given: dict[str, str | None] = {**values.tags(tags)}
        given.update(dict.fromkeys(values.tags({key: "" for key, value in tags.items() if value is None})))

        def decide(state: State) -> EventRecord | None:
            now = state.tags_of(self._lookup.live(name, number, state))
            new = {key: value for key, value in given.items() if now.get(key) != value}
            return self._acts.event(Act.TAGGED, number, tags=new, comment=comment) if new else None

        return self._acts.do(name, number, decide)

    def set_description(self, name: str, version: int, description: str, *, comment: str | None = None) -> ModelVersion:
        """Describe a version in other words; empty ones are none.

        Raises
        ------
        ModelNotFound
        """
        name, number = names.checked(name), names.checked_number(version)
        told = values.text(description or "")

        def decide(state: State) -> EventRecord | None:
            if state.description_of(self._lookup.live(name, number, state)) == told:
                return None
            return self._acts.event(Act.DESCRIBED, number, description=told, comment=comment)

        return self._acts.do(name, number, decide)

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
