"""What this package says, in MLflow's terms: its errors as `MlflowException`, what it has not as NOT_IMPLEMENTED.

Both stores and the artifact repository are marked by `speaks_mlflow`, the one boundary at which that happens.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from tauro_nb import errors
from tauro_nb.mlops.tracking.records import RunStatus

Class = TypeVar("Class", bound=type)

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.RunNotFound, codes.RESOURCE_DOES_NOT_EXIST),
    (errors.ModelNotFound, codes.RESOURCE_DOES_NOT_EXIST),
    (errors.ArtifactMissing, codes.RESOURCE_DOES_NOT_EXIST),
    (errors.KeyMissing, codes.RESOURCE_DOES_NOT_EXIST),
    (errors.RunActive, codes.INVALID_STATE),
    (errors.RunEnded, codes.INVALID_STATE),
    (errors.VersionLimit, codes.RESOURCE_EXHAUSTED),
    (errors.ArtifactCorrupt, codes.DATA_LOSS),
    (errors.Untrusted, codes.PERMISSION_DENIED),
    (errors.LockTimeout, codes.TEMPORARILY_UNAVAILABLE),
    (ValueError, codes.INVALID_PARAMETER_VALUE),
    (errors.RegistryError, codes.INVALID_STATE),
)
"""The first that fits counts."""

TO_MLFLOW = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.INTERRUPTED: "KILLED",
}
FROM_MLFLOW = {mine: status for status, mine in TO_MLFLOW.items()} | {"SCHEDULED": RunStatus.RUNNING}


def not_found(message: str) -> MlflowException:
    """Return the error for what does not exist."""
    return MlflowException(message, codes.RESOURCE_DOES_NOT_EXIST)


def there_already(message: str) -> MlflowException:
    """Return the error for what would exist twice."""
    return MlflowException(message, codes.RESOURCE_ALREADY_EXISTS)


def invalid(message: str) -> MlflowException:
    """Return the error for what makes no sense as it was asked."""
    return MlflowException(message, codes.INVALID_PARAMETER_VALUE)


def wrong_state(message: str) -> MlflowException:
    """Return the error for what cannot be done as things stand."""
    return MlflowException(message, codes.INVALID_STATE)


def unsupported(what: str) -> MlflowException:
    """Return the error for what a Tauro store does not have."""
    return MlflowException(f"a Tauro store does not have this: {what}", codes.NOT_IMPLEMENTED)


def translated(error: errors.TauroError) -> MlflowException:
    """Return an error of this package as MLflow's."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), codes.INTERNAL_ERROR)
    return MlflowException(f"{error.message} ({error.fix})" if error.fix else error.message, code)


def speaks_mlflow(cls: Class) -> Class:
    """Have every public method of a store raise errors of MLflow's alone, those that MLflow leaves open included."""
    own = {name: each for name, each in vars(cls).items() if inspect.isfunction(each)}
    for name, method in own.items():
        if not name.startswith("__") or name == "__init__":
            setattr(cls, name, _told(method))
    for base in cls.__mro__[1:]:
        for name, method in vars(base).items():
            if (
                inspect.isfunction(method)
                and not inspect.iscoroutinefunction(method)
                and not name.startswith("_")
                and name not in vars(cls)
            ):
                setattr(cls, name, _answered(method))
    return cls


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except errors.TauroError as error:
            raise translated(error) from error

    return call


def _answered(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except NotImplementedError as error:
            raise unsupported(method.__name__) from error

    return call
