from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.address import Address
from tauro_nb.mlops.mlflow.errand import Errand
from tauro_nb.store.memory import MemoryStore

names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)


@given(names)
def test_every_name_becomes_one_that_mlflow_takes(name: str) -> None:
    key = spelling.key(name)
    assert re.fullmatch(r"[/\w.\- :]+", key)  # MLflow's rule, of both its checks
    norm = posixpath.normpath(key)
    assert norm == key
    assert norm != "."
    assert not norm.startswith(("..", "/"))
    assert len(key) <= 250
    alias = spelling.alias(name)
    assert re.fullmatch(r"[\w\-]+", alias)
    assert not re.fullmatch(r"v\d+|latest", alias, re.IGNORECASE)


@given(names, names)
def test_two_names_never_become_one(one: str, two: str) -> None:
    for spelt in (spelling.key, spelling.alias, spelling.catalog_model):
        assert (spelt(one) == spelt(two)) == (one == two)


@pytest.mark.parametrize("name", ["loss", "train/loss", "größe", "a b", "a:b", "x.y-z_1"])
def test_what_mlflow_takes_stays_as_it_is(name: str) -> None:
    assert spelling.key(name) == name


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (True, "True"), (None, "None"), ("x", "x"), ([1, {"a": "ü"}], '[1, {"a": "ü"}]')]
)
def test_parameters_are_the_text_that_mlflows_client_makes_of_them(value: object, text: str) -> None:
    assert spelling.param(value) == text


def test_names_on_databricks_are_paths_and_have_three_levels() -> None:
    errand = Errand(store=MemoryStore(), address=Address.of("databricks"), catalog="ml", schema="prod")
    assert errand.place_of("churn") == "/Shared/churn"
    assert errand.place_of("/Users/ann/churn") == "/Users/ann/churn"
    assert re.fullmatch(r"/Shared/team-churn-[0-9a-f]{8}", errand.place_of("team/churn")), "no folder is made there"
    assert errand.model_name("churn-predictor") == "ml.prod.churn-predictor"
    assert re.fullmatch(r"ml\.prod\.a_b-[0-9a-f]{8}", errand.model_name("a.b"))
    workspace = Errand(store=MemoryStore(), address=Address.of("databricks", "databricks"))
    assert workspace.model_name("churn.predictor") == "churn.predictor"
