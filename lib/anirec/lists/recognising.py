"""Which format a list is in, told by what is in it, never by its file's name."""

from __future__ import annotations

import re
from collections.abc import Callable

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
from anirec.lists.row import Sheet

JSON_FORMATS = (anime_planet, anilist, simkl, kitsu, shikimori, mal)
TABLE_FORMATS = (simkl, yamtrack)

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
    if start.startswith("<"):
        return _of_xml(text)
    if start[0] in "{[":
        value = json_entries.read_json_text(text)
        if value is not None:
            return _of_json(value)
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


def _of_json(value: object) -> Sheet:
    if not isinstance(value, json_entries.Salvaged):
        sheet, broken = _of_values([value]) or json_records.from_json(value), 0
    else:
        records, broken = list(value.objects), value.broken
        sheet = anilist.from_records(records) or _of_values(_wrapped(records))
        sheet = sheet or json_records.from_json(records)
    if sheet is None:
        raise InputError("the JSON file is no list of anime: choose the list you exported")
    for _ in range(broken):
        sheet.leave("an entry", "it is broken: it cannot be read")
    return sheet


def _of_values(values: list[object]) -> Sheet | None:
    for module in JSON_FORMATS:
        for value in values:
            if (sheet := module.from_json(value)) is not None:
                return sheet
    return None


def _wrapped(records: list[dict]) -> list[object]:
    """Return salvaged records as each of the formats has them."""
    entries = [r for r in records if "status" in r or "attributes" in r or "node" in r]
    planet = [r for r in entries if "name" in r and "eps" in r]
    library = [r for r in entries if r.get("type") == "libraryEntries"]
    included = [r for r in records if r.get("type") in ("anime", "mappings")]
    shows = [r for r in entries if "show" in r]
    return [
        *([{"export": {}, "entries": planet}] if planet else []),
        *([{"data": library, "included": included}] if library else []),
        *([{"anime": shows}] if shows else []),
        entries,
        *records,
    ]
