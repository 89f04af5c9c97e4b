"""AniList: its own data export, and the list that its public GraphQL API returns.

The data export has records with ``series_id``, ``series_type`` (0 for anime), numbers for
statuses and points of 100, but no titles, and its ids are AniList's own. The API's list collection
has lists of entries; each has its ``media`` with titles and, mostly, MyAnimeList's id.
"""

from __future__ import annotations

from anirec.lists import scales
from anirec.lists.row import MAL, OTHER, Row, Sheet, line, mapping, note, plain

SCALES = {
    "POINT_100": scales.HUNDRED, "POINT_10": scales.TEN, "POINT_10_DECIMAL": scales.TEN,
    "POINT_5": scales.STARS, "POINT_3": scales.SMILEYS,
}  # fmt: skip
"""AniList's names of scales."""

NO_IDS = (
    "AniList's data export has neither titles nor MyAnimeList's ids, so nothing in it can be "
    "found: import by your AniList user name, or from a MyAnimeList-shaped export"
)

USED = [
    "series_id", "series_type", "status", "score", "progress", "repeat", "started_on",
    "finished_on", "notes",
]  # fmt: skip
"""What is read of an entry."""

USED_OF_API = [
    "media.idMal", "media.title", "status", "score", "progress", "repeat", "startedAt",
    "completedAt", "notes",
]  # fmt: skip
"""What is read of an entry."""


def from_json(value: object) -> Sheet | None:
    """Return the entries of either, None if it is neither."""
    whole = mapping(value)
    data = mapping(whole.get("data")) or whole
    collection = mapping(data.get("MediaListCollection"))
    if not collection and isinstance(data.get("lists"), list):
        collection = data
    lists = collection.get("lists")
    if not isinstance(lists, list):
        return None
    if any(isinstance(entry, dict) and "series_id" in entry for entry in lists):
        return _data_export(lists)
    if any("entries" in mapping(part) for part in lists):
        return _collection(lists, mapping(collection.get("user")) or mapping(data.get("User")))
    return None


def from_records(records: list[dict]) -> Sheet | None:
    """Return entries salvaged from either, None if they are from neither."""
    if any("series_id" in entry for entry in records):
        return _data_export([entry for entry in records if "series_id" in entry])
    if any("media" in entry for entry in records):
        return _collection([{"entries": [e for e in records if "media" in e]}], {})
    return None


def _data_export(entries: list) -> Sheet:
    sheet = Sheet(
        "AniList (data export)",
        numbering=OTHER,
        statuses="anilist",
        scale=scales.HUNDRED,
        used_columns=list(USED),
        notes=[NO_IDS],
    )
    for number, entry in enumerate(entries, start=1):
        where = f"entry {number}"
        if not isinstance(entry, dict) or not line(entry.get("series_id")):
            sheet.leave(where, "it has no id")
        elif plain(entry.get("series_type")) not in ("0", "", "anime", "ANIME"):
            sheet.leave(where, "manga")
        else:
            sheet.add(
                Row(
                    where=where,
                    title=line(entry.get("title")),
                    id=line(entry.get("series_id")),
                    rating=line(entry.get("score")),
                    status=line(entry.get("status")),
                    episodes=line(entry.get("progress")),
                    times=line(entry.get("repeat")),
                    started=_compact_day(entry.get("started_on")),
                    finished=_compact_day(entry.get("finished_on")),
                    comments=note(entry.get("notes")),
                )
            )
    return sheet


def _compact_day(value: object) -> str:
    """Return a day written as ``YYYYMMDD`` as year, month and day."""
    text = plain(value)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else ""


def _collection(lists: list, user: dict) -> Sheet:
    given = mapping(user.get("mediaListOptions")).get("scoreFormat")
    sheet = Sheet(
        "AniList (API)",
        numbering=MAL,
        statuses="anilist",
        scale=SCALES.get(given) if isinstance(given, str) else None,
        used_columns=list(USED_OF_API),
    )
    seen: set[str] = set()
    number = 0
    for part in lists:
        entries = mapping(part).get("entries")
        for entry in entries if isinstance(entries, list) else ():
            number += 1
            media = mapping(mapping(entry).get("media"))
            own = line(mapping(entry).get("mediaId") or media.get("id"))
            if own and own in seen:
                continue  # a custom list repeats what stands in another
            seen.add(own)
            _add(sheet, f"entry {number}", mapping(entry), media, mapping(part))
    return sheet


def _add(sheet: Sheet, where: str, entry: dict, media: dict, part: dict) -> None:
    titles = media.get("title")
    names = [line(mapping(titles).get(k)) for k in ("romaji", "english", "native", "userPreferred")]
    names += [line(titles)] if isinstance(titles, str) else []
    names += [line(name) for name in media.get("synonyms") or () if isinstance(name, str)]
    names = list(dict.fromkeys(filter(None, names)))
    if not names and not line(media.get("idMal")):
        sheet.leave(where, "it has neither a title nor MyAnimeList's id")
        return
    kind = plain(media.get("type")) if plain(media.get("type")).upper() == "MANGA" else ""
    status = entry.get("status") or ("" if part.get("isCustomList") else part.get("status"))
    sheet.add(
        Row(
            where=where,
            title=names[0] if names else "",
            other_titles=tuple(names[1:]),
            id=line(media.get("idMal")),
            rating=line(entry.get("score")),
            status=line(status),
            episodes=line(entry.get("progress")),
            times=line(entry.get("repeat")),
            started=_fuzzy_day(entry.get("startedAt")),
            finished=_fuzzy_day(entry.get("completedAt")),
            comments=note(entry.get("notes")),
            kind=kind or line(media.get("format")),
            year=line(media.get("seasonYear") or mapping(media.get("startDate")).get("year")),
        )
    )


def _fuzzy_day(value: object) -> str:
    day = mapping(value)
    year = plain(day.get("year"))
    if not year:
        return ""
    return f"{year}-{plain(day.get('month')).zfill(2)}-{plain(day.get('day')).zfill(2)}"
