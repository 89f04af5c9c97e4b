"""Kitsu: the JSON of its library, by its API's conventions.

``data`` has the entries, ``included`` the anime they are about with their titles, and, where asked
for, mappings to MyAnimeList's ids. Kitsu's own export is in MyAnimeList's XML.
"""

from __future__ import annotations

from anirec.lists import scales
from anirec.lists.row import MAL, OTHER, Row, Sheet, line, mapping, note, plain

USED = [
    "status", "ratingTwenty", "progress", "reconsuming", "reconsumeCount", "startedAt",
    "finishedAt", "notes", "canonicalTitle",
]  # fmt: skip
"""What is read of an entry."""


def from_json(value: object) -> Sheet | None:
    """Return the entries of a library, None if it is none."""
    whole = mapping(value)
    data = whole.get("data")
    if not isinstance(data, list) or not any(_is_entry(entry) for entry in data):
        return None
    included = whole.get("included")
    things = {
        (plain(mapping(one).get("type")), plain(mapping(one).get("id"))): mapping(one)
        for one in (included if isinstance(included, list) else ())
    }
    mapped = _mapped(things)
    sheet = Sheet(
        "Kitsu",
        numbering=MAL if mapped else OTHER,
        scale=scales.TEN,
        used_columns=list(USED),
    )
    for number, entry in enumerate(data, start=1):
        where = f"entry {number}"
        if not _is_entry(entry):
            sheet.leave(where, "it is no entry of a library")
            continue
        relations = mapping(entry.get("relationships"))
        if mapping(mapping(relations.get("manga")).get("data")):
            sheet.leave(where, "manga")
            continue
        about = mapping(mapping(relations.get("anime") or relations.get("media")).get("data"))
        if plain(about.get("type")) == "manga":
            sheet.leave(where, "manga")
            continue
        own = plain(about.get("id"))
        anime = things.get(("anime", own))
        if anime is None and len(data) == 1 and len(things) == 1:
            anime = next(iter(things.values()))
        names = _names(mapping((anime or {}).get("attributes")))
        if not names and own not in mapped:
            sheet.leave(where, "it has neither a title nor MyAnimeList's id")
            continue
        sheet.add(_row(where, mapping(entry.get("attributes")), names, mapped.get(own, "")))
    return sheet


def _is_entry(entry: object) -> bool:
    kind = plain(mapping(entry).get("type")).replace("-", "").lower()
    attributes = mapping(mapping(entry).get("attributes"))
    return kind == "libraryentries" or ("status" in attributes and "progress" in attributes)


def _mapped(things: dict) -> dict[str, str]:
    """Return MyAnimeList's ids by Kitsu's."""
    found: dict[str, str] = {}
    for (kind, own), thing in things.items():
        if kind != "anime":
            continue
        related = mapping(mapping(thing.get("relationships")).get("mappings")).get("data")
        for one in related if isinstance(related, list) else ():
            mapped = things.get(("mappings", plain(mapping(one).get("id"))), {})
            attributes = mapping(mapped.get("attributes"))
            if attributes.get("externalSite") == "myanimelist/anime":
                found[own] = plain(attributes.get("externalId"))
    return found


def _names(attributes: dict) -> list[str]:
    names = [attributes.get("canonicalTitle"), *mapping(attributes.get("titles")).values()]
    short = attributes.get("abbreviatedTitles")
    names += short if isinstance(short, list) else []
    return list(dict.fromkeys(filter(None, map(line, names))))


def _row(where: str, said: dict, names: list[str], mal_id: str) -> Row:
    twenty, five = plain(said.get("ratingTwenty")), plain(said.get("rating"))
    rating = f"{twenty}/20" if twenty else f"{five}/5" if five not in ("", "0.0", "0") else ""
    return Row(
        where=where,
        title=names[0] if names else "",
        other_titles=tuple(names[1:]),
        id=mal_id,
        rating=rating,
        status=line(said.get("status")),
        again=line(said.get("reconsuming")),
        episodes=line(said.get("progress")),
        times=line(said.get("reconsumeCount")),
        started=line(said.get("startedAt"))[:10],
        finished=line(said.get("finishedAt"))[:10],
        comments=note(said.get("notes")),
    )
