from __future__ import annotations

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tauro_nb.errors import (
    DatasetExists,
    DatasetMissing,
    DatasetUnreadable,
    DatasetUnwritable,
    MissingDependency,
    SchemaMismatch,
    UnknownName,
    UnsafePath,
    UsageError,
)
from tauro_nb.io import boundary
from tauro_nb.io.catalog import Catalog
from tauro_nb.io.dataset import Dataset

Project = Callable[..., Catalog]
TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def leftovers(folder: Path) -> list[str]:
    return [item.name for item in folder.rglob("*") if ".tmp" in item.name]


@pytest.fixture
def refuses_everybody(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make opening a path fail as it does for a user without permission (tests may run as root, who has it always)."""

    def refuse(refused: Path) -> None:
        opened = Path.open

        def guarded(self: Path, *args: Any, **kwargs: Any) -> Any:
            if self == refused:
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, *args, **kwargs)

        monkeypatch.setattr(Path, "open", guarded)

    return refuse


class TestLoading:
    def test_real_data_load_as_their_schema_says(self, churn_parquet: Path, project: Project) -> None:
        schema = [
            {"name": "churn", "type": "boolean", "nullable": False},
            {"name": "account_length", "type": "integer"},
        ]
        catalog = project({"customers": {"path": str(churn_parquet), "format": "parquet", "schema": schema}})
        found = catalog.load("customers")
        assert found.shape == (5000, 19)
        assert found["churn"].dtype == bool
        assert catalog.rows(found) == 5000
        assert catalog.check("customers") == []

    def test_a_schema_with_a_column_that_the_data_lack_is_refused_with_the_mend(
        self, churn_parquet: Path, project: Project
    ) -> None:
        schema = [{"name": "churn", "type": "boolean"}, {"name": "age", "type": "integer"}]
        catalog = project({"customers": {"path": str(churn_parquet), "format": "parquet", "schema": schema}})
        with pytest.raises(SchemaMismatch, match="column 'age' is missing") as caught:
            catalog.load("customers")
        assert caught.value.fix is not None
        assert "remove 'age' from the schema in inputs.customers.schema, or add the column" in caught.value.fix
        assert "account_length" in caught.value.fix
        assert [problem.message for problem in catalog.check("customers")] == [caught.value.message]

    def test_an_unknown_dataset_is_an_error_that_names_the_near_one(self, project: Project) -> None:
        catalog = project({"training": {"path": "a.csv", "format": "csv"}})
        with pytest.raises(UnknownName) as caught:
            catalog.load("trainings")
        assert caught.value.fix == "did you mean 'training'?"

    def test_a_missing_file_names_the_near_one(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "train.parquet").touch()
        for written in ("data/trian.parquet", "dat/train.parquet", "data/train.csv", "dta/tran.parquet"):
            catalog = project({"training": {"path": written, "format": "parquet"}})
            with pytest.raises(
                DatasetMissing, match=rf"'training': no file {written} \(inputs.training.path\)"
            ) as caught:
                catalog.load("training")
            assert caught.value.fix == "did you mean 'data/train.parquet'?"
            assert isinstance(caught.value, FileNotFoundError)

    def test_a_missing_file_without_a_near_one_says_what_is_there(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "zzz.bin").touch()
        with pytest.raises(DatasetMissing) as caught:
            project({"training": {"path": "train.csv", "format": "csv"}}).load("training")
        assert caught.value.fix == "put the file there, or correct inputs.training.path (that folder has zzz.bin)"

    def test_a_missing_output_says_that_a_node_writes_it(self, project: Project) -> None:
        with pytest.raises(DatasetMissing) as caught:
            project({}, {"scores": {"path": "out/scores.csv", "format": "csv"}}).load("scores")
        assert caught.value.fix == "run the node that writes it first"

    @pytest.mark.parametrize("kind", ["parquet", "feather", "json", "jsonl", "pickle"])
    def test_a_file_that_is_cut_short_is_unreadable(self, tmp_path: Path, project: Project, kind: str) -> None:
        entry = {"path": "t", "format": kind, "allow_pickle": True}
        catalog = project({}, {"t": entry})
        catalog.save("t", TABLE)
        whole = (tmp_path / "t").read_bytes()
        (tmp_path / "t").write_bytes(whole[: len(whole) - 5])
        with pytest.raises(DatasetUnreadable, match=f"'t': t cannot be read as {kind}") as caught:
            catalog.load("t")
        assert caught.value.__cause__ is not None
        assert caught.value.fix

    @pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "json", "pickle"])
    def test_a_file_of_no_bytes_is_unreadable_and_said_to_be_empty(
        self, tmp_path: Path, project: Project, kind: str
    ) -> None:
        (tmp_path / "t").touch()
        with pytest.raises(DatasetUnreadable) as caught:
            project({"t": {"path": "t", "format": kind, "allow_pickle": True}}).load("t")
        assert caught.value.fix == "the file is empty; write it again"

    def test_no_lines_are_a_table_of_no_rows(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").touch()
        schema = [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]
        found = project({"t": {"path": "t", "format": "jsonl", "schema": schema}}).load("t")
        assert found.shape == (0, 2)
        assert found["a"].dtype == "int64"

    def test_a_file_of_another_format_is_told_apart(self, tmp_path: Path, project: Project) -> None:
        TABLE.to_parquet(tmp_path / "t")
        with pytest.raises(DatasetUnreadable) as caught:
            project({"t": {"path": "t", "format": "feather"}}).load("t")
        assert caught.value.fix == "the file looks like parquet; correct inputs.t.format"

    def test_text_in_another_encoding_names_the_option_and_loads_with_it(
        self, tmp_path: Path, project: Project
    ) -> None:
        (tmp_path / "t.csv").write_bytes("name\nŁódź\n".encode("iso8859-2"))
        with pytest.raises(DatasetUnreadable) as caught:
            project({"t": {"path": "t.csv", "format": "csv"}}).load("t")
        assert "encoding" in (caught.value.fix or "")
        options = {"encoding": "iso8859-2"}
        found = project({"t": {"path": "t.csv", "format": "csv", "options": options}}).load("t")
        assert found["name"].tolist() == ["Łódź"]

    def test_a_file_without_permission_is_unreadable(
        self, tmp_path: Path, project: Project, refuses_everybody: Callable[[Path], None]
    ) -> None:
        (tmp_path / "t.json").write_text("[]", encoding="utf-8")
        refuses_everybody(tmp_path / "t.json")
        with pytest.raises(DatasetUnreadable, match="permission denied") as caught:
            project({"t": {"path": "t.json", "format": "json"}}).load("t")
        assert caught.value.fix == "make t.json readable for this user"

    @pytest.mark.parametrize("path", ["../t.csv", "data/../../t.csv", "s3://bucket/t.csv"])
    def test_a_path_that_climbs_or_is_no_path_is_refused(self, project: Project, path: str) -> None:
        catalog = project({"t": {"path": path, "format": "csv"}}, {"o": {"path": path, "format": "csv"}})
        for act in (lambda: catalog.load("t"), lambda: catalog.save("o", TABLE)):
            with pytest.raises(UnsafePath, match=r"puts\.\w\.path|\w+puts\.\w\.path"):
                act()
        assert [type(problem) for problem in catalog.check("t")] == [UnsafePath]
        assert catalog.describe("t").problem
        assert not catalog.exists("t")

    def test_datasets_may_lie_outside_of_the_project_and_behind_links(self, tmp_path: Path, project: Project) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        TABLE.to_csv(outside / "real.csv", index=False)
        (tmp_path / "link.csv").symlink_to(outside / "real.csv")
        entries = {
            "far": {"path": str(outside / "real.csv"), "format": "csv"},
            "near": {"path": "link.csv", "format": "csv"},
        }
        catalog = project(entries, {"near": entries["near"]})
        assert_frame_equal(catalog.load("far"), TABLE)
        assert_frame_equal(catalog.load("near"), TABLE)
        catalog.save("near", TABLE[:1])
        assert (tmp_path / "link.csv").is_symlink()
        assert len(catalog.load("far")) == 1

    def test_a_folder_of_parquet_files_loads_as_one_table(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").mkdir()
        for part in range(2):
            TABLE.to_parquet(tmp_path / "t" / f"part-{part}.parquet")
        catalog = project({"t": {"path": "t", "format": "parquet", "schema": [{"name": "a", "type": "integer"}]}})
        assert catalog.load("t")["a"].tolist() == [1, 2, 1, 2]
        assert catalog.check("t") == []

    def test_a_folder_in_place_of_a_file_is_unreadable_and_unwritable(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").mkdir()
        catalog = project({"t": {"path": "t", "format": "csv"}}, {"o": {"path": "t", "format": "csv"}})
        with pytest.raises(DatasetUnreadable):
            catalog.load("t")
        with pytest.raises(DatasetUnwritable, match="is a folder"):
            catalog.save("o", TABLE)

    def test_an_unknown_option_is_an_error_that_names_the_near_one(self, tmp_path: Path, project: Project) -> None:
        TABLE.to_csv(tmp_path / "t.csv", index=False)
        catalog = project({"t": {"path": "t.csv", "format": "csv", "options": {"seperator": ";"}}})
        with pytest.raises(UnknownName, match=r"inputs.t.options: no option of the format 'csv' named 'seperator'"):
            catalog.load("t")

    def test_an_option_for_writing_only_does_not_hinder_reading(self, project: Project) -> None:
        options = {"sep": ";", "na_rep": "NULL"}
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv", "options": options}})
        catalog.save("t", TABLE)
        assert_frame_equal(catalog.load("t"), TABLE)

    def test_an_unknown_format_is_an_error_in_every_way(self, project: Project) -> None:
        catalog = project({"t": {"path": "t", "format": "parqet"}}, {"o": {"path": "t", "format": "parqet"}})
        with pytest.raises(UnknownName, match=r"inputs.t.format: no dataset format named 'parqet'"):
            catalog.load("t")
        with pytest.raises(UnknownName, match=r"outputs.o.format"):
            catalog.save("o", TABLE)
        assert [problem.fix for problem in catalog.check("t")] == ["did you mean 'parquet'?"]
        assert [problem.fix for problem in catalog.check("o", "output")] == ["did you mean 'parquet'?"]

    def test_a_spark_node_without_spark_is_told_how_to_get_it(self, project: Project) -> None:
        with pytest.raises(MissingDependency) as caught:
            project({"t": {"path": "t", "format": "parquet"}}).load("t", engine="spark")
        assert "pip install pyspark" in (caught.value.fix or "")
        with pytest.raises(UnknownName):
            project({"t": {"path": "t", "format": "parquet"}}).load("t", engine="sparc")


class Bomb:
    """A value whose unpickling is noticed."""

    went_off = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _go_off, ()


def _go_off() -> None:
    Bomb.went_off = True


class TestPickle:
    def test_a_pickle_is_never_opened_unless_that_is_allowed(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t.pkl").write_bytes(pickle.dumps(Bomb()))
        catalog = project({"t": {"path": "t.pkl", "format": "pickle", "schema": [{"name": "a", "type": "string"}]}})
        with pytest.raises(DatasetUnreadable, match=r"inputs\.t\.allow_pickle") as caught:
            catalog.load("t")
        assert "allow_pickle: true" in (caught.value.fix or "")
        assert [type(problem) for problem in catalog.check("t")] == [DatasetUnreadable]
        catalog.describe("t")
        assert not Bomb.went_off

    def test_a_pickle_is_not_written_unless_that_is_allowed(self, tmp_path: Path, project: Project) -> None:
        with pytest.raises(DatasetUnwritable, match=r"outputs\.o\.allow_pickle"):
            project({}, {"o": {"path": "o.pkl", "format": "pickle"}}).save("o", 1)
        assert not (tmp_path / "o.pkl").exists()

    def test_any_object_comes_back_where_it_is_allowed(self, project: Project) -> None:
        catalog = project({}, {"o": {"path": "o.pkl", "format": "pickle", "allow_pickle": True}})
        catalog.save("o", {"anything": {1, 2}})
        assert catalog.load("o") == {"anything": {1, 2}}

    def test_what_cannot_be_pickled_leaves_the_old_file(self, tmp_path: Path, project: Project) -> None:
        catalog = project({}, {"o": {"path": "o.pkl", "format": "pickle", "allow_pickle": True}})
        catalog.save("o", 1)
        with pytest.raises(DatasetUnwritable, match=r"'o': o\.pkl was not written as pickle"):
            catalog.save("o", lambda: None)
        assert catalog.load("o") == 1
        assert leftovers(tmp_path) == []


class TestSaving:
    @pytest.fixture(params=["csv", "parquet", "feather", "json", "jsonl"])
    def entry(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"path": f"deep/er/t.{request.param}", "format": request.param}

    def test_overwrite_replaces(self, project: Project, entry: dict[str, Any]) -> None:
        catalog = project({}, {"t": entry})
        assert catalog.save("t", TABLE[:1])
        assert catalog.save("t", TABLE)
        assert_frame_equal(catalog.load("t"), TABLE)

    def test_append_adds_rows_and_begins_with_the_first(self, project: Project, entry: dict[str, Any]) -> None:
        catalog = project({}, {"t": {**entry, "write_mode": "append"}})
        for _ in range(3):
            assert catalog.save("t", TABLE)
        assert_frame_equal(catalog.load("t"), pd.concat([TABLE] * 3, ignore_index=True))

    @pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.bz2", "t.json.xz"])
    def test_text_is_compressed_as_the_path_says(self, tmp_path: Path, project: Project, name: str) -> None:
        catalog = project({}, {"t": {"path": name, "format": name.split(".")[1], "write_mode": "append"}})
        catalog.save("t", TABLE)
        catalog.save("t", TABLE)
        assert (tmp_path / name).read_bytes()[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7")
        assert_frame_equal(catalog.load("t"), pd.concat([TABLE, TABLE], ignore_index=True))

    def test_append_of_other_columns_leaves_the_old_file(
        self, tmp_path: Path, project: Project, entry: dict[str, Any]
    ) -> None:
        catalog = project({}, {"t": {**entry, "write_mode": "append"}})
        catalog.save("t", TABLE)
        with pytest.raises(DatasetUnwritable, match="missing 'b'; new 'c'") as caught:
            catalog.save("t", TABLE.rename(columns={"b": "c"}))
        assert caught.value.fix is not None
        assert "write_mode" in caught.value.fix
        assert_frame_equal(catalog.load("t"), TABLE)
        assert leftovers(tmp_path) == []

    def test_error_refuses_a_second_write(self, tmp_path: Path, project: Project, entry: dict[str, Any]) -> None:
        catalog = project({}, {"t": {**entry, "write_mode": "error"}})
        assert catalog.check("t", "output") == []
        catalog.save("t", TABLE)
        with pytest.raises(DatasetExists):
            catalog.save("t", TABLE[:1])
        assert [type(problem) for problem in catalog.check("t", "output")] == [DatasetExists]
        assert_frame_equal(catalog.load("t"), TABLE)
        assert leftovers(tmp_path) == []

    def test_ignore_keeps_the_first(self, project: Project, entry: dict[str, Any]) -> None:
        catalog = project({}, {"t": {**entry, "write_mode": "ignore"}})
        assert catalog.save("t", TABLE)
        assert not catalog.save("t", TABLE[:1])
        assert_frame_equal(catalog.load("t"), TABLE)

    @pytest.mark.parametrize("mode", ["error", "ignore"])
    def test_of_racing_writers_that_must_not_replace_one_wins(
        self, tmp_path: Path, project: Project, mode: str
    ) -> None:
        catalog = project({}, {"t": {"path": "t.json", "format": "json", "write_mode": mode}})
        start, won = threading.Barrier(8), []

        def write(number: int) -> None:
            start.wait()
            try:
                if catalog.save("t", number):
                    won.append(number)
            except DatasetExists:
                assert mode == "error"

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [catalog.load("t")]
        assert leftovers(tmp_path) == []

    def test_appends_from_several_threads_lose_nothing(self, project: Project) -> None:
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv", "write_mode": "append"}})
        threads = [threading.Thread(target=catalog.save, args=("t", TABLE)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(catalog.load("t")) == 16

    def test_an_unknown_mode_is_an_error(self, project: Project) -> None:
        from msgspec.structs import replace

        catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
        outputs = {"t": replace(catalog.context.outputs["t"], write_mode="apend")}
        catalog = Catalog(replace(catalog.context, outputs=outputs))
        with pytest.raises(UnknownName, match=r"outputs.t.write_mode: no write mode named 'apend'") as caught:
            catalog.save("t", TABLE)
        assert caught.value.fix == "did you mean 'append'?"

    def test_a_format_that_cannot_append_says_so_before_anything_runs(self, project: Project) -> None:
        entry = {"path": "t", "format": "pickle", "allow_pickle": True, "write_mode": "append"}
        catalog = project({}, {"t": entry})
        assert ["cannot be appended" in problem.message for problem in catalog.check("t", "output")] == [True]
        with pytest.raises(DatasetUnwritable):
            catalog.save("t", 1)

    def test_a_value_that_the_format_cannot_hold_leaves_the_old_file(
        self, tmp_path: Path, project: Project, entry: dict[str, Any]
    ) -> None:
        catalog = project({}, {"t": entry})
        catalog.save("t", TABLE)
        before = (tmp_path / entry["path"]).read_bytes()
        with pytest.raises(DatasetUnwritable, match="'t'") as caught:
            catalog.save("t", object())
        assert entry["format"] in (caught.value.fix or "")
        assert (tmp_path / entry["path"]).read_bytes() == before
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (OSError(28, "No space left on device"), "no space is left on the device"),
            (OSError(30, "Read-only file system"), "the file system is read-only"),
            (PermissionError(13, "Permission denied"), "permission denied"),
        ],
    )
    def test_a_disk_that_takes_nothing_leaves_the_old_file(
        self, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
    ) -> None:
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
        catalog.save("t", TABLE)

        def fail(_handle: int) -> None:
            raise error

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(DatasetUnwritable, match=said) as caught:
            catalog.save("t", TABLE[:1])
        assert caught.value.__cause__ is error
        assert_frame_equal(catalog.load("t"), TABLE)
        assert leftovers(tmp_path) == []

    @pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="this system has no /dev/full, a disk that is always full"
    )
    def test_a_really_full_disk_is_told(self, project: Project) -> None:
        catalog = project({}, {"t": {"path": "t.jsonl", "format": "jsonl"}})
        dataset = Dataset(catalog.context, "t", "output", catalog.config("t"))
        with pytest.raises(DatasetUnwritable, match="no space"), boundary.writing(dataset):
            dataset.format.write(TABLE, Path("/dev/full"), {})

    def test_an_interrupt_leaves_the_old_file(
        self, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
        catalog.save("t", TABLE)

        def interrupt(_handle: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            catalog.save("t", TABLE[:1])
        assert_frame_equal(catalog.load("t"), TABLE)
        assert leftovers(tmp_path) == []

    def test_an_error_that_comes_of_an_interrupt_is_the_interrupt(self, project: Project) -> None:
        class Closing:
            def __init__(self, error: BaseException | None) -> None:
                self.error = error

            def __reduce__(self) -> Any:
                try:
                    if self.error is not None:
                        raise self.error
                finally:
                    raise ValueError("I/O operation on closed file")

        catalog = project(outputs={"o": {"path": "o.pkl", "format": "pickle", "allow_pickle": True}})
        with pytest.raises(KeyboardInterrupt):
            catalog.save("o", Closing(KeyboardInterrupt()))
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:  # what is saved then is another matter
            with pytest.raises(DatasetUnwritable, match="closed file"):
                catalog.save("o", Closing(None))

    def test_a_file_on_the_way_is_told(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "out").touch()
        catalog = project({}, {"t": {"path": "out/t.csv", "format": "csv"}})
        with pytest.raises(DatasetUnwritable, match="a part of its path is a file"):
            catalog.save("t", TABLE)
        assert ["a part of its path is a file" in problem.message for problem in catalog.check("t", "output")] == [True]

    def test_the_permissions_of_the_old_file_are_kept(self, tmp_path: Path, project: Project) -> None:
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
        catalog.save("t", TABLE)
        (tmp_path / "t.csv").chmod(0o640)
        catalog.save("t", TABLE)
        assert stat.S_IMODE((tmp_path / "t.csv").stat().st_mode) == 0o640

    def test_a_file_system_without_hard_links_still_lets_one_writer_win(
        self, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        catalog = project({}, {"t": {"path": "t.csv", "format": "csv", "write_mode": "error"}})
        catalog.save("t", TABLE)
        with pytest.raises(DatasetExists):
            catalog.save("t", TABLE)
        assert_frame_equal(catalog.load("t"), TABLE)
        assert leftovers(tmp_path) == []

    def test_an_input_is_never_written(self, project: Project) -> None:
        with pytest.raises(UsageError, match="is an input"):
            project({"t": {"path": "t.csv", "format": "csv"}}).save("t", TABLE)
        with pytest.raises(UnknownName):
            project({"t": {"path": "t.csv", "format": "csv"}}).save("u", TABLE)


class TestMemory:
    def test_a_value_in_memory_comes_back_and_is_described(self, project: Project) -> None:
        catalog = project({})
        catalog.put_memory("scores", TABLE)
        assert catalog.names == ["scores"]
        assert catalog.is_memory("scores")
        assert catalog.exists("scores")
        assert not catalog.exists("other")
        assert_frame_equal(catalog.load("scores"), TABLE)
        found = catalog.describe("scores")
        assert (found.role, found.format, found.rows, found.exists) == ("memory", "DataFrame", 2, True)
        assert [name for name, _ in found.columns or ()] == ["a", "b"]
        assert catalog.fingerprint("scores") is None

    def test_a_column_that_one_node_adds_is_not_seen_by_another(self, project: Project) -> None:
        catalog = project({})
        catalog.put_memory("scores", TABLE)
        mine = catalog.load("scores")
        mine["new"] = 1
        assert list(catalog.load("scores").columns) == ["a", "b"]

    def test_a_declared_name_is_not_kept_in_memory(self, project: Project) -> None:
        with pytest.raises(UsageError, match="has a file"):
            project({"t": {"path": "t.csv", "format": "csv"}}).put_memory("t", 1)

    @pytest.mark.parametrize(
        ("value", "rows"), [(TABLE, 2), (TABLE["a"], 2), ([1, 2, 3], 3), ({}, None), ("text", None)]
    )
    def test_rows_are_counted_where_there_are_rows(self, value: Any, rows: int | None) -> None:
        assert Catalog.rows(value) == rows


def test_making_a_catalog_imports_neither_pandas_nor_pyarrow() -> None:
    code = "import sys, tauro_nb.io.catalog; print({'pandas', 'pyarrow', 'importlib.metadata'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class TestTelling:
    @pytest.mark.parametrize(("kind", "rows"), [("parquet", 2), ("feather", 2), ("csv", None), ("jsonl", None)])
    def test_a_file_is_described_from_its_header(self, project: Project, kind: str, rows: int | None) -> None:
        catalog = project({}, {"t": {"path": f"data/t.{kind}", "format": kind}})
        catalog.save("t", TABLE)
        found = catalog.describe("t")
        assert (found.role, found.path, found.exists, found.rows) == ("output", f"data/t.{kind}", True, rows)
        assert [name for name, _ in found.columns or ()] == ["a", "b"]
        assert found.size_bytes
        assert found.modified_ns
        assert found.problem is None

    def test_a_missing_file_is_described_as_missing(self, project: Project) -> None:
        found = project({"t": {"path": "t.csv", "format": "csv"}}).describe("t")
        assert not found.exists
        assert "no file t.csv" in (found.problem or "")

    def test_a_damaged_file_is_described_with_its_problem(self, tmp_path: Path, project: Project) -> None:
        (tmp_path / "t").write_bytes(b"PAR1 and no more")
        catalog = project({"t": {"path": "t", "format": "parquet"}})
        assert "cannot be read as parquet" in (catalog.describe("t").problem or "")
        assert [type(problem) for problem in catalog.check("t")] == [DatasetUnreadable]

    def test_the_text_form_lists_the_datasets(self, project: Project) -> None:
        catalog = project({"t": {"path": "t.csv", "format": "csv"}}, {"o": {"path": "o.csv", "format": "csv"}})
        catalog.put_memory("m", 1)
        text = repr(catalog)
        assert "3 datasets" in text
        assert "t  input  csv  t.csv  (missing)" in text
        assert "o  output  csv  o.csv  (no file yet)" in text
        assert "m  memory" in text

    def test_config_gives_the_entry_of_a_role(self, project: Project) -> None:
        catalog = project({"t": {"path": "in.csv", "format": "csv"}}, {"t": {"path": "out.csv", "format": "csv"}})
        assert (catalog.config("t").path, catalog.config("t", "output").path) == ("in.csv", "out.csv")
        with pytest.raises(UnknownName):
            catalog.config("u", "output")
