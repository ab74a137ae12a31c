"""One section of a project on its way from files to structs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tauro_nb.config.interpolation import interpolate
from tauro_nb.config.origins import Keys, Origins, lookup
from tauro_nb.config.problems import Problem, bounded, found, kind_of
from tauro_nb.config.secrets import Secrets


class Section(msgspec.Struct):
    """One section on its way from files to structs; collects what is wrong with it."""

    name: str
    origins: Origins
    problems: list[Problem]
    raw: dict[Any, Any] = {}
    """The merged content as written, for messages: what a variable holds is never shown."""
    content: dict[Any, Any] = {}
    """The merged content, variables filled in."""
    whole: dict[Any, list[Keys]] = {}
    """Where the value is exactly one reference to a variable, under the first key of each such place."""
    unfilled: set[Keys] = set()
    """Where a reference could not be filled in: noted, and not to be noted again for its type."""

    @classmethod
    def filled(
        cls, name: str, origins: Origins, environ: Mapping[str, str], secrets: Secrets, problems: list[Problem]
    ) -> Section:
        """Merge the layers of the section `name`, and fill in its variables and secrets."""
        section = cls(name, origins, problems, raw=origins.merged(name))

        def unfilled(keys: Keys, what: str, fix: str) -> None:
            section.unfilled.add(keys)
            section.wrong(keys, what, fix)

        section.content, whole = interpolate(section.raw, environ, unfilled, secrets.read)
        for keys in whole:
            section.whole.setdefault(keys[0], []).append(keys)
        return section

    def wrong(self, keys: Keys, what: str, fix: str) -> None:
        """Note a problem of the value under `keys`."""
        self.problems.append((f"{self.origins.where(self.name, *keys)}: {what}", fix))

    def as_written(self, value: Any, keys: Keys) -> Any:
        """Return what the files say where `value` is found: the reference, not what its variable holds."""
        try:
            return lookup(self.raw, keys)
        except LookupError:
            return value

    def found(self, value: Any, keys: Keys) -> str:
        """Return how a message shows the value under `keys`."""
        raw = self.as_written(value, keys)
        if isinstance(raw, str) and raw != value:
            return f"{bounded(raw)} (which is {kind_of(value)})"
        return found(value)
