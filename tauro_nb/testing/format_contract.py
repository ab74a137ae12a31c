"""What every dataset format has to do, as tests: subclass `FormatContract` and give it a `kind` fixture.

::

    class TestMyFormat(FormatContract):
        @pytest.fixture
        def kind(self):
            return MyFormat()

Override `table` with one that the format can hold without loss, if the default is too rich for it.
"""

# ruff: noqa: D102 - the name of a test says what it does

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.schema import FieldConfig
from tauro_nb.io.formats import Format, OptionNames

NOTHING: dict[str, Any] = {}


class FormatContract:
    """Base class of the tests of one format."""

    @pytest.fixture
    def kind(self) -> Format:
        """The format under test."""
        raise NotImplementedError("give the test class a fixture `kind`")

    @pytest.fixture
    def table(self) -> Any:
        """A table that the format holds without loss, of at least two rows."""
        import pandas as pd

        return pd.DataFrame(
            {
                "id": [1, 2, 2**53 + 1],
                "share": [0.1, -2.5e-300, 1e300],
                "name": ["Ada", "Łukasz, Jr.", 'say "hi"\n'],
                "churned": [True, False, True],
            }
        )

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Where the format writes first."""
        return tmp_path / "first"

    @staticmethod
    def frame(kind: Format, path: Path, fields: tuple[FieldConfig, ...] = ()) -> Any:
        """What is read from `path`, as pandas."""
        from tauro_nb.io.formats import tables

        return tables.as_frame(kind.read(path, NOTHING, fields))

    def test_it_is_a_format_with_a_name(self, kind: Format) -> None:
        assert isinstance(kind, Format)
        assert kind.name
        assert kind.holds in ("typed", "text", "json")

    def test_its_options_are_names(self, kind: Format) -> None:
        names = kind.option_names()
        assert isinstance(names, OptionNames)
        assert all(isinstance(name, str) for name in names.read | names.write)

    def test_a_table_is_read_as_it_was_written(self, kind: Format, table: Any, place: Path) -> None:
        from pandas.testing import assert_frame_equal

        kind.write(table, place, NOTHING)
        assert_frame_equal(self.frame(kind, place), table)

    def test_only_the_path_that_it_is_given_is_written(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        assert list(place.parent.iterdir()) == [place]

    def test_reading_changes_no_file(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        before = place.read_bytes()
        kind.header(place, NOTHING)
        kind.read(place, NOTHING, ())
        assert place.read_bytes() == before
        assert list(place.parent.iterdir()) == [place]

    def test_appended_rows_follow_those_of_the_old_file(self, kind: Format, table: Any, place: Path) -> None:
        import pandas as pd
        from pandas.testing import assert_frame_equal

        kind.write(table, place, NOTHING)
        before, longer = place.read_bytes(), place.with_name("second")
        if not kind.appends:
            with pytest.raises((ValueError, TypeError)):
                kind.append(table, place, longer, NOTHING)
            return
        kind.append(table[list(reversed(table.columns))], place, longer, NOTHING)
        assert_frame_equal(self.frame(kind, longer), pd.concat([table, table], ignore_index=True))
        assert place.read_bytes() == before

    def test_rows_with_another_column_are_not_appended(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        other = table.rename(columns={table.columns[0]: "something else"})
        with pytest.raises((ValueError, TypeError)):
            kind.append(other, place, place.with_name("second"), NOTHING)

    def test_a_header_names_the_columns_in_their_order(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        header = kind.header(place, NOTHING)
        if header is not None:
            assert [name for name, _ in header.columns] == list(table.columns)
            assert header.rows in (None, len(table))

    def test_a_file_that_is_cut_short_is_not_read_as_if_whole(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        place.write_bytes(place.read_bytes()[:20])
        try:
            found = self.frame(kind, place)
        except Exception:  # noqa: BLE001 - any error will do: the catalog maps them all
            return
        assert len(found) < len(table)

    def test_a_missing_file_is_an_error(self, kind: Format, place: Path) -> None:
        with pytest.raises(OSError):  # noqa: PT011 - what the operating system says
            kind.read(place, NOTHING, ())

    def test_declared_columns_are_read_without_loss(self, kind: Format, table: Any, place: Path) -> None:
        kind.write(table, place, NOTHING)
        found = self.frame(kind, place, (FieldConfig(name="id", type="integer"),))
        assert [int(value) for value in found["id"]] == [int(value) for value in table["id"]]
