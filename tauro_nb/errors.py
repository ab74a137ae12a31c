"""The one exception tree; every error that this package raises on purpose is in it.

::

    TauroError
    ├── UsageError (ValueError)              a command or call that makes no sense as written
    │   └── UnknownName (LookupError)        an environment, pipeline, node, dataset or verb that does not exist
    ├── ConfigError (ValueError)             a project's files; carries every problem found, not only the first
    │   └── DescriptorNotFound (FileNotFoundError)
    ├── PipelineError
    │   ├── GraphCycle (ValueError)
    │   ├── InjectionError (TypeError)       a parameter that nothing can fill
    │   ├── FunctionNotFound (ImportError)
    │   └── NodeTimeout (TimeoutError)
    ├── DataError
    │   ├── DatasetMissing (FileNotFoundError)
    │   ├── DatasetExists (FileExistsError)
    │   ├── DatasetUnreadable (ValueError)
    │   ├── DatasetUnwritable (ValueError)
    │   └── SchemaMismatch (ValueError)
    ├── StoreError (OSError)
    │   ├── KeyMissing (LookupError)
    │   ├── UnsafePath (ValueError)
    │   ├── LockTimeout (TimeoutError)
    │   ├── AccessDenied (PermissionError)   no credentials, wrong ones, or a grant that is missing
    │   ├── StoreUnreachable (ConnectionError)  no answer, or no right one, for as long as was waited
    │   ├── StoreConflict (RuntimeError)     changed in two stores, each on its own
    │   └── FormatTooNew
    ├── TrackingError
    │   ├── RunNotFound (LookupError)
    │   ├── RunEnded (RuntimeError)
    │   ├── RunActive (RuntimeError)         it still goes on
    │   ├── InvalidMetric (ValueError)
    │   ├── InvalidParam (ValueError)
    │   ├── InvalidName (ValueError)         of an experiment, metric, parameter, tag or artifact
    │   ├── ArtifactMissing (FileNotFoundError)
    │   └── FilterError (ValueError)
    ├── RegistryError
    │   ├── ModelNotFound (LookupError)
    │   ├── InvalidModelName (ValueError)
    │   ├── ModelNotSerializable (TypeError)
    │   ├── ArtifactCorrupt (ValueError)
    │   ├── Untrusted (PermissionError)      a model whose format runs code, where the settings forbid that
    │   ├── StaleExpectation (RuntimeError)  `expect=` no longer holds
    │   └── VersionLimit (RuntimeError)
    ├── MirrorError (RuntimeError)           between this store and an MLflow server
    │   ├── MirrorUnreachable (ConnectionError)
    │   ├── MirrorRefused (ValueError)       the server will never take it as it is
    │   └── MirrorGone (LookupError)         the server no longer has what it had
    ├── NotebookFailed (AssertionError)      a cell of a notebook that is run as a test
    ├── EventTimeout (TimeoutError)          what was waited for did not happen
    └── MissingDependency (ImportError)      names the command that installs it

Each is also the built-in exception that a stranger would catch. ``str(error)`` says what and where; ``error.fix`` says
how to mend it. In a notebook an error of this tree shows as those two lines, with no traceback (`%debug` works).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from tauro_nb.confidential import hidden

_MOST_TOLD = 50
"""How many problems the text of a `ConfigError` lists."""


class TauroError(Exception):
    """Base of the tree.

    Parameters
    ----------
    message : str
        What is wrong, and where (file and key, dataset, node).
    fix : str, optional
        How to mend it, as an instruction.
    """

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: value for key, value in self.__dict__.items() if key != "__notes__"}
        return _rebuild, (type(self), state, getattr(self, "__notes__", None))

    def lines(self) -> list[str]:
        """Return what a person reads: the message, then the mend."""
        head = f"{type(self).__name__}: {self.message}"
        return [head, f"  fix: {self.fix}"] if self.fix else [head]

    def _render_traceback_(self) -> list[str]:
        """Answer IPython, which shows these lines in place of a traceback."""
        return [hidden(line) for line in (*self.lines(), *getattr(self, "__notes__", ()))]


def _rebuild(kind: type[TauroError], state: dict[str, Any], notes: list[str] | None) -> TauroError:
    error = kind(state["message"])
    error.__dict__.update(state)
    if notes:
        error.__notes__ = list(notes)
    return error


class UsageError(TauroError, ValueError):
    """A command or call that makes no sense as it was written."""


class UnknownName(UsageError, LookupError):
    """A name that does not exist where it was looked for."""

    @classmethod
    def among(cls, kind: str, name: object, known: Iterable[str], *, where: str = "") -> Self:
        """Build the error for `name`, which is none of the `known` ones of this `kind`."""
        known = sorted(known)
        at = f"{where}: " if where else ""
        return cls(f"{at}no {kind} named {_quoted(name)}", fix=nearest(name, known) or f"there are no {kind}s yet")


class ConfigError(TauroError, ValueError):
    """What is wrong with a project's files: all of it, one line a problem.

    Attributes
    ----------
    problems : tuple of (message, fix)
        Each message names file and dotted key.
    """

    def __init__(
        self, message: str, *, fix: str | None = None, problems: Iterable[tuple[str, str | None]] = ()
    ) -> None:
        super().__init__(message, fix=fix)
        self.problems: tuple[tuple[str, str | None], ...] = tuple(problems) or ((message, fix),)

    @classmethod
    def of(cls, problems: Iterable[tuple[str, str | None]]) -> Self:
        """Build one error out of all `problems` found; a single one reads as itself, and of many the first are told."""
        found = tuple(problems)
        if len(found) == 1:
            return cls(found[0][0], fix=found[0][1], problems=found)
        lines = [f"{len(found)} problems in this project's configuration"]
        for message, fix in found[:_MOST_TOLD]:
            lines.append(f"  {message}")
            if fix:
                lines.append(f"    fix: {fix}")
        if len(found) > _MOST_TOLD:
            lines.append(f"  and {len(found) - _MOST_TOLD} more: `problems` of this error has them all")
        return cls("\n".join(lines), problems=found)


class DescriptorNotFound(ConfigError, FileNotFoundError):
    """No descriptor in the working directory or above it, or not at the path given."""


class PipelineError(TauroError):
    """A pipeline that cannot run as it is written."""


class GraphCycle(PipelineError, ValueError):
    """Nodes that wait for each other."""


class InjectionError(PipelineError, TypeError):
    """A parameter of a node's function that nothing fills."""


