"""Versions in an order: what `ModelRegistry.search` finds. It is a DataFrame only when asked for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, overload

from tauro_nb.faces import Shown
from tauro_nb.mlops.registry.version import ModelVersion

if TYPE_CHECKING:
    import pandas as pd


class VersionTable(Shown):
    """Versions of one model or of several, in the order in which they were given.

    Parameters
    ----------
    versions : iterable of ModelVersion
    """

    def __init__(self, versions: Iterable[ModelVersion]) -> None:
        self._versions = list(versions)

    def __repr__(self) -> str:
        return f"<VersionTable of {len(self)} versions>" if len(self) != 1 else "<VersionTable of 1 version>"

    def __len__(self) -> int:
        return len(self._versions)

    def __iter__(self) -> Iterator[ModelVersion]:
        return iter(self._versions)

    @overload
    def __getitem__(self, at: int) -> ModelVersion: ...

    @overload
    def __getitem__(self, at: slice) -> VersionTable: ...

    def __getitem__(self, at: int | slice) -> ModelVersion | VersionTable:
        return VersionTable(self._versions[at]) if isinstance(at, slice) else self._versions[at]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a version: ``name``, ``version``, ``stage``, ``aliases``, ``description``, ``flavor``, ``run_id``,
        ``experiment``, ``created_at``, ``user``, then ``metrics.*`` and ``tags.*``.
        """  # noqa: D205 - the columns are the summary
        import pandas as pd

        versions = self._versions
        frame = pd.DataFrame(
            {
                "name": [each.name for each in versions],
                "version": pd.array([each.version for each in versions], dtype="int64"),
                "stage": [each.stage for each in versions],
                "aliases": [each.aliases for each in versions],
                "description": [each.description for each in versions],
                "flavor": [each.flavor for each in versions],
                "run_id": [each.run_id for each in versions],
                "experiment": [each.experiment for each in versions],
                "created_at": pd.to_datetime([each.record.created_at_ns for each in versions], utc=True, unit="ns"),
                "user": [each.record.origin.user for each in versions],
            }
        )
        for key in sorted({key for each in versions for key in each.record.metrics}):
            frame[f"metrics.{key}"] = [each.record.metrics.get(key, float("nan")) for each in versions]
        for key in sorted({key for each in versions for key in each.tags}):
            frame[f"tags.{key}"] = [each.tags.get(key) for each in versions]
        return frame
