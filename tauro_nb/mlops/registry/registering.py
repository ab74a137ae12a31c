"""From what a caller gives to a version: check it all, save the model, gather the files, claim a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.errors import InvalidMetric
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry import signature as signatures
from tauro_nb.mlops.registry.artifacts import EXAMPLE, Upload, metadata_of
from tauro_nb.mlops.registry.claims import Claims
from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.registry.nonces import nonce
from tauro_nb.mlops.registry.origin import here, run_of
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.tracking import values
from tauro_nb.store.protocol import Store


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What `ModelRegistry.register_model` was told of a model, checked."""

    model: str
    """The name."""
    description: str
    metrics: dict[str, float]
    tags: dict[str, str]
    run_id: str | None
    experiment: str | None
    signature: signatures.Signature | None
    example: bytes | None
    imported_from: str | None = None

    @classmethod
    def checked(
        cls,
        name: str,
        *,
        description: str,
        metrics: Mapping[str, Any] | None,
        tags: Mapping[str, Any] | None,
        run: Any,
        signature: Any,
        input_example: Any,
    ) -> Given:
        """Check everything before anything is written; raises as `ModelRegistry.register_model` says."""
        example = None if input_example is None else signatures.example_bytes(input_example)
        if signature is not None:
            signature = signatures.checked(signature)
        elif example is not None:
            signature = signatures.infer(input_example)
        run_id, experiment = run_of(run)
        return cls(
            model=names.checked(name),
            description=values.text(description or ""),
            metrics=_metrics(metrics or {}),
            tags=values.tags(tags or {}),
            run_id=run_id,
            experiment=experiment,
            signature=signature,
            example=example,
        )


def _metrics(given: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise InvalidMetric(f"metrics are a dict, not a {type(given).__name__}", fix="write {'accuracy': 0.96}")
    return {values.metric_key(key): values.metric_value(key, each) for key, each in given.items()}


class Registering:
    """Makes versions of models in a store."""

    def __init__(self, store: Store, claims: Claims, clock: Callable[[], int], environment: str | None) -> None:
        self._store = store
        self._claims = claims
        self._clock = clock
        self._environment = environment

    def register(self, save: Callable[[Path], ModelMeta], given: Given) -> VersionRecord:
        """Keep what `save` writes into the empty folder that it is given as the next version.

        A failure leaves the store as it was.
        """
        own = nonce()
        told = msgspec.structs.asdict(given)
        example = told.pop("example")
        with Upload(self._store, given.model, own) as upload:
            meta = save(upload.folder)
            if example is not None:
                upload.add(EXAMPLE, example)
            draft = VersionRecord(
                version=0,
                nonce=own,
                created_at_ns=self._clock(),
                artifacts=upload.prefix,
                files=(),
                meta=meta,
                origin=here(self._environment),
                input_example=None if example is None else EXAMPLE,
                **told,
            )
            files = upload.seal(metadata_of(draft))
            return self._claims.claim(
                given.model,
                upload,
                lambda number, place: msgspec.structs.replace(draft, version=number, artifacts=place, files=files),
            )

    def adopt(self, told: VersionRecord, bring: Callable[[Path], None]) -> VersionRecord:
        """Keep a version that was registered elsewhere, its files untouched, as the next one of ``told.model``.

        Parameters
        ----------
        bring : callable
            Copies its files into the folder that it is given.
        """
        own = nonce()
        with Upload(self._store, told.model, own) as upload:
            bring(upload.folder)
            upload.adopt(told)
            here_and_now = msgspec.structs.replace(
                told, nonce=own, created_at_ns=self._clock(), origin=here(self._environment)
            )
            return self._claims.claim(
                told.model,
                upload,
                lambda number, place: msgspec.structs.replace(here_and_now, version=number, artifacts=place),
            )
