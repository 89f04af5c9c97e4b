"""Anime-Planet's JSON export: names, statuses in words, and five stars; no ids."""

from __future__ import annotations

from anirec.config import InputError
from anirec.lists import scales
from anirec.lists.row import OTHER, Row, Sheet, line, mapping, plain


def from_json(value: object) -> Sheet | None:
    """Return the entries of an export, None if it is none.

    Raises
    ------
    InputError
        If it is one of manga.
    """
    whole = mapping(value)
    entries = whole.get("entries")
    if not isinstance(entries, list) or not isinstance(whole.get("export"), dict):
        return None
    if plain(whole["export"].get("type")).lower() == "manga":
        raise InputError("the file is a manga list: choose the anime list you exported")
    sheet = Sheet(
        "Anime-Planet",
        numbering=OTHER,
        scale=scales.STARS,
        used_columns=["name", "rating", "status", "eps", "times", "started", "completed"],
    )
    for number, entry in enumerate(entries, start=1):
        name = line(mapping(entry).get("name"))
        if not name:
            sheet.leave(f"entry {number}", "it has no name")
        else:
            sheet.add(_row(f"entry {number}", name, entry))
    return sheet


def _row(where: str, name: str, entry: dict) -> Row:
    times, status = plain(entry.get("times")), line(entry.get("status"))
    if times.isdigit() and status.lower() == "watched":
        times = str(max(0, int(times) - 1))  # it counts the first time too
    return Row(
        where=where,
        title=name,
        rating=line(entry.get("rating")),
        status=status,
        episodes=line(entry.get("eps")),
        times=times,
        started=line(entry.get("started")),
        finished=line(entry.get("completed")),
    )
