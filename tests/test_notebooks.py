"""The notebooks that are kept: the one of this repository, and the one that `tauro init` writes."""

from __future__ import annotations

import json
from pathlib import Path

KEPT = Path(__file__).parents[1] / "notebooks" / "01_quickstart.ipynb"
WRITTEN = Path(__file__).parents[1] / "tauro_nb" / "commands" / "template" / "notebooks" / "quickstart.ipynb"


def cells(path):
    return [
        (cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]


def test_init_writes_the_same_notebook_without_the_cell_that_makes_the_project():
    kept = cells(KEPT)
    made = next(i for i, (_, source) in enumerate(kept) if source.startswith("%tauro init"))
    assert [*kept[: made - 1], *kept[made + 1 :]] == cells(WRITTEN)


def test_the_kept_notebook_was_saved_with_its_pictures_and_without_widgets():
    text = KEPT.read_text(encoding="utf-8")
    assert text.count("data:image/svg+xml;base64,") >= 8
    assert "widget" not in text.replace("widgets.", "")
    assert '"output_type": "error"' not in text
    assert len(text) < 200_000


def test_the_written_notebook_has_no_outputs():
    assert all(not cell.get("outputs") for cell in json.loads(WRITTEN.read_text(encoding="utf-8"))["cells"])


def test_the_kept_notebook_shows_its_pictures_when_it_is_exported():
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_filename(str(KEPT))
    assert page.count("data:image/svg+xml;base64,") >= 8
    assert "random_forest_baseline" in page
    assert "model not found" not in page
