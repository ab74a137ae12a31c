"""Which metrics share a panel: those that are the same quantity, measured on different data or in different places."""

from __future__ import annotations

import re

_SPLITS = ("train", "training", "val", "valid", "validation", "test", "eval", "dev", "holdout")
_SPLIT = rf"(?:{'|'.join(_SPLITS)})(?:_[0-9]+)?"
"""Also numbered, as XGBoost's ``validation_0`` and LightGBM's ``valid_1``."""
_PREFIX = re.compile(rf"(?P<split>{_SPLIT})[/_.\- ](?P<quantity>.+)", re.IGNORECASE | re.DOTALL)
_SUFFIX = re.compile(rf"(?P<quantity>.+)/(?P<split>{_SPLIT})", re.IGNORECASE | re.DOTALL)
_SYSTEM = re.compile(r"system/(?P<what>.+)_(?P<unit>percent|mb|mb_s)", re.DOTALL)
_UNITS = {"percent": "%", "mb": "MB", "mb_s": "MB/s"}


def is_system(key: str) -> bool:
    """Tell whether a metric is about the machine: it comes after those that a person logged."""
    return _SYSTEM.fullmatch(key) is not None


def group_of(key: str) -> tuple[str, str]:
    """Return the group of a metric, and what tells it from its neighbours there, which may be empty.

    The group is what follows (or, in a path, precedes) the name of a data split, or else the last segment of a path.
    What is said of the machine is grouped by its unit.

    Examples
    --------
    >>> group_of("train/loss"), group_of("val_loss"), group_of("loss/test"), group_of("loss")
    (('loss', 'train'), ('loss', 'val'), ('loss', 'test'), ('loss', ''))
    >>> group_of("system/process_memory_mb")
    ('system, MB', 'process_memory')
    >>> group_of("encoder/layer1/norm")
    ('norm', 'encoder/layer1')
    """
    system = _SYSTEM.fullmatch(key)
    if system:
        return f"system, {_UNITS[system['unit']]}", system["what"]
    found = _PREFIX.fullmatch(key) or _SUFFIX.fullmatch(key)
    if found:
        return found["quantity"], found["split"]
    place, slash, quantity = key.rpartition("/")
    return (quantity, place) if slash and place and quantity else (key, "")
