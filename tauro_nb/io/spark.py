"""Datasets for nodes with ``engine: spark``: read and checked like all others, then handed over to Spark.

Here alone Spark is looked for and started. The data pass through the driver's memory; a node that needs Spark's own
readers takes a ``SparkSession`` parameter and reads for itself.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from tauro_nb.errors import DatasetUnreadable, MissingDependency
from tauro_nb.store.databricks.notebook import ambient


def is_installed() -> bool:
    """Tell whether there is a Spark here; imports nothing."""
    return importlib.util.find_spec("pyspark") is not None


def session() -> Any:
    """Return a Databricks notebook's own ``spark``, or the active ``SparkSession``, started if there is none."""
    own = ambient("spark")
    if type(own).__module__.startswith("pyspark.sql"):
        return own
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def demand(name: str) -> None:
    """Say before anything is read that Spark is not installed.

    Raises
    ------
    MissingDependency
        Names the command that installs it.
    """
    if not is_installed():
        raise MissingDependency(
            f"dataset {name!r} is wanted by a node with engine 'spark', which needs the package 'pyspark'",
            fix="pip install pyspark, or set the node's `engine: pandas`",
        )


def from_pandas(name: str, value: Any) -> Any:
    """Return a pandas table as a Spark DataFrame of the active session, which is started if there is none.

    Raises
    ------
    DatasetUnreadable
        It is no table.
    """
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        raise DatasetUnreadable(
            f"dataset {name!r} holds a {type(value).__qualname__}, and Spark takes tables",
            fix="set the node's `engine: pandas`",
        )
    return session().createDataFrame(value)


def to_pandas(value: Any) -> Any:
    """Return a Spark DataFrame as a pandas one, and anything else as it is."""
    return value.toPandas() if type(value).__module__.startswith("pyspark.sql") else value
