"""SIMKL: its backup as JSON, and as CSV with MyAnimeList's ids in a column of their own.

Films and series that are no anime stand in the same backup and are left out.
"""

from __future__ import annotations

from anirec.lists import scales
from anirec.lists.columns import bare
from anirec.lists.row import MAL, OTHER, Row, Sheet, line, mapping, note, plain
from anirec.lists.tables import Table, sheet_of

NOT_ANIME = ("tv", "movie", "movies", "show", "shows")

USED = [
    "show.ids.mal", "show.title", "status", "user_rating", "watched_episodes_count",
    "last_watched_at", "memo",
]  # fmt: skip
"""What is read of an entry."""


def from_json(value: object) -> Sheet | None:
    """Return the entries of a backup, None if it is none."""
    whole = mapping(value)
    entries = whole.get("anime")
    if not isinstance(entries, list) or not any("show" in mapping(e) for e in entries):
        return None
    known = any(mapping(mapping(mapping(e).get("show")).get("ids")).get("mal") for e in entries)
    sheet = Sheet(
        "SIMKL",
        numbering=MAL if known else OTHER,
        scale=scales.TEN,
        used_columns=list(USED),
    )
    for number, entry in enumerate(map(mapping, entries), start=1):
        show = mapping(entry.get("show"))
        mal_id, name = line(mapping(show.get("ids")).get("mal")), line(show.get("title"))
        if not name and not mal_id:
            sheet.leave(f"entry {number}", "neither a title nor an id can be read")
            continue
        sheet.add(
            Row(
                where=f"entry {number}",
                title=name,
                id=mal_id,
                rating=line(entry.get("user_rating")),
                status=line(entry.get("status")),
                episodes=line(entry.get("watched_episodes_count")),
                comments=note(mapping(entry.get("memo")).get("text")),
                kind=line(entry.get("anime_type")),
                year=line(show.get("year")),
            )
        )
    for kind in ("shows", "movies"):
        others = whole.get(kind)
        for _ in others if isinstance(others, list) else ():
            sheet.leave("an entry", f"no anime, but one of the {kind}")
    return sheet


def from_table(table: Table) -> Sheet | None:
    """Return the entries of a backup in CSV, None if it is none."""
    names = [bare(cell).replace(" ", "") for cell in table.header]
    if "simklid" not in names and not {"watchlist", "lastepwatched"} <= set(names):
        return None
    kind = names.index("type") if "type" in names else None
    rows, lines, others = [], [], 0
    for cells, number in zip(table.rows, table.lines, strict=True):
        if kind is not None and kind < len(cells) and plain(cells[kind]).lower() in NOT_ANIME:
            others += 1
        else:
            rows.append([*cells[:kind], "", *cells[kind + 1 :]] if kind is not None else cells)
            lines.append(number)
    sheet = sheet_of(Table(table.header, rows, lines), "SIMKL", OTHER)
    for _ in range(others):
        sheet.leave("an entry", "no anime, but a series or film")
    sheet.scale = scales.TEN
    return sheet
