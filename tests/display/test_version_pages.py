"""How versions look that were searched for or compared."""

from __future__ import annotations

import pytest

from tauro_nb.display import html, text
from tauro_nb.events import EventEmitter
from tauro_nb.faces import answer
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.memory import MemoryStore

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def registry():
    made = ModelRegistry(MemoryStore(), emitter=EventEmitter(), collector=MetricsCollector())
    made.register_model({"w": 1}, "churn", metrics={"accuracy": 0.91, "loss": 0.5}, tags={"team": HOSTILE})
    made.register_model({"w": 2}, "churn", metrics={"accuracy": 0.96, "loss": 0.5}, tags={"team": HOSTILE})
    made.promote("churn", 1)
    return made


def test_versions_that_were_found_are_rows_in_their_order(registry):
    shown = text.render(answer("page", registry.search(order_by=["metrics.accuracy DESC"])))
    assert "2 versions" in shown
    assert shown.index("v2") < shown.index("v1")
    assert "Production" in shown
    assert "registry.search() lists all" in text.render(answer("page", registry.search("name = 'x'")))


def test_a_comparison_shows_differences_first(registry):
    page = answer("page", registry.compare("churn", 1, 2))
    shown = text.render(page)
    assert shown.index("accuracy") < shown.index("the same in all") < shown.index("loss")
    assert "registry.compare('churn', 1, 2)" in shown
    written = html.render(page)
    assert "&lt;img" in written
    assert "<img src=x" not in written


def test_versions_that_are_alike_are_said_to_be(registry):
    assert "nothing differs" in text.render(answer("page", registry.compare("churn", 1, 1)))
