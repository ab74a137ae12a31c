"""Versions that leave one registry and come into another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import (
    ArtifactCorrupt,
    FormatTooNew,
    InvalidModelName,
    ModelNotFound,
    RegistryError,
    UnsafePath,
    Untrusted,
    UsageError,
)
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore
from tauro_nb.store.walk import walk


@pytest.fixture
def filled(registry: ModelRegistry) -> ModelRegistry:
    model = LogisticRegression().fit([[0], [1]], [0, 1])
    registry.register_model({"v": 1}, "churn")
    registry.register_model(
        model, "churn", "of the spring", {"accuracy": 0.9, "loss": float("nan")}, {"team": "risk"}, input_example=[1]
    )
    registry.set_tags("churn", 2, {"reviewed": "yes"})
    registry.promote("churn", 2)
    return registry


@pytest.fixture
def other(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(LocalStore(tmp_path / "other"))


@pytest.fixture(params=["folder", "zip"])
def sent(request: pytest.FixtureRequest, filled: ModelRegistry, tmp_path: Path) -> Path:
    return filled.export("churn", 2, tmp_path / ("churn.zip" if request.param == "zip" else "churn"))


def changed(path: Path, edit: Callable[[Path], Any]) -> Path:
    """Return a copy of what was exported, after `edit` of it as a folder."""
    copy = path.with_name(f"changed-{path.name}")
    folder = path.with_name("unpacked")
    if path.suffix == ".zip":
        shutil.unpack_archive(path, folder)
    else:
        shutil.copytree(path, folder)
    edit(folder)
    if path.suffix != ".zip":
        return folder
    with zipfile.ZipFile(copy, "w") as packed:
        for each in folder.rglob("*"):
            packed.write(each, each.relative_to(folder))
    return copy


def test_a_version_comes_into_another_registry_as_it_was(
    filled: ModelRegistry, sent: Path, other: ModelRegistry
) -> None:
    there, here = filled.get("churn", 2), other.import_model(sent)
    assert (here.name, here.version, here.description) == ("churn", 1, "of the spring")
    assert here.tags == {"team": "risk", "reviewed": "yes"}
    assert here.metrics == pytest.approx({"accuracy": 0.9, "loss": float("nan")}, nan_ok=True)
    assert (here.stage, here.files, here.record.meta) == (None, there.files, there.record.meta)
    assert other.load_model("churn").predict([[1]]) == [1]
    assert f"imported from churn v2 of {filled.store.location}" in other.history("churn")["details"].tolist()


def test_what_is_here_already_is_not_imported_again(filled: ModelRegistry, sent: Path, other: ModelRegistry) -> None:
    first = other.import_model(sent)
    before = list(walk(other.store))
    assert other.import_model(str(sent)).record.nonce == first.record.nonce
    assert filled.import_model(sent).version == 2
    assert list(walk(other.store)) == before
    assert (other.import_model(sent, "renamed").name, other.get("renamed").version) == ("renamed", 1)
    other.delete_version("churn", 1)
    assert other.import_model(sent).version == 2


def test_an_imported_version_that_is_passed_on_is_still_the_same_one(
    sent: Path, filled: ModelRegistry, other: ModelRegistry, tmp_path: Path
) -> None:
    other.import_model(sent)
    passed_on = other.export("churn", 1, tmp_path / "again.zip")
    assert filled.import_model(passed_on).version == 2


def test_an_exported_folder_says_what_it_is(filled: ModelRegistry, tmp_path: Path) -> None:
    folder = filled.export("churn", 2, tmp_path / "deep" / "churn")
    names = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert names == {
        "version.json",
        "requirements.txt",
        "SHA256SUMS",
        *(f"model/{file.path}" for file in filled.get("churn", 2).files),
    }
    pinned = (folder / "requirements.txt").read_text(encoding="utf-8")
    assert "scikit-learn==" in pinned
    assert "skops==" in pinned
    assert json.loads((folder / "version.json").read_bytes())["stage"] == "Production"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_exporting_again_leaves_what_is_there_and_nothing_else_is_overwritten(
    filled: ModelRegistry, sent: Path, tmp_path: Path
) -> None:
    before = sent.stat().st_mtime_ns
    assert filled.export("churn", 2, sent) == sent
    assert sent.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="something else is there"):
        filled.export("churn", 1, sent)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError):
        filled.export("churn", 2, tmp_path / "mine")
    with pytest.raises(ModelNotFound):
        filled.export("churn", 9, tmp_path / "none")
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == []


def damage(name: str, data: bytes | None) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / name
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)

    return edit


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model/model.skops", b""),
        ("model/model.skops", b"swapped"),
        ("model/model.skops", None),
        ("model/manifest.json", b"{}"),
        ("model/more.pkl", b"x"),
        ("requirements.txt", b"evil"),
        ("more.txt", b"x"),
    ],
)
def test_what_differs_is_named_and_nothing_is_imported(
    name: str, data: bytes | None, sent: Path, other: ModelRegistry
) -> None:
    with pytest.raises(ArtifactCorrupt, match="nothing was imported") as told:
        other.import_model(changed(sent, damage(name, data)))
    assert name in str(told.value)
    assert list(walk(other.store)) == []


def test_checksums_forged_to_fit_a_swapped_file_are_found_out(sent: Path, other: ModelRegistry) -> None:
    import hashlib

    def forge(folder: Path) -> None:
        sums = (folder / "SHA256SUMS").read_text(encoding="utf-8")
        old = hashlib.sha256((folder / "model" / "model.skops").read_bytes()).hexdigest()
        (folder / "model" / "model.skops").write_bytes(b"swapped")
        (folder / "SHA256SUMS").write_text(sums.replace(old, hashlib.sha256(b"swapped").hexdigest()), encoding="utf-8")

    with pytest.raises(ArtifactCorrupt, match=r"model\.skops"):
        other.import_model(changed(sent, forge))


@pytest.mark.parametrize("path", ["../../evil.pkl", "/tmp/evil.pkl", "a/../../evil.pkl"])
def test_no_name_in_a_parcel_leads_out_of_it(path: str, sent: Path, other: ModelRegistry, tmp_path: Path) -> None:
    def rename(folder: Path) -> None:
        told = json.loads((folder / "version.json").read_bytes())
        told["record"]["files"][0]["path"] = path
        (folder / "version.json").write_text(json.dumps(told), encoding="utf-8")

    with pytest.raises(UnsafePath):
        other.import_model(changed(sent, rename))
    assert list(walk(other.store)) == []
    assert not list(tmp_path.parent.rglob("evil.pkl"))


def test_a_zip_with_a_name_that_leads_out_is_refused(
    filled: ModelRegistry, other: ModelRegistry, tmp_path: Path
) -> None:
    sent = filled.export("churn", 2, tmp_path / "churn.zip")
    with zipfile.ZipFile(sent, "a") as packed:
        packed.writestr("../slipped.txt", b"x")
    with pytest.raises(UnsafePath):
        other.import_model(sent)
    assert not list(tmp_path.parent.rglob("slipped.txt"))


def test_a_link_in_a_folder_is_refused(filled: ModelRegistry, other: ModelRegistry, tmp_path: Path) -> None:
    sent = filled.export("churn", 2, tmp_path / "churn")
    (sent / "model" / "model.skops").unlink()
    (sent / "model" / "model.skops").symlink_to("/etc/passwd")
    with pytest.raises(UnsafePath, match="symbolic link"):
        other.import_model(sent)


def test_what_is_no_parcel_says_so(other: ModelRegistry, tmp_path: Path, sent: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_bytes(b"no zip")
    with pytest.raises(RegistryError, match=r"no version\.json in it"):
        other.import_model(tmp_path / "empty")
    with pytest.raises(RegistryError, match="no zip file"):
        other.import_model(tmp_path / "text.zip")
    with pytest.raises(UsageError, match="no such file"):
        other.import_model(tmp_path / "absent")
    with pytest.raises(RegistryError, match="not what it should be"):
        other.import_model(changed(sent, damage("version.json", b"[]")))
    with pytest.raises(InvalidModelName):
        other.import_model(sent, "../../etc")
    assert list(walk(other.store)) == []


def test_a_newer_format_is_refused_with_the_mend(sent: Path, other: ModelRegistry) -> None:
    def newer(folder: Path) -> None:
        told = json.loads((folder / "version.json").read_bytes())
        (folder / "version.json").write_text(json.dumps({**told, "format": 2}), encoding="utf-8")

    with pytest.raises(FormatTooNew, match="format 2"):
        other.import_model(changed(sent, newer))


def test_what_was_imported_and_runs_code_is_loaded_only_where_that_is_trusted(
    filled: ModelRegistry, tmp_path: Path
) -> None:
    sent = filled.export("churn", 1, tmp_path / "pickled.zip")
    careful = ModelRegistry(LocalStore(tmp_path / "careful"), RegistrySettings(trust="own"))
    careful.import_model(sent)
    with pytest.raises(Untrusted):
        careful.load_model("churn")
    assert ModelRegistry(careful.store).load_model("churn") == {"v": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(
    filled: ModelRegistry, other: ModelRegistry, tmp_path: Path
) -> None:
    folder = filled.export("churn", 1, tmp_path / "churn")
    (folder / "model" / "model.pkl").unlink()
    os.mkfifo(folder / "model" / "model.pkl")
    with pytest.raises(UnsafePath, match="no regular file"):
        other.import_model(folder)


def test_a_version_that_many_import_at_once_is_imported_once(filled: ModelRegistry, tmp_path: Path) -> None:
    path, store = filled.export("churn", 1, tmp_path / "churn.zip"), LocalStore(tmp_path / "other")
    ready = threading.Barrier(6)

    def import_it(_: int) -> int:
        registry = ModelRegistry(store)
        ready.wait(60)
        return registry.import_model(path).version

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(import_it, range(6))) == {1}
    assert len(ModelRegistry(store).versions("churn")) == 1
