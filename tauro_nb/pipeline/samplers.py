"""Which trial of a sweep comes next: all of them in order, by chance, or as optuna learns from those before."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Protocol

from tauro_nb.errors import MissingDependency, UnknownName, UsageError
from tauro_nb.pipeline.space import Range, Space, mark

SAMPLERS = ("grid", "random", "optuna")

_DRAWS = 100
"""How often is drawn again what was tried before, until what is left is looked at one by one."""
_GUESSES = 10
"""The same where optuna draws, which takes longer."""


class Sampler(Protocol):
    """Gives the trials of one sweep, one after the other; no trial that was told is given again while there are others.

    Trials that an earlier sweep made are told without having been asked for.
    """

    def ask(self) -> dict[str, Any] | None:
        """Return the parameters of the next trial; None where all were given."""

    def tell(self, params: Mapping[str, Any], value: float | None) -> None:
        """Hear what came of a trial: its objective, None where it has none or failed."""


def sampler_of(name: str, space: Space, *, seed: int | None, maximize: bool | None) -> Sampler:
    """Return the sampler of this name.

    Parameters
    ----------
    seed : int, optional
        The same gives the same trials, where those before come to the same.
    maximize : bool, optional
        Whether the objective is to be high or low; None: there is none.

    Raises
    ------
    UnknownName
        There is no such sampler.
    UsageError
        It cannot go through this space, or needs an objective.
    MissingDependency
        optuna is not installed.
    """
    match name:
        case "grid":
            return GridSampler(space)
        case "random":
            return RandomSampler(space, seed)
        case "optuna":
            if maximize is None:
                raise UsageError(
                    "the sampler optuna needs to know what is good",
                    fix="--maximize metrics.NAME or --minimize metrics.NAME",
                )
            return OptunaSampler(space, seed, maximize=maximize)
        case _:
            raise UnknownName.among("sampler", name, SAMPLERS)


class GridSampler:
    """Every combination once, in the order of the choices."""

    def __init__(self, space: Space) -> None:
        if space.uncounted:
            raise UsageError(
                f"a grid cannot go through the range of {space.uncounted[0]!r}",
                fix="list its values, or --sampler random --trials N",
            )
        self._left = space.grid()
        self._told: set[str] = set()

    def ask(self) -> dict[str, Any] | None:
        """Return the next combination."""
        return next((params for params in self._left if mark(params) not in self._told), None)

    def tell(self, params: Mapping[str, Any], value: float | None) -> None:
        """Give this one no more."""
        self._told.add(mark(params))


class RandomSampler:
    """Trials by chance, each once."""

    def __init__(self, space: Space, seed: int | None) -> None:
        self._space = space
        self._random = random.Random(seed)  # noqa: S311 - to try parameters, not to keep secrets
        self._told: set[str] = set()

    def ask(self) -> dict[str, Any] | None:
        """Return one that was not told."""
        for _ in range(_DRAWS):
            drawn = {key: self._draw(each) for key, each in self._space.dimensions.items()}
            if mark(drawn) not in self._told:
                return drawn
        if self._space.size is None:
            return None
        left = [params for params in self._space.grid() if mark(params) not in self._told]
        return self._random.choice(left) if left else None

    def tell(self, params: Mapping[str, Any], value: float | None) -> None:
        """Give this one no more."""
        self._told.add(mark(params))

    def _draw(self, dimension: Range | tuple[Any, ...]) -> Any:
        share = self._random.random()
        return dimension.at(share) if isinstance(dimension, Range) else dimension[int(share * len(dimension))]


class OptunaSampler:
    """Optuna's tree-structured Parzen estimator, asked and told; nothing of it is kept but in the runs.

    Choices are told to optuna by their position, which takes any value; what it gives a second time it is told at once.
    """

    def __init__(self, space: Space, seed: int | None, *, maximize: bool) -> None:
        try:
            import optuna
        except ImportError as error:
            raise MissingDependency.of("optuna", "optuna", what="the sampler optuna") from error
        self._optuna: Any = optuna
        self._space = space
        self._fixed = {
            key: each[0] for key, each in space.dimensions.items() if isinstance(each, tuple) and len(each) == 1
        }
        self._distributions: dict[str, Any] = {
            key: self._distribution(each) for key, each in space.dimensions.items() if key not in self._fixed
        }
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
        try:
            self._study = optuna.create_study(
                direction="maximize" if maximize else "minimize", sampler=optuna.samplers.TPESampler(seed=seed)
            )
        finally:
            optuna.logging.set_verbosity(before)
        self._told: dict[str, float | None] = {}
        self._asked: dict[str, Any] = {}

    def ask(self) -> dict[str, Any] | None:
        """Return what optuna expects most of."""
        if self._space.size is not None and len(self._told) >= self._space.size:
            return None
        for _ in range(_GUESSES):
            trial, params = self._drawn()
            if mark(params) not in self._told:
                break
            self._tell(trial, self._told[mark(params)])
        else:
            if self._space.size is not None:
                left = next(params for params in self._space.grid() if mark(params) not in self._told)
                self._study.enqueue_trial(self._positions(left))
            trial, params = self._drawn()
        self._asked[mark(params)] = trial
        return params

    def tell(self, params: Mapping[str, Any], value: float | None) -> None:
        """Let optuna learn what came of it."""
        trial = self._asked.pop(mark(params), None)
        self._told[mark(params)] = value
        if trial is not None:
            self._tell(trial, value)
        elif value is not None:
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    params=self._positions(params), distributions=self._distributions, value=value
                )
            )

    def _drawn(self) -> tuple[Any, dict[str, Any]]:
        trial = self._study.ask(self._distributions)
        return trial, {
            key: self._fixed[key] if key in self._fixed else _value(each, trial.params[key])
            for key, each in self._space.dimensions.items()
        }

    def _positions(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _position(self._space.dimensions[key], params[key]) for key in self._distributions}

    def _tell(self, trial: Any, value: float | None) -> None:
        if value is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    def _distribution(self, dimension: Range | tuple[Any, ...]) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(dimension, Range):
            return kinds.CategoricalDistribution(range(len(dimension)))
        kind = kinds.IntDistribution if dimension.is_whole else kinds.FloatDistribution
        return kind(dimension.low, dimension.high, log=dimension.log)


def _value(dimension: Range | tuple[Any, ...], drawn: Any) -> Any:
    return drawn if isinstance(dimension, Range) else dimension[drawn]


def _position(dimension: Range | tuple[Any, ...], value: Any) -> Any:
    if isinstance(dimension, Range):
        return value
    marks = [mark({"": each}) for each in dimension]
    return marks.index(mark({"": value}))
