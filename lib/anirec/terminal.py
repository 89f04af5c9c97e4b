"""What the command prints: anime as a table of text that fits a terminal, or as JSON."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from anirec.recommender.shelves import Whereabouts

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
        print_json(_records(frame))
    elif len(frame):
        print(frame_text(frame))


def print_shelves(shelves: Mapping[str, pd.DataFrame], format: str) -> None:
    """Print shelves, each under its heading, or as one JSON object of records by their names."""
    if format == "json":
        records = {name: _records(frame) for name, frame in shelves.items()}
        print_json(records)
        return
    filled = [frame for frame in shelves.values() if len(frame)]
    texts = [f"{frame.attrs['heading']}\n{frame_text(frame)}" for frame in filled]
    if texts:
        print("\n\n".join(texts))


def print_group(frame: pd.DataFrame, people: Sequence[str], format: str) -> None:
    """Print what is recommended to several people, with a line or record for each of them.

    Parameters
    ----------
    frame : what `AnimeRecommender.for_group` returned.
    people : what each person is called, in the same order.
    """
    told = [
        [
            {"name": name, "share": share, "because": because}
            for name, share, because in zip(people, shares, reasons, strict=True)
        ]
        for shares, reasons in zip(frame["shares"], frame["reasons"], strict=True)
    ]
    plain = frame.drop(columns=["shares", "reasons"])
    if format == "json":
        records = _records(plain)
        print_json([{**one, "people": each} for one, each in zip(records, told, strict=True)])
        return
    if not len(frame):
        return
    heading, *lines = frame_text(plain).splitlines()
    print(heading)
    for line, each in zip(lines, told, strict=True):
        print(line)
        for one in each:
            percent = f"{100 * one['share']:.0f}"
            said = f"{one['name']}: above {percent} % of the rest"
            print(f"     {said}, {one['because']}" if one["because"] else f"     {said}")


def print_whereabouts(found: Whereabouts, title: str, format: str) -> None:
    """Print where an anime stands for somebody, and what holds it back."""
    if format == "json":
        terms = _records(found.terms)
        print_json(
            {"title": title, "rank": found.rank, "among": found.among, "reasons": found.reasons}
            | {"terms": terms}
        )
        return
    if found.rank is None:
        print(f"{title} is not among the {found.among:,} that may be recommended")
    else:
        print(f"{title} is number {found.rank:,} of {found.among:,}")
    for reason in found.reasons:
        print(f"  {reason}")


def _records(frame: pd.DataFrame) -> list[dict]:
    """Return the rows of a frame as JSON has them."""
    return json.loads(frame.to_json(orient="records"))


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


def _cell(name: str, value: Any, width: int) -> str:
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
