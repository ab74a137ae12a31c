"""The names of a project's pipelines, nodes and datasets, read in a hurry: for Tab, which is not to be waited for.

Only the lines that can hold a name are looked at, and nothing is checked: an entry that is wrong has a name all the
same. What is not written as one usually writes it is left to whoever reads all of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tauro_nb.config.descriptor import FILE_KEYS, AppConfigManager
from tauro_nb.config.wrappers import TELLING

_KEYS = dict(zip(("settings", "pipelines", "nodes", "inputs", "outputs"), FILE_KEYS, strict=True))
_NAME = re.compile(r"""(?P<indent> *)(?P<name>"[^"\\]+"|'[^']+'|[^\s"'#&*!|>%@`{}\[\],?:-][^#]*?)[ ]*:(?:\s.*)?""")
_PASSED_OVER = re.compile(r"\s*(#.*)?|---\s*|\ufeff")


def declared(descriptor: Path | None, env: str, section: str) -> list[str] | None:
    """Return the names that the files of an environment declare, and base's; None where a file is written otherwise.

    Parameters
    ----------
    descriptor : Path, optional
        Or its folder. Default: it is searched upwards from here.
    section : str
        ``pipelines``, ``nodes``, ``inputs`` or ``outputs``.

    Raises
    ------
    DescriptorNotFound, UnknownName, ConfigError
        As `AppConfigManager` does.
    OSError
        A file cannot be read.
    """
    names: dict[str, None] = {}
    for path in AppConfigManager(descriptor).get_env_config(env).get(_KEYS[section], ()):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        found = _in_json(text, section) if path.suffix.lower() == ".json" else _in_yaml(text, section)
        if found is None:
            return None
        names |= dict.fromkeys(found)
    return list(names)


def _in_json(text: str, section: str) -> list[str] | None:
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    inner = content.get(section)
    if isinstance(inner, dict) and len(content) == 1 and not set(inner) & set(TELLING.get(section, ())):
        return list(inner)
    return list(content)


def _in_yaml(text: str, section: str) -> list[str] | None:
    """Return the keys of a block mapping at the top, or of the one in its wrapper."""
    names: list[str] = []
    wrapped: list[str] = []
    indent: int | None = None
    for line in text.splitlines():
        if line.startswith(" "):
            if names == [section] and (indent is None or len(line) - len(line.lstrip()) == indent):
                found = _NAME.fullmatch(line)
                if found is not None:
                    indent = len(found["indent"])
                    wrapped.append(found["name"].strip("\"'"))
        elif not _PASSED_OVER.fullmatch(line):
            found = _NAME.fullmatch(line)
            if found is None or found["name"] == "<<":
                return None
            names.append(found["name"].strip("\"'"))
    if names != [section] or set(wrapped) & set(TELLING.get(section, ())):
        return names
    return wrapped or None
