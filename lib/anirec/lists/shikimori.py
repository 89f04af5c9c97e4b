"""Shikimori's JSON export and its API's list: MyAnimeList's ids, romaji and Russian titles.

Its XML export is in MyAnimeList's shape.
"""

from __future__ import annotations

from anirec.config import InputError
from anirec.lists import scales
from anirec.lists.row import MAL, Row, Sheet, line, mapping, note, plain

USED = [
    "target_id", "target_title", "target_title_ru", "score", "status", "rewatches", "episodes",
    "text",
]  # fmt: skip
"""What is read of an entry."""


def from_json(value: object) -> Sheet | None:
    """Return the entries of an export, None if it is none."""
    if not isinstance(value, list):
        return None
    export = any("target_id" in e or "target_title" in e for e in map(mapping, value))
    rates = any("anime" in e and "status" in e and "rewatches" in e for e in map(mapping, value))
    if not export and not rates:
        return None
    sheet = Sheet(
        "Shikimori",
        numbering=MAL,
        scale=scales.TEN,
        used_columns=list(USED),
    )
    for number, entry in enumerate(map(mapping, value), start=1):
        where = f"entry {number}"
        anime = mapping(entry.get("anime"))
        name = line(entry.get("target_title") or anime.get("name"))
        own = line(entry.get("target_id") or anime.get("id"))
        if plain(entry.get("target_type")).lower() in ("manga", "ranobe") or entry.get("manga"):
            sheet.leave(where, "manga")
        elif not name and not own:
            sheet.leave(where, "neither a title nor an id can be read")
        else:
            sheet.add(_row(where, name, own, entry, anime))
    if sheet.left_out and not sheet.rows and all(one.why == "manga" for one in sheet.left_out):
        raise InputError("the file is a manga list: choose the anime list you exported")
    return sheet


def _row(where: str, name: str, own: str, entry: dict, anime: dict) -> Row:
    russian = line(entry.get("target_title_ru") or anime.get("russian"))
    return Row(
        where=where,
        title=name,
        other_titles=(russian,) if russian else (),
        id=own,
        rating=line(entry.get("score")),
        status=line(entry.get("status")),
        episodes=line(entry.get("episodes")),
        times=line(entry.get("rewatches")),
        comments=note(entry.get("text")),
        kind=line(anime.get("kind")),
    )
