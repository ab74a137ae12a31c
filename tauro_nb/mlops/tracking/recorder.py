"""What can be logged to a run: metrics, parameters, tags and files, each checked before anything of it is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from tauro_nb.errors import InvalidMetric, InvalidParam, RunEnded
from tauro_nb.mlops.scope import scope
from tauro_nb.mlops.stopping import StopRequested
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.artifacts import LoggedModel
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus
from tauro_nb.mlops.tracking.view import RunView, Surroundings
from tauro_nb.store import keys

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.evaluation.kept import Evaluation
    from tauro_nb.mlops.tracking.metering import WriterMeter
    from tauro_nb.mlops.tracking.metric_log import MetricWriter


class RunRecorder(RunView):
    """The writing half of `Run`; safe to share between threads."""

    def __init__(self, surroundings: Surroundings, record: RunRecord, *, active: bool = False) -> None:
        super().__init__(surroundings, record, active=active)
        self._lock = threading.RLock()
        self._keys: set[str] = set()
        self._writer: MetricWriter | None = None
        self._meter: WriterMeter | None = None
        self._stopping = False
        self._fresh = active
        self._append: Callable[..., object]
        self._append_many: Callable[..., object]
        if active:
            self._append, self._append_many = self._first_append, self._first_append_many
        else:
            self._append = self._append_many = self._refuse

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric; points that are still buffered count."""
        if not self._active:
            return super().metrics
        from tauro_nb.mlops.tracking.sources import listed

        writers = len(listed(self._archive.store, keys.metrics(self.experiment, self.run_id)))
        if self._writer is not None and writers <= 1:
            return self._writer.last()
        return self._reader().last() if writers else {}

    def log_metric(self, key: str, value: Any, step: int | None = None) -> None:
        """Log one point. What has been logged survives the death of the process.

        Parameters
        ----------
        key : str
            Printable text, at most 250 characters.
        value : real number
            Of Python or NumPy, or an array of no dimension; a bool counts as 0 or 1. NaN and the infinities are kept.
        step : int, optional
            Without it the point takes the next step of its key, counted from 0.

        Raises
        ------
        InvalidMetric
            Key, value or step is not as above; nothing was logged.
        RunEnded
        StoreError
            It could not be kept; logging can go on when the cause is mended.
        """
        if key.__class__ is not str or key not in self._keys:
            self._keys.add(values.metric_key(key))
        if value.__class__ is not float:
            value = values.metric_value(key, value)
        if step is not None and step.__class__ is not int:
            step = values.metric_step(step)
        self._append(key, value, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log one point of each metric, as `log_metric` does; where one is bad, none is logged."""
        if metrics.__class__ is not dict and not isinstance(metrics, Mapping):
            raise InvalidMetric(
                f"log_metrics takes a dict, not a {type(metrics).__name__}", fix="use log_metric(key, value)"
            )
        known = self._keys
        for key, value in metrics.items():
            if value.__class__ is not float or key not in known:
                metrics = {values.metric_key(key): values.metric_value(key, value) for key, value in metrics.items()}
                known.update(metrics)
                break
        if step is not None and step.__class__ is not int:
            step = values.metric_step(step)
        self._append_many(metrics, step)

    def log_points(self, points: Iterable[tuple[str, Any, int, int]]) -> None:
        """Log points that tell when they were measured: key, value, step, and UTC in nanoseconds since the epoch."""
        for point in [
            (values.metric_key(key), values.metric_value(key, value), values.metric_step(step), at_ns)
            for key, value, step, at_ns in points
        ]:
            self._append(*point)

    def flush_metrics(self) -> None:
        """Bring buffered points into the run's own files. What was logged is safe without it."""
        if self._meter is not None:
            self._meter.flush()

    def log_param(self, key: str, value: Any, *, overwrite: bool = False) -> None:
        """Keep one parameter; see `log_params`."""
        self.log_params({key: value}, overwrite=overwrite)

    def log_params(self, params: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Keep parameters: any JSON values; NumPy's scalars and arrays count as the numbers they hold, dates as text.

        Raises
        ------
        InvalidParam
            A key or value cannot be kept, or differs from what was logged before and `overwrite` is False; none of this
            call was kept.
        RunEnded
        """
        if not isinstance(params, Mapping):
            raise InvalidParam(
                f"log_params takes a dict, not a {type(params).__name__}", fix="pass vars(it), or a dict"
            )
        checked = dict(values.param(key, value) for key, value in params.items())
        self._must_be_active()

        def add(record: RunRecord) -> RunRecord:
            for key, value in checked.items():
                if not overwrite and not values.same(record.params.get(key, value), value):
                    raise InvalidParam(
                        f"run {record.run_id}: parameter {key!r} is {record.params[key]!r}, and would become {value!r}",
                        fix="pass overwrite=True, or start another run",
                    )
            return msgspec.structs.replace(record, params={**record.params, **checked})

        self._change(add)

    def set_tag(self, key: str, value: object) -> None:
        """Set one tag; see `set_tags`."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags: any text; another value is kept as its text. An ended run can still be tagged.

        Raises
        ------
        InvalidName
            A key is no text, or is empty.
        """
        checked = values.tags(tags)
        self._change(lambda record: msgspec.structs.replace(record, tags={**record.tags, **checked}))

    def set_notes(self, text: str) -> None:
        """Replace the notes: Markdown, at most 100,000 characters. An ended run can still be written about.

        Raises
        ------
        InvalidParam
            It is no text, or too long.
        """
        checked = values.notes(text)
        self._change(lambda record: msgspec.structs.replace(record, notes=checked))

    def log_artifact(self, local_path: str | PathLike[str], artifact_path: str | None = None) -> str:
        """Keep a copy of a file or folder.

        Parameters
        ----------
        local_path : str or PathLike
            Absolute, or relative to the working directory.
        artifact_path : str, optional
            Folder inside the run that it goes into.

        Returns
        -------
        str
            Its path inside the run.

        Raises
        ------
        ArtifactMissing
            There is no such file or folder.
        UnsafePath
            A path has a ``..`` segment, or `artifact_path` is absolute.
        RunEnded
        """
        self._must_be_active()
        return self._artifacts.add(local_path, artifact_path)

    def log_artifacts(self, local_dir: str | PathLike[str], artifact_path: str | None = None) -> str:
        """Keep a copy of all that is in a folder; otherwise as `log_artifact`."""
        self._must_be_active()
        return self._artifacts.add(local_dir, artifact_path, contents=True)

    def log_figure(self, figure: Any, artifact_path: str) -> str:
        """Keep a figure of matplotlib or plotly in the format that the path's ending says; return its path."""
        from tauro_nb.mlops.tracking import media

        self._must_be_active()
        return self._artifacts.add_bytes(*media.figure_file(figure, artifact_path))

    def log_table(self, table: Any, artifact_path: str) -> str:
        """Keep a table (a DataFrame, rows as dicts, or a dict of columns) as Parquet; return its path."""
        from tauro_nb.mlops.tracking import media

        self._must_be_active()
        return self._artifacts.add_bytes(*media.table_file(table, artifact_path))

    def log_model(self, model: Any, artifact_path: str = "model.pkl") -> LoggedModel:
        """Keep a model inside the run; it comes back by `load_model`.

        Parameters
        ----------
        artifact_path : str
            Where inside the run: ``./models/x.pkl`` is ``models/x.pkl`` there. Its ending says the format.

        Raises
        ------
        ModelNotSerializable
            Nothing of it was kept.
        UnsafePath
            The path is absolute or has a ``..`` segment.
        RunEnded
        """
        self._must_be_active()
        logged, meta = self._artifacts.add_model(model, artifact_path)
        self._change(lambda record: msgspec.structs.replace(record, models={**record.models, logged.path: meta}))
        return logged

    def log_evaluation(
        self,
        model: Any,
        X: Any,  # noqa: N803 - scikit-learn's own name
        y: Any,
        *,
        prefix: str = "",
        sample_weight: Any = None,
        positive: Any = None,
        average: str = "macro",
        importance: str = "own",
    ) -> Evaluation:
        """Log what a fitted classifier or regressor of scikit-learn is worth on data, and return it.

        Metrics go to the run; what a metric cannot say (confusion matrix, curves, residuals, importance of features) is
        kept as small JSON files below ``evaluation/``, which the run shows.

        Parameters
        ----------
        model : estimator
            Also a pipeline, a search, or an estimator of another package that follows scikit-learn.
        X, y : table and array of the same length
            Best not those of the training.
        prefix : str
            Put before each metric, and the folder of the files: ``"val/"``. A second evaluation with the same one
            replaces the first one's files.
        sample_weight : array, optional
            How much each row counts.
        positive : label, optional
            Of two classes the one that precision, recall and the curves are about; the second, unless said.
        average : {"macro", "weighted"}
            How precision, recall and F1 of more than two classes become one number.
        importance : {"own", "permutation", "none"}
            ``"permutation"`` shuffles each column, which takes five predictions for each.

        Raises
        ------
        UsageError
            Not a fitted estimator, other columns than it knows, lengths that differ, missing values in `y`; nothing
            was logged.
        UnknownName
            There is no such class, average or importance.
        MissingDependency
            scikit-learn is not installed.
        RunEnded
        """
        from tauro_nb.mlops.tracking import evaluation

        self._must_be_active()
        found = evaluation.evaluate(
            model,
            X,
            y,
            prefix=prefix,
            sample_weight=sample_weight,
            positive=positive,
            average=average,
            importance=importance,
        )
        evaluation.keep(found, self._artifacts)
        self.log_metrics({f"{prefix}{name}": value for name, value in found.metrics.items()})
        return found

    def callback(self, framework: str, **options: Any) -> Any:
        """Return what a framework takes as its callback or logger, and logs its curves to this run.

        Parameters
        ----------
        framework : str
            ``"xgboost"``, ``"lightgbm"``, ``"catboost"``, ``"keras"``, ``"lightning"`` or ``"transformers"``; imported
            only now.
        **options
            ``prefix="fold1/"`` is put before each name; ``log_params=False`` leaves out the parameters that the
            framework tells. Keras: ``every_n_batches=100`` logs batches too. CatBoost: ``start=model.tree_count_``,
            where a training goes on from that model.

        Raises
        ------
        UnknownName
            There is no such framework, or it has no such option.
        MissingDependency
            The framework is not installed.
        RunEnded
        """
        from tauro_nb.mlops.tracking import callbacks

        self._must_be_active()
        return callbacks.make(self, framework, options)

    def stop_at_next_point(self) -> None:
        """Let every later call that logs a metric raise `StopRequested`; after the run's end, one out of a node."""
        with self._lock:
            self._stopping = True
            if self._active:
                self._append = self._append_many = self._stop

    def _change(self, edit: Callable[[RunRecord], RunRecord]) -> None:
        with self._lock:
            self._record = self._archive.change(self.experiment, self.run_id, edit)

    def forked(self) -> None:
        """Go on in a forked child, where nobody would free a lock that another thread held."""
        self._lock = threading.RLock()

    def _first_append(self, *point: Any) -> None:
        self._open_writer()
        self._append(*point)

    def _first_append_many(self, items: Mapping[str, float], step: int | None) -> None:
        self._open_writer()
        self._append_many(items, step)

    def _open_writer(self) -> None:
        from tauro_nb.mlops.tracking.metering import WriterMeter
        from tauro_nb.mlops.tracking.metric_log import MetricLog

        with self._lock:
            self._must_be_active()
            if self._writer is None:
                settings = self._surroundings.settings
                self._writer = MetricLog.writer(
                    self._archive.store,
                    keys.metrics(self.experiment, self.run_id),
                    buffer_size=settings.metric_buffer_size,
                    auto_flush=settings.auto_flush_metrics,
                    clock=self._surroundings.clock,
                    fresh=self._fresh,
                )
                self._fresh = False
                around = self._surroundings
                self._meter = WriterMeter(self._writer, around.collector, around.environment)
                if not self._stopping:
                    self._append, self._append_many = self._writer.append, self._writer.append_many

    def _must_be_active(self) -> None:
        if not self._active:
            self._refuse()

    def _stop(self, *_: object) -> NoReturn:
        raise StopRequested(f"run {self.run_id} was asked to stop")

    def _refuse(self, *_: object) -> NoReturn:
        if self._stopping and scope.get() is not None:  # in the node that was asked, and goes on
            self._stop()
        if self._record.status is RunStatus.RUNNING:
            raise RunEnded(
                f"run {self.run_id} goes on elsewhere, and is only looked at here",
                fix=f"log to it where it was started, or to what tracker.resume_run({self.run_id!r}) returns",
            )
        raise RunEnded(
            f"run {self.run_id} has ended ({self._record.status}) and takes nothing more",
            fix=f"start another, or go on with tracker.resume_run({self.run_id!r})",
        )

    def _close_writer(self) -> dict[str, float]:
        """Make every point durable, and return the last value of each key; logging again opens another writer."""
        if self._meter is not None:
            self._meter.close()
        last = self.metrics
        self._writer = self._meter = None
        self._append, self._append_many = self._first_append, self._first_append_many
        return last
