"""The desk at which a command works: which session it uses, where its words go, who answers its questions.

A command knows nothing of shells or kernels; it takes a `Desk` and returns an object. The shell and the notebook each
have a desk of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from tauro_nb.errors import DescriptorNotFound, UsageError

if TYPE_CHECKING:
    from tauro_nb.commands.listing import Listing
    from tauro_nb.pipeline.jobs import Around
    from tauro_nb.session import Session

DEFAULT_ENV = "dev"

STORE = "mlops_data"
"""Where runs are kept that belong to no project: in this folder of the working directory."""


class Desk(ABC):
    """Where a command works; one per shell command, one per kernel."""

    in_kernel: ClassVar[bool]
    cue: ClassVar[str]
    """How a command is typed here: ``tauro`` or ``%tauro``."""

    def __init__(self) -> None:
        self.home: Path | None = None
        """The project to work in where none is given; None: it is searched upwards from the working directory."""
        self.home_env = DEFAULT_ENV
        """The environment to work in where none is given."""
        self.env = DEFAULT_ENV
        self.project: Path | None = None
        self.rows: int | None = None
        """How many rows of a table the person asked for; None: as many as the view likes."""
        self._open: dict[tuple[Path | None, str], Session] = {}

    def place(self, *, env: str | None, project: str | None) -> None:
        """Say where the coming command works; None is where this desk is at home."""
        self.env = env or self.home_env
        self.project = _descriptor(project) if project else self.home

    @property
    def session(self) -> Session:
        """The session of the project and environment that the command was given; opened on first use.

        Raises
        ------
        DescriptorNotFound
            There is no project here.
        ConfigError
            The project's files are wrong.
        """
        key = (self.project, self.env)
        if key not in self._open:
            from tauro_nb.session import open_session

            self._open[key] = open_session(self.project, self.env)
        return self._open[key]

    @property
    def opened(self) -> Session | None:
        """The session of the project and environment that the command was given, if it is open already."""
        return self._open.get((self.project, self.env))

    def session_anyway(self) -> Session:
        """Return `session`; where no project is named or found, one without pipelines that keeps its runs here.

        Or on Databricks, where the environment's variables say so.
        """
        try:
            return self.session
        except DescriptorNotFound:
            if self.project is not None:
                raise
        from tauro_nb.config.loader import ContextLoader
        from tauro_nb.session import Session, open_store

        context = ContextLoader().load_from_paths({}, self.env)  # what the environment's variables say by themselves
        is_local = context.settings.mlops.backend_type == "local"
        self._open[None, self.env] = open_store(STORE) if is_local else Session(context)
        return self.session

    @property
    def is_loaded(self) -> bool:
        """Whether the person has the session at hand, as `load` gives it; in a shell there is nothing to give it to."""
        return True

    def reopen(self) -> Session:
        """Open `session` anew, from the files as they are now."""
        old = self._open.pop((self.project, self.env), None)
        if old is not None:
            old.close()
        return self.session

    def settle(self, session: Session) -> None:
        """Make `session`, which is the open one, that of all commands to come that name no other place."""
        self._open.pop((self.project, self.env), None)
        self.home, self.home_env = session.context.descriptor or self.project, self.env
        self._open[self.home, self.home_env] = session

    def has_failed_by(self, error: BaseException) -> bool:
        """Tell whether `error` is what ended a pipeline that ran here, as opposed to one that could not begin."""
        sessions = self._open.values()
        reports = [session.last_report for session in sessions]
        trials = [trial for session in sessions if session.last_sweep for trial in session.last_sweep.begun]
        ended = [report.error for report in reports if report is not None]
        return any(error is each for each in (*ended, *(trial.error for trial in trials if trial.status == "FAILED")))

    def demand_kernel(self, verb: str, instead: str) -> None:
        """Refuse a verb that lives on what a kernel keeps from one command to the next.

        Raises
        ------
        UsageError
            This is a shell.
        """
        if not self.in_kernel:
            raise UsageError(f"`{verb}` works on what a kernel keeps, and this is a shell", fix=instead)

    def close(self) -> None:
        """Close the sessions that this desk opened."""
        while self._open:
            self._open.popitem()[1].close()

    @abstractmethod
    def milestone(self, text: str) -> None:
        """Tell that something has come true."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Print a line to the person."""

    @abstractmethod
    def confirm(self, question: str) -> bool:
        """Ask, and tell whether the answer was yes."""

    @abstractmethod
    def variable(self, name: str) -> Any:
        """Return the value of a variable of the person's namespace."""

    def mappings(self) -> list[str]:
        """Return the names of those variables of the person's that hold mappings; there are none in a shell."""
        return []

    @abstractmethod
    def bind(self, names: Mapping[str, object], *, otherwise: str) -> None:
        """Bind names in the person's namespace: all of them, or none where one would hide an object of the person's.

        Parameters
        ----------
        otherwise : str
            What to type where names are taken.

        Raises
        ------
        UsageError
            Names are taken, or are none of Python's; or there is no such namespace.
        """

    @abstractmethod
    def cell_functions(self) -> tuple[Mapping[str, Callable[..., Any]], str]:
        """Execute the cell below the command; return the functions that it defines, in its order, and its text.

        Raises
        ------
        UsageError
            There is none.
        """

    @abstractmethod
    def debug(self, frames: TracebackType) -> None:
        """Let the person look into frames, from the innermost one outwards."""

    @abstractmethod
    def load(self, prefix: str) -> Session:
        """Make `session` the one of this kernel, and bind its names with this prefix."""

    @abstractmethod
    def table(self, listing: Listing) -> Any:
        """Return a table in the form that is of use here."""

    def beside(self) -> Around:
        """Return what shows the progress of a job where it was started."""
        return lambda _: nullcontext()

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[int, int, str], object]]:
        """Show how far something is that takes time; give what is told how much is done, of how much, and what."""
        yield lambda *_: None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the progress of the pipeline that runs inside this block."""
        yield


def _descriptor(project: str) -> Path:
    path = Path(project).expanduser()
    if not path.exists():
        raise DescriptorNotFound(f"--project {project}: there is nothing there", fix="give a project's folder")
    return path.resolve()
