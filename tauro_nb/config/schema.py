"""What a project's files may say: every key, its type, its default.

The structs are frozen and hold plain values only. Unknown keys are refused; `checking` says with which words. Nothing
here looks at the file system or at other sections: whether a node exists, a function can be imported or a path is safe
is asked by those who use it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
DatasetName = Annotated[
    str, Meta(min_length=1, extra={"expected": "the name of a dataset", "plural": "names of datasets"})
]
NodeName = Annotated[str, Meta(min_length=1, extra={"expected": "the name of a node", "plural": "names of nodes"})]
PositiveInt = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
"""A duration: more than nothing, at most a year."""

FIELD_TYPES = ("boolean", "integer", "float", "string", "datetime", "date", "category", "binary")
"""The names of column types that stand for a family: ``integer`` is an integer of any width."""

_ARROW_TYPES = (
    r"null|bool|u?int(8|16|32|64)|float(16|32|64)|halffloat|double|large_string|utf8|large_utf8|large_binary"
    r"|date32(\[day\])?|date64(\[ms\])?|time32\[(s|ms)\]|time64\[(us|ns)\]|duration\[(s|ms|us|ns)\]"
    r"|timestamp\[(s|ms|us|ns)(, ?tz=[^\]]+)?\]|decimal(128|256)\(\d+, ?-?\d+\)"
)

FieldType = Annotated[
    str,
    Meta(
        pattern=f"^({'|'.join(FIELD_TYPES)}|{_ARROW_TYPES})$",
        extra={
            "expected": "a column type (integer, string, ..., or an Arrow type such as int64)",
            "choices": FIELD_TYPES,
        },
    ),
]


class _Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that is read out of files."""


class TrackingSettings(_Checked, frozen=True, kw_only=True):
    """``mlops.experiment_tracking``: how metrics are buffered, and which are logged unasked."""

    metric_buffer_size: Annotated[int, Meta(gt=0, le=1_000_000)] = 200
    """Points held before a flush."""
    auto_flush_metrics: bool = True
    """False: buffers grow until `Run.flush_metrics` or the end of the run."""
    system_metrics: bool | Seconds = False
    """Whether runs log what the machine does, or every how many seconds; True: every ten."""


class RegistrySettings(_Checked, frozen=True, kw_only=True):
    """``mlops.registry``: how many versions stay, and which models may be opened."""

    max_versions_per_model: PositiveInt | None = None
    """None: no limit."""
    trust: Literal["any", "own", "safe"] = "any"
    """Which models may be opened. ``own``: no imported one whose format runs code; ``safe``: none whose format does."""


class MlflowSettings(_Checked, frozen=True, kw_only=True):
    """``mlops.mlflow``: the server that gets a copy of runs and models."""

    tracking_uri: Annotated[Text, Meta(extra={"expected": "the address of an MLflow server"})]
    """``http(s)://``, ``databricks``, a database's ``sqlite:///``, or a folder."""
    registry_uri: Text | None = None
    """None: the one that belongs to `tracking_uri`."""
    experiment_name: Text | None = None
    """None: the name of the run's own experiment."""
    exit_wait_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    """How long a leaving process waits for what is still to be sent."""


class DatabricksSettings(_Checked, frozen=True, kw_only=True):
    """``mlops.databricks``: the Unity Catalog volume ``/Volumes/<catalog>/<schema>/<volume>``, and how it is asked.

    `catalog` and `schema` are never empty where `MlopsSettings.backend_type` is ``databricks``.
    """

    catalog: str = ""
    schema: str = ""
    volume: Text = "tauro"
    settle_s: Annotated[float, Meta(ge=0, le=60)] = 0.2
    """How long after an exclusive create it is read back; 0: the server looks and writes in one step."""
    timeout_s: Seconds = 30.0
    """How long one call may be repeated."""
    max_in_flight: PositiveInt = 5
    """Requests at the same time."""


