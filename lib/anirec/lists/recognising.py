"""Which format a list is in, told by what is in it, never by its file's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from anirec.config import InputError
from anirec.lists import (
    anilist,
    anime_planet,
    json_entries,
    json_records,
    kitsu,
    mal,
    plain_text,
    shikimori,
    simkl,
    tables,
    taiga,
    xml_entries,
    yamtrack,
)
from anirec.lists.row import MAL, OTHER, Sheet

JSON_FORMATS = (anime_planet, anilist, simkl, kitsu, shikimori, mal)
TABLE_FORMATS = (simkl, yamtrack)

TELLING = tuple(
    map(
        frozenset,
        (["series_id"], ["media"], ["node"], ["show"], ["target_id"], ["target_title"],
         ["anime_title"], ["attributes"], ["name", "eps"]),
    )
)  # fmt: skip
"""Fields that only the entries of one site's list have."""

_XML_FIELD = re.compile(r"<(?:\w+:)?(?:series_animedb_id|my_watched_episodes|my_status)>")
_XML_BEGINS = re.compile(r"<(?:!--|[?!]?[A-Za-z_][^<>\n]*>)")
_JSON_BEGINS = re.compile(r'[^\w"\n{\[<]{0,12}(?P<json>[{\[]\s*["{\[\]}])')
_WEB_PAGE = re.compile(r"<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]", re.I)


def recognised(text: str, is_name: Callable[[str], bool]) -> Sheet:
    """Return the entries of a list's text.

    Parameters
    ----------
    is_name : whether an anime has exactly this name, see `plain_text`.

    Raises
    ------
    InputError
        If it is empty, no list, or nobody's.
    """
    start = text.lstrip()
    if not start:
        raise InputError("the file is empty: choose the list you exported")
    if _XML_BEGINS.match(start) or _XML_FIELD.search(text):
        return _of_xml(text)
    if match := _JSON_BEGINS.match(start):
        value = json_entries.read_json_text(start[match.start("json") :])
        if value is not None:
            return _of_json(value, damaged_statuses='"status"' in text)
    table = tables.table_of(text)
    if table is None:
        return plain_text.from_text(text, is_name)
    for module in TABLE_FORMATS:
        if (sheet := module.from_table(table)) is not None:
            return sheet
    return tables.sheet_of(table, "a table (CSV)")


def _of_xml(text: str) -> Sheet:
    if _WEB_PAGE.search(text[:2000]):
        raise InputError("the file is a web page: choose the list you exported")
    document = xml_entries.read_xml_text(text)
    for module in (taiga, mal):
        if (sheet := module.from_xml(document)) is not None:
            return sheet
    raise InputError("the XML file is no MyAnimeList export: choose the anime list you exported")


def _of_json(value: object, damaged_statuses: bool) -> Sheet:
    salvaged = isinstance(value, json_entries.Salvaged)
    sheet, broken = None if salvaged else _of_values([value]), 0
    if sheet is None:
        groups = _lists_in(list(value.objects) if salvaged else value)
        records, broken = _entries_among(groups)
        broken += value.broken if salvaged else 0
        if records:
            sheet = anilist.from_records(records) or _of_values(_wrapped(records))
    if sheet is None and salvaged:
        sheet = _of_unknown_records(list(value.objects))
        sheet.numbering = sheet.numbering if sheet.numbering == MAL else OTHER
        sheet.has_status |= damaged_statuses
    if sheet is None:
        sheet, broken = json_records.from_json(value), 0
    if sheet is None:
        raise InputError("the JSON file is no list of anime: choose the list you exported")
    for _ in range(broken):
        sheet.leave("an entry", "it is broken: it cannot be read")
    return sheet


def _of_unknown_records(records: list[dict]) -> Sheet:
    """Return the entries among salvaged records of no known site; none if they name nothing."""
    named = [one for one in records if {"title", "name", "anime"} & one.keys()]
    return (json_records.from_json(named) if named else None) or json_records.nothing()


def _lists_in(value: object) -> list[list[dict]]:
    """Return the lists of objects in a value, the outer ones first."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return []
    objects = [one for one in inner if isinstance(one, dict)]
    own = [objects] if isinstance(value, list) and objects else []
    return own + [deep for one in inner for deep in _lists_in(one)]


def _entries_among(groups: list[list[dict]]) -> tuple[list[dict], int]:
    """Return the objects that are entries of a site's list, by a field that tells them, and how
    many stand among them that are broken; neighbours are one."""
    for tells in TELLING:
        telling = [group for group in groups if any(tells <= one.keys() for one in group)]
        if not telling:
            continue
        found = [one for group in telling for one in group if tells <= one.keys()]
        broken = 0
        for group in telling:
            first = next(n for n, one in enumerate(group) if tells <= one.keys())
            good = [tells <= one.keys() for one in group[first:]]
            broken += sum(a and not b for a, b in pairwise(good))
        return found, broken
    return [], 0


def _of_values(values: list[object]) -> Sheet | None:
    for module in JSON_FORMATS:
        for value in values:
            if (sheet := module.from_json(value)) is not None:
                return sheet
    return None


def _wrapped(records: list[dict]) -> list[object]:
    """Return entries as each of the formats has them."""
    planet = [r for r in records if "name" in r and "eps" in r]
    included = [r for r in records if r.get("type") in ("anime", "mappings")]
    library = [r for r in records if "attributes" in r and r not in included]
    shows = [r for r in records if "show" in r]
    return [
        *([{"export": {}, "entries": planet}] if planet else []),
        *([{"data": library, "included": included}] if library else []),
        *([{"anime": shows}] if shows else []),
        records,
    ]
