"""The page docs/architecture.md: it names every module, in the room in which it stands, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tauro_nb

PACKAGE = Path(tauro_nb.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"


def listed() -> dict[str, set[str]]:
    """Return the names that the page gives in each folder of the package."""
    _, _, part = PAGE.read_text(encoding="utf-8").partition("## What stands in the rooms")
    rooms: dict[str, set[str]] = {}
    for folder, told in re.findall(r"^\| `([\w/]+)` \| (.*) \|$", part.partition("\n## ")[0], flags=re.MULTILINE):
        place = folder
        for names in re.findall(r"`([^`]+)`", told):
            if names.endswith("/"):
                place = f"{folder}/{names.rstrip('/')}"
            else:
                rooms.setdefault(place, set()).update(names.split())
    return rooms


@pytest.mark.parametrize("room", sorted(listed()))
def test_the_page_names_the_modules_of_a_room(room: str) -> None:
    there = {path.stem for path in (PACKAGE / room).glob("*.py") if not path.stem.startswith("__")}
    if room == "commands":
        from tauro_nb.commands import verbs

        there -= set(verbs.list_commands(None))
    assert listed()[room] == there


def test_the_page_has_every_room() -> None:
    named = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("[a-z]*.py")}
    small = {".", "cli", "notebook", "_alias"}
    assert {room for room in named if "template" not in room} - small == set(listed())