class MlopsSettings(_Checked, frozen=True, kw_only=True):
    """``mlops``: where runs and models are kept."""

    backend_type: Literal["local", "databricks"] = "local"
    storage_path: Text = "./mlops_data"
    """As written; `Context.storage_dir` is the folder that it means."""
    model_retention_days: PositiveInt | None = None
    """Age from which a version may be removed; None: never. Nothing is removed by it in this version."""
    default_experiment_name: Text = "default"
    experiment_tracking: TrackingSettings = TrackingSettings()
    registry: RegistrySettings = RegistrySettings()
    event_log: bool = False
    """Whether what happens in the store is written to its ``logs/events.jsonl``."""
    mlflow: MlflowSettings | None = None
    databricks: DatabricksSettings = DatabricksSettings()


class ExecutionSettings(_Checked, frozen=True, kw_only=True):
    """``execution``: where nodes run."""

    executor: Literal["inline", "threads"] = "inline"
    max_workers: PositiveInt | None = None
    """None: as many as `concurrent.futures` takes."""


class NotebookSettings(_Checked, frozen=True, kw_only=True):
    """``notebook``: how objects show themselves in a kernel."""

    display: Literal["auto", "live", "html", "text"] = "auto"
    update_hz: Annotated[float, Meta(gt=0, le=5)] = 5.0
    """How often a live card asks for news."""
    chart: bool = True
    """Whether ``%tauro run`` shows a card for each run; else lines."""
    confirm: bool = True
    """Whether what cannot be taken back, and buttons, ask before they act."""


class Settings(_Checked, frozen=True, kw_only=True):
    """The file named by ``global_settings_path``."""

    mlops: MlopsSettings = MlopsSettings()
    execution: ExecutionSettings = ExecutionSettings()
    notebook: NotebookSettings = NotebookSettings()
    own: dict[str, Any] = {}
    """The project's own keys: all that stands beside those three, as it was written."""


class PipelineConfig(_Checked, frozen=True, kw_only=True):
    """One entry of the file named by ``pipelines_config_path``."""

    nodes: tuple[NodeName, ...]
    description: str = ""


class NodeConfig(_Checked, frozen=True, kw_only=True):
    """One entry of the file named by ``nodes_config_path``."""

    function: Annotated[Text, Meta(extra={"expected": "the dotted path of a function, such as pipelines.train.train"})]
    """Dotted path of a callable."""
    description: str = ""
    inputs: Annotated[
        dict[str, DatasetName] | tuple[DatasetName, ...],
        Meta(extra={"expected": "{parameter: dataset}, or a list of datasets"}),
    ] = ()
    """Dataset of each parameter; or datasets in the order of the parameters."""
    outputs: Annotated[
        DatasetName | tuple[DatasetName, ...] | dict[str, DatasetName] | None,
        Meta(extra={"expected": "a dataset, a list of datasets, or {key of the returned dict: dataset}"}),
    ] = None
    """One dataset for the whole value; several for a returned tuple or list; one for each key of a returned dict."""
    dependencies: tuple[NodeName, ...] = ()
    """Nodes that have to be finished before."""
    params: dict[str, Any] = {}
    retries: Annotated[int, Meta(ge=0)] = 0
    timeout_s: Seconds | None = None
    engine: Literal["pandas", "spark"] = "pandas"


class FieldConfig(_Checked, frozen=True, kw_only=True):
    """One column of a dataset's ``schema``."""

    name: Text
    type: FieldType
    nullable: bool = True


class DatasetConfig(_Checked, frozen=True, kw_only=True):
    """One entry of the files named by ``input_config_path`` and ``output_config_path``."""

    path: Annotated[Text, Meta(extra={"expected": "the path of a file"})]
    """Relative to the project's root."""
    format: Annotated[Text, Meta(extra={"expected": "a format, such as parquet"})]
    schema: tuple[FieldConfig, ...] | None = None
    """None: nothing is checked. Columns that it does not name pass."""
    write_mode: Literal["overwrite", "append", "error", "ignore"] = "overwrite"
    allow_pickle: bool = False
    options: dict[str, Any] = {}
    """Handed to the reader or writer of the format."""
    description: str = ""
