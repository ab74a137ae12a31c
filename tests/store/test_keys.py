from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tauro_nb.errors import UnsafePath
from tauro_nb.store import keys
from tauro_nb.store.paths import PathValidator

any_text = st.text(st.characters(codec=None), min_size=1, max_size=400)
nasty = st.text(st.sampled_from(list(' .%~/\\:*?"<>|\0\naAé\ud800🚀conCON1')), min_size=1, max_size=90)


@pytest.mark.parametrize(
    "name", ["customer_churn", "churn-predictor", "MyModel-2.1", "v1.0_final", "two words", "a~b", "-x"]
)
def test_plain_names_are_their_own_folders(name: str) -> None:
    assert keys.segment(name) == name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("..", "%2E%2E"),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        (" start", "%20start"),
        (" ", "%20"),
        ("a/b", "a%2Fb"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        ("a\\b", "a%5Cb"),
        ("a\0b", "a%00b"),
        ("a\nb", "a%0Ab"),
        ("100%", "100%25"),
        ("a%2Fb", "a%252Fb"),
        ("CON", "%43ON"),
        ("nul.txt", "%6Eul.txt"),
        ("com1", "%63om1"),
        ("LPT9 .x", "%4CPT9 .x"),
        ("console", "console"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("🚀", "%F0%9F%9A%80"),
        ("x=1,y", "x%3D1%2Cy"),
        ("half \ud800", "half %ED%A0%80"),
    ],
)
def test_any_other_name_is_escaped_as_documented(name: str, folder: str) -> None:
    assert keys.segment(name) == folder
    assert keys.unsegment(folder) == name


def test_a_name_too_long_for_a_folder_is_shortened_and_not_read_back() -> None:
    folder = keys.segment("m" * 300)
    assert folder == "m" * 160 + "%~" + hashlib.sha256(b"m" * 300).hexdigest()[:32]
    assert keys.unsegment(folder) is None
    assert keys.segment("m" * 299 + "n") != folder


def test_a_shortened_name_does_not_end_in_half_an_escape() -> None:
    for pad in range(4):
        head, _, digest = keys.segment("x" * pad + "é" * 300).partition("%~")
        assert len(digest) == 32
        assert head.lstrip("x") == "%C3%A9" * (len(head) // 6) + ("%C3" if len(head.lstrip("x")) % 6 else "")


@pytest.mark.parametrize("folder", ["", "%", "%zz", "%2f", "a%41b", ".DS_Store", "end.", "CON", "a/b", "größe", "%FF"])
def test_a_folder_that_no_name_makes_has_no_name(folder: str) -> None:
    assert keys.unsegment(folder) is None


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(UnsafePath):
        keys.segment("")


@given(any_text | nasty)
@example("%~" + "0" * 32)
@example("a" * 160 + "%~" + "0" * 32)
def test_every_name_has_a_folder_that_any_disk_can_hold(name: str) -> None:
    folder = keys.segment(name)
    assert folder.isascii()
    assert len(folder) <= keys.NAME_BYTES
    assert not set(folder) & set('/\\:*?"<>|\0\n')
    assert folder[0] not in ". "
    assert folder[-1] not in ". "
    assert folder.split(".")[0].strip().upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}
    assert PathValidator.key(folder) == folder


@given(any_text | nasty)
@example("a" * 160 + "%~" + "0" * 32)
def test_a_name_is_read_back_from_its_folder_unless_it_was_shortened(name: str) -> None:
    folder = keys.segment(name)
    if keys.unsegment(folder) is None:
        assert len(folder) in range(192, 195)
        assert folder[-34:-32] == "%~"
    else:
        assert keys.unsegment(folder) == name


@given(any_text | nasty, any_text | nasty)
@example("a/b", "a%2Fb")
@example("x" * 300, "x" * 301)
@example("CON", "%43ON")
def test_different_names_have_different_folders(one: str, other: str) -> None:
    assert (keys.segment(one) == keys.segment(other)) == (one == other)


@given(st.text(max_size=60))
def test_only_what_segment_made_has_a_name(folder: str) -> None:
    name = keys.unsegment(folder)
    assert name is None or keys.segment(name) == folder


def test_every_key_of_the_layout() -> None:
    made = [
        keys.experiment_record("customer_churn"),
        keys.run_record("customer_churn", "r1"),
        keys.metrics("customer_churn", "r1"),
        keys.artifact("customer_churn", "r1", "./models/churn.pkl"),
        keys.manifest("customer_churn", "r1"),
        keys.model_version("churn-predictor", 1),
        keys.model_event("churn-predictor", 12),
        keys.model_artifacts("churn-predictor", 1),
        keys.model_upload("churn-predictor", "ab12"),
        keys.logs("events.jsonl"),
        keys.index("runs.parquet"),
    ]
    assert made == [
        "experiments/customer_churn/experiment.json",
        "experiments/customer_churn/runs/r1/run.json",
        "experiments/customer_churn/runs/r1/metrics",
        "experiments/customer_churn/runs/r1/artifacts/models/churn.pkl",
        "experiments/customer_churn/runs/r1/manifest.json",
        "model_registry/models/churn-predictor/versions/1.json",
        "model_registry/models/churn-predictor/events/12.json",
        "model_registry/artifacts/churn-predictor/1",
        "model_registry/artifacts/churn-predictor/upload-ab12",
        "logs/events.jsonl",
        "index/runs.parquet",
    ]


@given(nasty, nasty)
def test_no_name_leads_out_of_its_place(name: str, run_id: str) -> None:
    for key in (keys.run_record(name, run_id), keys.model_version(name, 1), keys.model_upload(name, run_id)):
        PathValidator.key(key)
        assert key.count("/") == len(key.split("/")) - 1
    assert keys.run_record(name, run_id).count("/") == 4
    assert keys.model_upload(name, run_id).count("/") == 3


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_an_artifact_s_path_stays_inside_its_run(path: str) -> None:
    with pytest.raises(UnsafePath):
        keys.artifact("e", "r", path)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("12.json", 12),
        ("12", 12),
        ("0", 0),
        ("012", None),
        ("x.json", None),
        ("-1", None),
        ("١", None),
        ("", None),
        (".json", None),
    ],
)
def test_numbers_are_read_from_listed_names(name: str, number: int | None) -> None:
    assert keys.number(name) == number
