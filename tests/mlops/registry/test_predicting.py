"""``version.predict``: data held against the signature, and the model asked in its own way."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tauro_nb.errors import ArtifactCorrupt, SchemaMismatch, Untrusted, UsageError
from tauro_nb.mlops.registry.inputs import conformed
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.signature import Column, Signature, infer
from tauro_nb.store.protocol import Store

FRAME = pd.DataFrame({"age": [20, 30, 40, 50], "income": [1.0, 2.0, 3.0, 4.0], "plan": ["a", "b", "a", "b"]})
Y = [0, 1, 0, 1]


class Echo:
    """Says what it was given."""

    def predict(self, data: Any) -> Any:
        return data


@pytest.fixture
def model() -> Any:
    chosen = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(chosen, LogisticRegression()).fit(FRAME, Y)


def test_a_version_predicts_as_its_model(registry: ModelRegistry, model: Any) -> None:
    version = registry.register_model(model, "churn", input_example=FRAME)
    expected = model.predict(FRAME).tolist()

    assert version.predict(FRAME).tolist() == expected
    assert version.predict(FRAME[["plan", "age", "income"]].assign(more=1)).tolist() == expected
    assert version.predict(FRAME.to_dict("records")).tolist() == expected
    assert version.predict(FRAME.to_dict("list")).tolist() == expected
    assert version.predict(FRAME.to_numpy(dtype=object)).tolist() == expected
    assert registry.get("churn").predict(FRAME.iloc[:1]).tolist() == expected[:1]


def test_the_signature_says_what_goes_in_and_what_comes_out(registry: ModelRegistry, model: Any) -> None:
    signature = registry.register_model(model, "churn", input_example=FRAME).record.signature
    assert signature is not None
    assert [(each.name, each.dtype) for each in signature.columns][:2] == [("age", "int64"), ("income", "float64")]
    assert signature.outputs == (Column(name="", dtype="int64"),)


def test_the_training_frame_gives_the_signature_and_leaves_no_row(registry: ModelRegistry, model: Any) -> None:
    record = registry.register_model(model, "churn", signature=FRAME).record
    assert record.signature == registry.register_model(model, "churn", input_example=FRAME).record.signature
    assert record.input_example is None


def test_a_model_that_fails_on_its_example_is_registered_with_a_warning(registry: ModelRegistry, model: Any) -> None:
    with pytest.warns(RuntimeWarning, match="cannot predict from its input_example"):
        version = registry.register_model(model, "churn", input_example=FRAME[["age"]])
    assert version.record.signature is not None
    assert version.record.signature.outputs == ()


def test_all_missing_columns_are_named_at_once(registry: ModelRegistry, model: Any) -> None:
    version = registry.register_model(model, "churn", input_example=FRAME)
    with pytest.raises(SchemaMismatch, match="churn v1") as caught:
        version.predict(FRAME[["age"]])
    assert caught.value.problems == ("column 'income' is missing", "column 'plan' is missing")
    assert caught.value.fix == "it takes the columns age, income, plan"


def of(dtype: str, **more: Any) -> Signature:
    return Signature(kind="table", columns=(Column(name="x", dtype=dtype, **more),))


def fitted(values: Any, signature: Signature) -> Any:
    return conformed(pd.DataFrame({"x": values}), signature, where="m v1")["x"]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("int32", "int64"),
        ("int64", "int8"),
        ("uint8", "int16"),
        ("int64", "float64"),
        ("int32", "float32"),
        ("float32", "float64"),
        ("float64", "float32"),
        ("Int64", "int64"),
        ("Int64", "float64"),
        ("int64", "Int64"),
        ("boolean", "bool"),
        ("object", "int64"),
    ],
)
def test_types_are_converted_where_nothing_is_lost(found: str, wanted: str) -> None:
    given = pd.Series([True, False] if "bool" in found else [1, 2], dtype=found)
    made = fitted(given, of(wanted))
    assert str(made.dtype) == wanted
    assert made.tolist() == given.tolist()


@pytest.mark.parametrize(
    ("values", "wanted", "why"),
    [
        ([1.0, 2.0], "int64", "float64, where int64 is expected"),
        ([1.0, None], "int64", r"1 missing values \(float64\), where int64 is expected"),
        (pd.array([1, None], dtype="Int64"), "int64", "1 missing values"),
        ([1, 300], "int8", "300 does not fit int8"),
        ([-1], "uint8", "-1 does not fit uint8"),
        ([1e300], "float32", r"1e\+300 does not fit float32"),
        (["1", "2"], "int64", "where int64 is expected"),
        (["1", "2"], "float64", "where float64 is expected"),
        ([1, 2], "bool", "int64, where bool is expected"),
        ([True], "int64", "bool, where int64 is expected"),
        (["2024-01-01"], "datetime64[ns]", r"where datetime64\[ns\] is expected"),
        (pd.to_datetime(["2024-01-01"], utc=True), "datetime64[ns]", "has a time zone"),
        ([1, 2], "string", "int64, where string is expected"),
    ],
)
def test_what_would_lose_something_is_refused_with_its_column(values: Any, wanted: str, why: str) -> None:
    with pytest.raises(SchemaMismatch, match=rf"m v1: column 'x': .*{why}"):
        fitted(values, of(wanted))


def test_missing_values_stay_missing_where_the_type_has_them() -> None:
    assert fitted([None, None], of("float64")).isna().all()
    assert fitted([1, None], of("float32")).isna().tolist() == [False, True]
    assert fitted(pd.array([1, None], dtype="Int64"), of("float64")).isna().tolist() == [False, True]
    for text in ("object", "string", "str", "<U1"):
        assert fitted(["a", None], of(text)).isna().tolist() == [False, True]
        assert fitted([None, None], of(text)).isna().all()


def test_categories_are_those_of_the_training_frame_in_their_order() -> None:
    trained = pd.DataFrame({"x": pd.Categorical(["low", "high"], categories=["low", "high"])})
    signature = infer(trained)
    assert signature.columns[0].categories == ("low", "high")

    made = fitted(["high", "low", None], signature)
    assert made.cat.codes.tolist() == [1, 0, -1]
    assert fitted(pd.Categorical(["high"]), signature).cat.codes.tolist() == [1]
    with pytest.raises(SchemaMismatch, match="'medium' is none of the 2 categories"):
        fitted(["medium"], signature)


def test_times_are_taken_in_another_unit_and_out_of_json() -> None:
    moment = pd.Timestamp("2024-01-02T03:04:05")
    assert fitted(pd.Series([moment]).astype("datetime64[s]"), of("datetime64[ns]")).tolist() == [moment]
    records = conformed([{"x": "2024-01-02T03:04:05"}], of("datetime64[us]"), where="m v1")
    assert (records["x"].tolist(), str(records["x"].dtype)) == ([moment], "datetime64[us]")


def test_a_frame_keeps_its_index_and_is_not_changed() -> None:
    frame = pd.DataFrame({"y": [1], "x": [1]}, index=["row"])
    made = conformed(frame, of("float64"), where="m v1")
    assert (made.columns.tolist(), made.index.tolist()) == (["x"], ["row"])
    assert frame.dtypes.astype(str).tolist() == ["int64", "int64"]


@pytest.mark.parametrize("data", [np.zeros((2, 3)), np.zeros(2), "text", 3, [[1, 2], [3]], FRAME["age"]])
def test_what_is_no_such_table_is_refused(data: Any) -> None:
    with pytest.raises(SchemaMismatch, match="is no table of 1 columns"):
        conformed(data, of("float64"), where="m v1")


def test_a_column_that_is_there_twice_is_refused() -> None:
    frame = pd.DataFrame([[1.0, 2.0]], columns=["x", "x"])
    with pytest.raises(SchemaMismatch, match="'x' is there twice"):
        conformed(frame, of("float64"), where="m v1")
    with pytest.raises(UsageError, match="two columns 'x'"):
        infer(frame)


def test_arrays_are_held_against_their_shape_and_type(registry: ModelRegistry) -> None:
    version = registry.register_model(Echo(), "m", input_example=np.zeros((4, 3), dtype="float32"))
    assert version.predict([[1, 2, 3]]).dtype == "float32"
    assert version.predict(pd.DataFrame(np.ones((2, 3)))).shape == (2, 3)
    with pytest.raises(SchemaMismatch, match=r"shape \(2, 2\), where \(any, 3\) is expected"):
        version.predict(np.zeros((2, 2)))
    with pytest.raises(SchemaMismatch, match="where float32 is expected"):
        version.predict([["a", "b", "c"]])


def test_arrays_by_name_stay_arrays_by_name(registry: ModelRegistry) -> None:
    version = registry.register_model(Echo(), "m", input_example={"x": np.zeros((4, 2)), "y": np.zeros(4, "int8")})
    assert version.record.signature is not None
    assert [each.name for each in version.record.signature.outputs] == ["x", "y"]
    made = version.predict({"y": [1, 2], "x": [[1, 2], [3, 4]], "z": 0})
    assert {name: (each.shape, str(each.dtype)) for name, each in made.items()} == {
        "x": ((2, 2), "float64"),
        "y": ((2,), "int8"),
    }


def test_without_a_signature_records_are_a_table_and_the_rest_is_as_it_is(registry: ModelRegistry) -> None:
    version = registry.register_model(Echo(), "m")
    assert version.predict("text") == "text"
    assert version.predict([{"a": 1}]).columns.tolist() == ["a"]


def test_a_function_is_called(registry: ModelRegistry) -> None:
    def double(frame: Any) -> Any:
        return frame["x"] * 2

    version = registry.register_model(double, "m", input_example=pd.DataFrame({"x": [1]}))
    assert version.predict({"x": [2]}).tolist() == [4]


@pytest.mark.parametrize("model", [Path(__file__), {"weights": 1}, int], ids=["file", "dict", "class"])
def test_what_predicts_nothing_says_so(model: Any, registry: ModelRegistry) -> None:
    with pytest.raises(UsageError, match=r"m v1 is .* which predicts nothing") as caught:
        registry.register_model(model, "m").predict([1])
    assert "load()" in str(caught.value.fix)


def test_a_model_is_loaded_once_and_not_copied_along(registry: ModelRegistry, store: Store, model: Any) -> None:
    version = registry.register_model(model, "m", input_example=FRAME)
    version.predict(FRAME)
    for file in version.files:
        store.delete(f"{version.record.artifacts}/{file.path}")
    assert len(version.predict(FRAME)) == 4
    with pytest.raises(ArtifactCorrupt, match="is missing"):
        copy.copy(version).predict(FRAME)
    assert registry.get("m") == version


def test_predicting_honours_trust_and_checksums(make: Any, store: Store) -> None:
    version = make().register_model(Echo(), "m")
    with pytest.raises(Untrusted):
        make(trust="safe").get("m").predict([1])
    store.put(f"{version.record.artifacts}/model.pkl", pickle.dumps("another"))
    with pytest.raises(ArtifactCorrupt, match=r"model\.pkl"):
        make().get("m").predict([1])


def test_a_signature_without_an_example_is_no_example_itself(registry: ModelRegistry) -> None:
    signature = infer(pd.DataFrame({"age": [1, 2]}))
    version = registry.register_model(Echo(), "m", signature=signature)  # a warning would fail this test
    assert version.record.signature == signature
