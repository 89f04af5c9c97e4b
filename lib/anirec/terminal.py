"""What the command prints: anime as a table of text that fits a terminal, or as JSON."""

from __future__ import annotations

import json
import sys
import unicodedata

import pandas as pd

TABLE_COLUMNS = {
    "rank": ("", 3),
    "title": ("title", 40),
    "type": ("type", 7),
    "year": ("year", 4),
    "episodes": ("ep", 4),
    "genres": ("genres", 28),
    "score": ("score", 5),
    "expected": ("for you", 7),
    "match": ("match", 6),
    "similarity": ("similarity", 10),
    "because": ("why", 100),
    "row": ("", 5),
    "stated_title": ("on the list", 36),
    "understood": ("understood as", 40),
    "matched_by": ("by", 10),
    "said": ("says", 24),
    "problem": ("look at", 80),
}
"""Heading and greatest width of what a table shows."""


def speaks_all() -> bool:
    """Return whether what is printed may hold all letters; a narrow code page gets escapes."""
    return "utf" in (sys.stdout.encoding or "").lower()


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, ensure_ascii=not speaks_all(), indent=2))


def print_frame(frame: pd.DataFrame, format: str) -> None:
    """Print a frame of anime as a table or as JSON records."""
    if format == "json":
        print(frame.to_json(orient="records", force_ascii=not speaks_all(), indent=2))
    elif len(frame):
        print(frame_text(frame))


def frame_text(frame: pd.DataFrame) -> str:
    """Return anime as lines of text: columns as wide as they need, within `TABLE_COLUMNS`."""
    columns = []
    for name, (heading, width) in TABLE_COLUMNS.items():
        if name in frame:
            cells = [heading, *(_cell(name, value, width) for value in frame[name])]
            needed = max(map(_width, cells))
            if any(cells[1:]):
                columns.append([cell + " " * (needed - _width(cell)) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _cell(name: str, value: object, width: int) -> str:
    """Return a value as text of at most ``width`` columns; genres are cut between two of them."""
    if not isinstance(value, str):
        if pd.isna(value):
            return ""
        return str(int(value)) if name in ("rank", "year", "episodes") else f"{value:.2f}"
    if name == "genres":
        value = value.replace(", ", " · ")
        while _width(value) > width and " · " in value:
            value = value.removesuffix(" …").rpartition(" · ")[0] + " …"
    if _width(value) <= width:
        return value
    while _width(value) >= width:
        value = value[:-1]
    return f"{value.rstrip()}…"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: ideographs and kana take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
