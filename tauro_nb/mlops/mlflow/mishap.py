"""What went wrong between MLflow's client and a server, in a few words.

What the client raises is made of what each of its layers said, and repeats the address in each; the layer that met the
trouble is the one that knows.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from tauro_nb.errors import MirrorGone, MirrorRefused, MirrorUnreachable
from tauro_nb.mlops.mlflow.address import Address

MOST_CHARS = 300
REFUSED = "connection refused: nothing listens there"
UNKNOWN_HOST = "no host of this name is known"
CUT = "the connection was cut before the answer came"
LATE = "no answer in time"
NO_MLFLOW = "what answers there does not speak as MLflow does"

_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS", "NOT_IMPLEMENTED")
_UNSIGNED = "must be logged with a model signature"
"""Part of what MLflow's client says, with no code of its own, where Unity Catalog would not take a version."""
_UNKNOWN = "ENDPOINT_NOT_FOUND"
_DENIED = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")

_ANSWER = re.compile(r"failed with error code (\d+) != \d+\. Response body: '(.*)'", re.DOTALL)
_ANSWERS = re.compile(r"too many (\d+) error responses")
_REQUEST = re.compile(r"^API request to \S+ failed with (?:timeout )?exception ")
_MARKUP = re.compile(r"<(?:style|script|head).*?</(?:style|script|head)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def translated(address: Address, error: Exception, code: str = "") -> MirrorUnreachable | MirrorRefused | MirrorGone:
    """Return our error for one of the client's.

    Parameters
    ----------
    code : str, optional
        MLflow's, if it has one.
    """
    text = f"{address.shown}: {address.without_secrets(told(error))}"
    if code in _GONE:
        return MirrorGone(text, fix="tauro mlflow sync sends it again")
    if code == _UNKNOWN:
        return MirrorRefused(text, fix="see that it is MLflow's address, and that the server is of MLflow 3 or later")
    if _UNSIGNED in text:
        return MirrorRefused(text, fix="register it with input_example=, which gives it a signature that has outputs")
    if code in _REFUSED:
        return MirrorRefused(text, fix="tauro mlflow status tells what was refused")
    if code in _DENIED:
        fix = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return MirrorUnreachable(text, fix=fix)
    return MirrorUnreachable(text, fix="see that it is MLflow's address, and that the server runs")


def told(error: BaseException) -> str:
    """Return what an error of the client's, or of what it works with, comes to, in one line."""
    layers = [*_layers(error)]
    known = next((words for layer in reversed(layers) if (words := _known(layer))), None)
    if known is None:
        known = _line(_REQUEST.sub("", str(error)) or type(error).__name__)
        if not hasattr(error, "error_code"):
            known = f"{type(error).__name__}: {known}"
    return known[:MOST_CHARS]


def _layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised for, from, or with, down to the first."""
    seen: set[int] = set()
    layer: BaseException | None = error
    while layer is not None and id(layer) not in seen:
        seen.add(id(layer))
        yield layer
        within = next((each for each in layer.args if isinstance(each, BaseException)), None)
        layer = layer.__cause__ or layer.__context__ or within


def _known(layer: BaseException) -> str | None:
    text = str(layer)
    match layer:
        case ConnectionRefusedError():
            return REFUSED
        case socket.gaierror():
            return UNKNOWN_HOST
        case ssl.SSLError():
            return f"no secure connection: {_line(getattr(layer, 'verify_message', '') or text)}"
        case TimeoutError():
            return LATE
        case ConnectionError() if not hasattr(layer, "fix"):
            return CUT
        case _ if type(layer).__name__ == "IncompleteRead":
            return CUT
    if found := _ANSWERS.search(text):
        return f"it answers with error {found[1]}"
    if found := _ANSWER.search(text):
        said = _line(_MARKUP.sub(" ", found[2]))
        return f"it answers with error {found[1]}{f': {said}' if said else ''}"
    if "not in a valid JSON format" in text:
        return NO_MLFLOW
    return None


def _line(text: str) -> str:
    """Return a text as one line; of a database's, the first, which has no statement."""
    return " ".join(text.partition("\n[SQL:")[0].split())
