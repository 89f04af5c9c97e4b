"""JSON of no known site: records named like a list's columns, titles, or titles with scores."""

from __future__ import annotations

from anirec.lists import columns
from anirec.lists.row import Sheet, plain
from anirec.lists.tables import Table, sheet_of

FORMAT = "records (JSON)"
ENTRIES = ("entries", "anime", "list", "animelist", "anime_list", "items", "data", "library")
"""What a list is called that other things stand beside."""


def from_json(value: object) -> Sheet | None:
    """Return the entries, None if there are none.

    Raises
    ------
    InputError
        If the records have neither titles nor ids, or are nobody's list.
    """
    if isinstance(value, dict):
        value = _entries(value)
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(one, str) for one in value):
        return sheet_of(_table([{"title": one} for one in value]), FORMAT)
    records = [_flat(one) for one in value if isinstance(one, dict)]
    if not records:
        return None
    sheet = sheet_of(_table(records), FORMAT)
    for _ in range(len(value) - len(records)):
        sheet.leave("an entry", "it is no record")
    return sheet


def nothing() -> Sheet:
    """Return the sheet of a file of which no entry can be read."""
    return Sheet(FORMAT)


def _entries(whole: dict) -> list | None:
    """Return the list that an object holds, or its titles with their scores as records."""
    lists = {
        str(name).lower(): one
        for name, one in whole.items()
        if isinstance(one, list) and any(isinstance(entry, dict | str) for entry in one)
    }
    for name in ENTRIES:
        if name in lists:
            return lists[name]
    if len(lists) == 1:
        return next(iter(lists.values()))
    for one in whole.values():
        if isinstance(one, dict) and (found := _entries(one)):
            return found
    fields = columns.is_header(list(map(str, whole)))
    if whole and not fields and all(isinstance(one, int | float | str) for one in whole.values()):
        return [{"title": name, "rating": score} for name, score in whole.items()]
    return None


def _flat(record: dict) -> dict[str, str]:
    """Return a record with the fields of the objects in it beside its own."""
    flat: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            for inner, deep in value.items():
                if not isinstance(deep, dict | list):
                    flat.setdefault(
                        str(inner) if inner == "title" else f"{name} {inner}", plain(deep)
                    )
        elif isinstance(value, list):
            flat[str(name)] = ", ".join(plain(one) for one in value if not isinstance(one, dict))
        else:
            flat[str(name)] = plain(value)
    return flat


def _table(records: list[dict[str, str]]) -> Table:
    header = list(dict.fromkeys(name for record in records for name in record))
    rows = [[record.get(name, "") for name in header] for record in records]
    return Table(header, rows, list(range(1, len(rows) + 1)), unit="entry")
