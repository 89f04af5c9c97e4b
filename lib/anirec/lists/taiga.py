"""Taiga's own list file: an element ``anime`` an entry below ``library``; statuses are numbers.

The ids are those of the site that Taiga was set up for. Where the file has Taiga's database of
anime too, it gives titles and MyAnimeList's ids; otherwise the catalogue must tell whose they are.
"""

from __future__ import annotations

from anirec.lists.row import MAL, UNKNOWN, Row, Sheet, line, note
from anirec.lists.xml_entries import XmlEntries

USED = [
    "id", "progress", "score", "status", "rewatched_times", "rewatching", "date_start",
    "date_end", "notes",
]  # fmt: skip
"""What is read of an entry."""


def from_xml(document: XmlEntries) -> Sheet | None:
    """Return the entries of a list file, None if it is none."""
    entries = [fields for tag, fields in document.entries if tag == "anime"]
    listed = [e for e in entries if "id" in e and "status" in e and "progress" in e]
    if not listed or any("series_animedb_id" in e for e in entries):
        return None
    known = {
        text: entry
        for entry in entries
        if "title" in entry
        for name, text in entry.items()
        if name.startswith("id@")
    }
    mapped = any("id@myanimelist" in entry for entry in known.values())
    sheet = Sheet(
        "Taiga",
        numbering=MAL if mapped else UNKNOWN,
        statuses="taiga",
        used_columns=list(USED),
    )
    for number, entry in enumerate(listed, start=1):
        where = f"entry {number}"
        about = known.get(entry["id"].strip(), {})
        own = about.get("id@myanimelist", "") if mapped else entry["id"]
        if not line(own) and not line(about.get("title")):
            sheet.leave(where, "neither a title nor an id can be read")
            continue
        sheet.add(
            Row(
                where=where,
                title=line(about.get("title")),
                other_titles=tuple(filter(None, [line(about.get("english"))])),
                id=line(own),
                rating=line(entry.get("score")),
                status=line(entry.get("status")),
                again=line(entry.get("rewatching")),
                episodes=line(entry.get("progress")),
                times=line(entry.get("rewatched_times")),
                started=line(entry.get("date_start")),
                finished=line(entry.get("date_end")),
                comments=note(entry.get("notes")),
                tags=line(entry.get("tags")),
            )
        )
    return sheet