class FunctionNotFound(PipelineError, ImportError):
    """A node's function that cannot be imported or is not there."""


class NodeTimeout(PipelineError, TimeoutError):
    """A node that ran longer than its `timeout_s`."""


class DataError(TauroError):
    """A dataset that cannot be read or written."""


class DatasetMissing(DataError, FileNotFoundError):
    """A dataset whose file is not there."""


class DatasetExists(DataError, FileExistsError):
    """A dataset in write mode ``error`` whose file is already there."""


class DatasetUnreadable(DataError, ValueError):
    """A dataset whose file is there but is not what its format says."""


class DatasetUnwritable(DataError, ValueError):
    """A value that the dataset's format cannot hold; the old file is untouched."""


class SchemaMismatch(DataError, ValueError):
    """Data that break the declared schema.

    Attributes
    ----------
    problems : tuple of str
        All of them, also where the message is cut short.
    """

    def __init__(self, message: str, *, fix: str | None = None, problems: Iterable[str] = ()) -> None:
        super().__init__(message, fix=fix)
        self.problems: tuple[str, ...] = tuple(problems) or (message,)


class StoreError(TauroError, OSError):
    """The place where runs and models are kept does not do what it should."""


class KeyMissing(StoreError, LookupError):
    """No value under this key."""


class UnsafePath(StoreError, ValueError):
    """A path or key that would leave its folder."""


class LockTimeout(StoreError, TimeoutError):
    """A lock that another process held for the whole time-out."""


class StoreConflict(StoreError, RuntimeError):
    """Something that was changed in two stores, each on its own; neither was overwritten."""


class AccessDenied(StoreError, PermissionError):
    """A store that does not let this user in: no credentials, wrong ones, or a right that is missing."""


