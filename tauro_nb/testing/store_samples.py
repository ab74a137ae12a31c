"""Keys that the store contract tries."""

from __future__ import annotations

UNSAFE_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "a/.",
    "../a",
    "a/../b",
    "a/..",
    "a\0b",
    "a\nb",
    "a\x7fb",
    "a\\b",
    "..\\a",
    ".tauro-x",
    "a/.Tauro-tmp/b",
    "a/" + "x" * 256,
    "é" * 128,
    "/".join(["x" * 200] * 6),
    "half \ud800 a character",
]
"""Keys that every store refuses with `UnsafePath`, in every method, before it touches anything."""

ODD_KEYS = [
    "a..b/...c",
    ".hidden/.x.json",
    "with space/two  spaces",
    "-dash/--flag",
    "percent%41/%2F/%",
    "plus+and&equals=a,b;c",
    "hash#x/at@x/tilde~x/dollar$x",
    "quote'x/bracket[x]/brace{x}/paren(x)",
    "größe/模型/модель/🚀",
    "e\u0301",
    "x" * 255,
    "/".join(["x" * 100] * 10),
]
"""Keys that every store keeps as they are."""
