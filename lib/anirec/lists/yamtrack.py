"""Yamtrack's CSV export: media of all kinds with the site each id is from.

Only anime is read. The ids are MyAnimeList's where ``source`` says so.
"""

from __future__ import annotations

from anirec.lists import scales
from anirec.lists.columns import bare
from anirec.lists.row import MAL, Row, Sheet, line, note
from anirec.lists.tables import Table

NEEDED = frozenset(["media id", "source", "media type", "status"])


def from_table(table: Table) -> Sheet | None:
    """Return the entries of an export, None if it is none."""
    names = [bare(cell) for cell in table.header]
    if not set(names) >= NEEDED or any(len(row) > len(names) for row in table.rows[:3]):
        return None
    read = ("media id", "source", "media type", "title", "score", "status", "progress", "repeats",
            "start date", "end date", "notes")  # fmt: skip
    sheet = Sheet(
        "Yamtrack",
        numbering=MAL,
        scale=scales.TEN,
        used_columns=[h for h, name in zip(table.header, names, strict=True) if name in read],
        ignored_columns=[h for h, n in zip(table.header, names, strict=True) if n not in read],
    )
    for cells, number in zip(table.rows, table.lines, strict=True):
        said = dict(zip(names, cells, strict=False))
        where, kind = f"line {number}", said.get("media type", "").strip().lower()
        if kind != "anime":
            sheet.leave(where, f"no anime, but {kind or 'of no kind'}")
            continue
        from_mal = said.get("source", "").strip().lower() in ("mal", "myanimelist")
        name, own = line(said.get("title")), line(said.get("media id")) if from_mal else ""
        if not name and not own:
            sheet.leave(where, "neither a title nor an id can be read")
            continue
        sheet.add(
            Row(
                where=where,
                title=name,
                id=own,
                rating=line(said.get("score")),
                status=line(said.get("status")),
                episodes=line(said.get("progress")),
                times=line(said.get("repeats")),
                started=line(said.get("start date"))[:10],
                finished=line(said.get("end date"))[:10],
                comments=note(said.get("notes")),
            )
        )
    return sheet
