"""``python -m tauro_nb.cli``: the same as ``tauro``."""

from __future__ import annotations

from tauro_nb.cli.main import main

main()
