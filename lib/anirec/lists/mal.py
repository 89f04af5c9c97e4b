"""MyAnimeList: its XML export, which many tools write too, and the JSON of its lists.

The export has an element ``anime`` an entry, with ``series_`` fields of the anime and ``my_``
fields of the person. The list page's JSON has records with ``anime_id``, ``anime_title`` and
numbers for statuses; the public API's wraps ``node`` and ``list_status``.
"""

from __future__ import annotations

from collections.abc import Mapping

from anirec.config import InputError
from anirec.lists.row import MAL, Row, Sheet, line, mapping, note, plain
from anirec.lists.xml_entries import XmlEntries

READ = {
    "series_animedb_id": "id", "series_title": "title", "my_score": "rating",
    "my_status": "status", "my_watched_episodes": "episodes", "my_times_watched": "times",
    "my_rewatching": "again", "my_start_date": "started", "my_finish_date": "finished",
    "my_comments": "comments", "my_tags": "tags",
}  # fmt: skip
"""The fields of the export that are read, and what as; the others are kept as they are."""

UPDATE = "update_on_import"
"""What an export says to MyAnimeList of itself, not of the anime."""

USED = [
    "anime_id", "anime_title", "status", "score", "num_watched_episodes", "is_rewatching",
    "start_date_string", "finish_date_string", "tags", "notes",
]  # fmt: skip
"""What is read of an entry."""


def from_xml(document: XmlEntries) -> Sheet | None:
    """Return the entries of an export, None if it is none."""
    fields = {name for _, entry in document.entries for name in entry}
    if not (fields & READ.keys() or document.root == "myanimelist" or document.broken):
        return None
    shikimori = "shiki_status" in fields
    sheet = Sheet(
        "Shikimori (XML)" if shikimori else "MyAnimeList (XML)",
        numbering=MAL,
        scale="10",
        used_columns=[name for name in READ if name in fields],
        ignored_columns=sorted(f for f in fields - READ.keys() if "@" not in f),
    )
    if not document.entries and not document.broken:
        return sheet
    for number, (tag, entry) in enumerate(document.entries, start=1):
        where = f"entry {number}"
        if tag == "manga":
            sheet.leave(where, "manga")
        elif not line(entry.get("series_title")) and not line(entry.get("series_animedb_id")):
            sheet.leave(where, "neither a title nor an id can be read")
        else:
            sheet.add(_xml_row(where, entry))
    for _ in range(document.broken):
        sheet.leave("an entry", "it is broken: nothing in it can be read")
    return sheet


def _xml_row(where: str, entry: Mapping[str, str]) -> Row:
    read = {to: entry.get(name, "") for name, to in READ.items()}
    texts = {name: line(text) for name, text in read.items() if name != "comments"}
    if not texts["status"]:
        texts["status"] = line(entry.get("shiki_status"))
    others = ((name, note(text)) for name, text in entry.items() if "@" not in name)
    extra = tuple(pair for pair in others if pair[0] not in READ and pair[0] != UPDATE)
    kind = line(entry.get("series_type"))
    return Row(where=where, comments=note(read["comments"]), kind=kind, extra=extra, **texts)


def from_json(value: object) -> Sheet | None:
    """Return the entries of the list page's or the public API's JSON, None if it is neither."""
    entries = value if isinstance(value, list) else mapping(value).get("data")
    if not isinstance(entries, list):
        return None
    records = [entry for entry in entries if isinstance(entry, dict)]
    if any("node" in entry for entry in records):
        return _api(records, len(entries) - len(records))
    if records and any("anime_title" in e and "anime_id" in e for e in records):
        return _list_page(records, len(entries) - len(records))
    if records and any("manga_title" in e or "manga_id" in e for e in records):
        raise InputError("the file is a manga list: choose the anime list you exported")
    return None


def _list_page(records: list[dict], others: int) -> Sheet:
    sheet = Sheet(
        "MyAnimeList (JSON)",
        numbering=MAL,
        scale="10",
        used_columns=list(USED),
        ignored_columns=["anime_score_val"] * any("anime_score_val" in e for e in records),
    )
    for number, entry in enumerate(records, start=1):
        if "manga_title" in entry:
            sheet.leave(f"entry {number}", "manga")
            continue
        if not line(entry.get("anime_title")) and not line(entry.get("anime_id")):
            sheet.leave(f"entry {number}", "neither a title nor an id can be read")
            continue
        sheet.add(
            Row(
                where=f"entry {number}",
                title=line(entry.get("anime_title")),
                other_titles=tuple(filter(None, [line(entry.get("anime_title_eng"))])),
                id=line(entry.get("anime_id")),
                rating=line(entry.get("score")),
                status=line(entry.get("status")),
                again=line(entry.get("is_rewatching")),
                episodes=line(entry.get("num_watched_episodes")),
                started=_day(entry.get("start_date_string")),
                finished=_day(entry.get("finish_date_string")),
                comments=note(entry.get("editable_notes") or entry.get("notes")),
                tags=line(entry.get("tags")),
                kind=line(entry.get("anime_media_type_string")),
            )
        )
    _leave_others(sheet, others)
    return sheet


def _day(value: object) -> str:
    """Return a day of the list page, ``MM-DD-YY``, as year, month and day; else nothing."""
    parts = plain(value).split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return ""
    if len(parts[0]) == 4:
        return "-".join(parts)
    month, day, year = parts
    return f"{'19' if int(year) > 60 else '20'}{year}-{month}-{day}" if len(year) == 2 else ""


def _api(records: list[dict], others: int) -> Sheet:
    sheet = Sheet(
        "MyAnimeList (API)",
        numbering=MAL,
        scale="10",
        used_columns=["node.id", "node.title", "list_status"],
    )
    for number, entry in enumerate(records, start=1):
        node = mapping(entry.get("node"))
        said = mapping(entry.get("list_status")) or mapping(node.get("my_list_status"))
        names = mapping(node.get("alternative_titles"))
        if not line(node.get("title")) and not line(node.get("id")):
            sheet.leave(f"entry {number}", "neither a title nor an id can be read")
            continue
        tags = said.get("tags")
        sheet.add(
            Row(
                where=f"entry {number}",
                title=line(node.get("title")),
                other_titles=tuple(filter(None, [line(names.get("en")), line(names.get("ja"))])),
                id=line(node.get("id")),
                rating=line(said.get("score")),
                status=line(said.get("status")),
                again=line(said.get("is_rewatching")),
                episodes=line(said.get("num_episodes_watched", said.get("num_watched_episodes"))),
                times=line(said.get("num_times_rewatched")),
                started=line(said.get("start_date")),
                finished=line(said.get("finish_date")),
                comments=note(said.get("comments")),
                tags=", ".join(map(line, tags)) if isinstance(tags, list) else line(tags),
                kind=line(node.get("media_type")),
            )
        )
    _leave_others(sheet, others)
    return sheet


def _leave_others(sheet: Sheet, others: int) -> None:
    for _ in range(others):
        sheet.leave("an entry", "it is no record")
