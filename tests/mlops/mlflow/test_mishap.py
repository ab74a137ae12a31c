"""What a client's error comes to: one line, which the layer that met the trouble has said."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Sequence

import pytest

from tauro_nb.mlops.mlflow import mishap

REQUEST = "API request to http://127.0.0.1:1/api/2.0/mlflow/runs/create failed with exception HTTPConnectionPool(...)"


class Client(Exception):
    error_code = "INTERNAL_ERROR"


class Pool(Exception): ...


def raised(layers: Sequence[BaseException]) -> BaseException:
    """Return the first of these, raised while the next was handled, and so on down to the last."""
    for outer, inner in itertools.pairwise(layers):
        outer.__context__ = inner
    return layers[0]


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), mishap.REFUSED),
        (socket.gaierror(-2, "Name or service not known"), mishap.UNKNOWN_HOST),
        (TimeoutError("timed out"), mishap.LATE),
        (ConnectionResetError(104, "Connection reset by peer"), mishap.CUT),
        (Pool("Connection aborted.", ConnectionAbortedError("Remote end closed")), mishap.CUT),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "no secure connection: "),
        (Pool("too many 503 error responses"), "it answers with error 503"),
    ],
)
def test_the_innermost_layer_says_it_in_one_line_without_an_address(inner: BaseException, told: str) -> None:
    said = mishap.told(raised([Client(REQUEST), Pool("Max retries exceeded with url: /api"), inner]))
    assert said.startswith(told)
    assert "127.0.0.1" not in said
    assert "\n" not in said


def test_what_a_server_answers_is_told_without_its_markup() -> None:
    body = "<html><head><style>b {}</style></head><body><h1>Bad\n Gateway</h1></body></html>"
    error = Client(f"API request to endpoint /x failed with error code 502 != 200. Response body: '{body}'")
    assert mishap.told(error) == "it answers with error 502: Bad Gateway"


def test_what_is_not_known_is_told_as_it_is_within_bounds() -> None:
    assert mishap.told(Client(f"INVALID: a name\n  of two lines{'.' * 9_000}")).startswith(
        "INVALID: a name of two lines"
    )
    assert len(mishap.told(Client("x" * 9_000))) == mishap.MOST_CHARS
    assert mishap.told(Pool("locked\n[SQL: INSERT secret]")) == "Pool: locked"
    assert mishap.told(raised([Client("a"), ValueError("the cause of a")])) == "a"