class StoreUnreachable(StoreError, ConnectionError):
    """A store that gave no answer, or no right one, for as long as it was asked."""


class FormatTooNew(StoreError):
    """A store written by a newer version of this package."""


class TrackingError(TauroError):
    """A run that cannot be written or read as asked."""


class RunNotFound(TrackingError, LookupError):
    """No run with this id in the store."""


class RunEnded(TrackingError, RuntimeError):
    """A run that has ended and takes nothing more."""


class RunActive(TrackingError, RuntimeError):
    """A run that still goes on, where that is in the way."""


class InvalidMetric(TrackingError, ValueError):
    """A metric whose key or value cannot be logged; nothing of that call was."""


class InvalidParam(TrackingError, ValueError):
    """A parameter that is no JSON value, or that changes one already logged."""


class InvalidName(TrackingError, ValueError):
    """A name that is empty, too long or not printable."""


class ArtifactMissing(TrackingError, FileNotFoundError):
    """A file that was to be logged and is not there, or that the run does not have."""


class FilterError(TrackingError, ValueError):
    """A search filter that cannot be read; says where, and what was expected."""


class RegistryError(TauroError):
    """A model or version that cannot be written or read as asked."""


class ModelNotFound(RegistryError, LookupError):
    """No such model, version, stage or alias."""


class InvalidModelName(RegistryError, ValueError):
    """A model name outside the documented rule."""


class ModelNotSerializable(RegistryError, TypeError):
    """A model that no flavor can save."""


class ArtifactCorrupt(RegistryError, ValueError):
    """A file whose size or SHA-256 is not the recorded one; it was not opened."""


class Untrusted(RegistryError, PermissionError):
    """A model whose format runs code on load, where the settings forbid it."""


class StaleExpectation(RegistryError, RuntimeError):
    """The state is no longer what the caller said to expect; nothing was done."""


class VersionLimit(RegistryError, RuntimeError):
    """A model at its limit of versions, none of which may go; nothing was written."""


class MirrorError(TauroError, RuntimeError):
    """Something between this store and an MLflow server."""


class MirrorUnreachable(MirrorError, ConnectionError):
    """The server does not answer, or not as it should; whether it did what it was asked for is not known."""


class MirrorRefused(MirrorError, ValueError):
    """The server will never take it as it is."""


class MirrorGone(MirrorError, LookupError):
    """The server no longer has what it had."""


class NotebookFailed(TauroError, AssertionError):
    """A notebook that is run as a test did not come to its end: a cell failed, took too long, or ended the kernel.

    Attributes
    ----------
    cell : int or None
        The number that IPython shows beside the cell.
    source : str
        The cell's own text.
    error : tuple of (name, message) or None
        What the cell raised, if it did.
    traceback : str
        The traceback as the notebook would show it, without colours.
    """

    def __init__(
        self,
        message: str,
        *,
        fix: str | None = None,
        cell: int | None = None,
        source: str = "",
        error: tuple[str, str] | None = None,
        traceback: str = "",
    ) -> None:
        super().__init__(message, fix=fix)
        self.cell = cell
        self.source = source
        self.error = error
        self.traceback = traceback


class EventTimeout(TauroError, TimeoutError):
    """No such event came in the time that was given."""


class MissingDependency(TauroError, ImportError):
    """An optional package that this call needs."""

    @classmethod
    def of(cls, package: str, extra: str, *, what: str) -> Self:
        """Build the error for `package`, which `what` needs and the extra `extra` installs."""
        return cls(f"{what} needs the package {package!r}", fix=f'pip install "tauro-nb[{extra}]"')


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return a "did you mean" for `name`, or a bounded list of what there is; None if there is nothing."""
    known = list(known)
    if not known:
        return None
    import difflib  # needed only when something went wrong

    close = difflib.get_close_matches(str(name)[:200], known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {_quoted(close[0])}?"
    shown = ", ".join(map(_quoted, known[:8]))
    return f"there are {shown}" + (f" and {len(known) - 8} more" if len(known) > 8 else "")


def _quoted(name: object) -> str:
    return repr(name if not isinstance(name, str) or len(name) <= 100 else f"{name[:97]}...")
