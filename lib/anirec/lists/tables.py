"""Lists in columns: CSV, TSV, semicolons, and JSON records with names like columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anirec.config import InputError
from anirec.lists import columns, scales, statuses
from anirec.lists.row import MAL, OTHER, UNKNOWN, Row, Sheet, line, lines_of, note

DELIMITERS = ",;\t|"
SHIFTED = "the first line names fewer columns than the others have: scores are not read"
MOST_LINES = 60
"""Physical lines of one record, at most: a quote that is never closed does not eat the list."""

OWN_HEADERS = (
    ("title", "rating", "status", "liked", "anime_id"),
    (
        "title", "rating", "status", "liked", "mal_id", "episodes_watched", "times_watched",
        "rewatching", "started", "finished", "comments", "tags",
    ),
)  # fmt: skip
"""The first lines of lists that anirec wrote itself: there a blank status means watched."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell starts with it."""

OWN_FORMAT, SEEN = "anirec's list", "seen"
"""What such a list is called, and what a blank status in it is read as."""

_MAL_LINK = re.compile(r"myanimelist\.net/anime(?:\.php\?id=|/)(\d{1,9})")
_SEP = re.compile(r'"?sep=(?P<delimiter>.)"?\s*', re.I)
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Table:
    """Rows of cells below their header; each row with the line it ends on.

    ``unit`` says what the rows are called.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    unit: str = "line"


def table_of(text: str) -> Table | None:
    """Return the table that a text is, None if it is none: no header, no columns."""
    lines = lines_of(text)
    delimiter = None
    first = 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    if first < len(lines) and (match := _SEP.fullmatch(lines[first].strip("\ufeff"))):
        delimiter, first = match["delimiter"], first + 1
    if first >= len(lines):
        return None
    head = lines[first]
    delimiter = delimiter or max(DELIMITERS, key=head.count)
    cells = _cells(head, delimiter)
    if len(cells) == 1 and first + 1 < len(lines):  # a header that was broken in two
        second = max(DELIMITERS, key=lines[first + 1].count)
        below = _cells(lines[first + 1], second)
        if len(below) > 1 and columns.is_header(below):
            delimiter, cells, first = second, below, first + 1
    if columns.is_header(cells):
        records = list(_records(lines, first + 1, delimiter, len(cells)))
        return Table([c.strip() for c in cells], [r for _, r in records], [n for n, _ in records])
    return _without_header(lines[first:], first)


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([record], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return [cell.strip(' "') for cell in record.split(delimiter)]


def _records(
    lines: Sequence[str], start: int, delimiter: str, width: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records and the lines they end on. One with a quote that is not closed, or that
    swallowed others, is read line by line without quotes."""
    place = start
    while place < len(lines):
        stop = place + 1
        quotes = lines[place].count('"')
        while quotes % 2 and stop < len(lines) and stop - place < MOST_LINES:
            quotes += lines[stop].count('"')
            stop += 1
        record = "\n".join(lines[place:stop])
        cells = _whole(record, delimiter)
        if quotes % 2 or cells is None or (stop - place > 1 and len(cells) != width):
            stop = place + 1
            cells = _loose(lines[place], delimiter, width)
        if any(cell.strip() for cell in cells):
            yield stop, cells
        place = stop


def _whole(record: str, delimiter: str) -> list[str] | None:
    """Return the cells of one record, None if it is several or none."""
    try:
        parsed = list(csv.reader(record.splitlines(keepends=True), delimiter=delimiter,
                                 skipinitialspace=True))  # fmt: skip
    except csv.Error:
        return None
    return parsed[0] if len(parsed) == 1 else [] if not parsed else None


def _loose(text: str, delimiter: str, width: int) -> list[str]:
    cells = _cells(text, delimiter)
    if len(cells) == width and text.count('"') % 2 == 0:
        return cells
    return [cell.strip().strip('"') for cell in text.split(delimiter)]


def _without_header(lines: list[str], before: int) -> Table | None:
    """Return the table of rows like ``Trigun,9`` or ``Trigun;completed;9``; None if they are none.

    Every row but a few must have a title first and, behind it, what is a score, a status, a thumb
    or empty.
    """
    lines = [text for text in lines if text.strip()]
    for delimiter in sorted(DELIMITERS, key=lambda d: -lines[0].count(d)):
        rows = [cells for _, cells in _records(lines, 0, delimiter, 0)]
        width = max(map(len, rows), default=0)
        if not 2 <= width <= 6 or sum(len(row) == width for row in rows) < 0.8 * len(rows):
            continue
        header = ["title"]
        for place in range(1, width):
            values = [row[place].strip() for row in rows if place < len(row)]
            header.append(_guessed(values, header))
        if header.count("") < width - 1:
            numbers = list(range(before + 1, before + 1 + len(rows)))
            return Table(header, rows, numbers)
    return None


def _guessed(values: list[str], header: list[str]) -> str:
    """Return what a column without a name is, empty if that cannot be told."""
    said = [value for value in values if value]
    if not said:
        return ""
    if "status" not in header and sum(map(statuses.is_status, said)) >= 0.8 * len(said):
        return "status"
    if "rating" not in header and sum(map(_scored, said)) >= 0.8 * len(said):
        return "rating"
    return ""


def _scored(text: str) -> bool:
    try:
        score = scales.parsed_score(text)
    except scales.BadScore:
        return scales.is_thumb(text)
    return score is None or score.value <= 100


def sheet_of(table: Table, format: str, numbering: str = UNKNOWN) -> Sheet:
    """Return a table's entries.

    Raises
    ------
    InputError
        If no column has titles or ids, or the file is a catalogue, a page of recommendations or
        the lists of several people.
    """
    wider = [len(row) for row in table.rows if any(c.strip() for c in row[len(table.header) :])]
    shifted = len(wider) * 2 > len(table.rows)
    header = [*table.header, *[""] * (max(wider) - len(table.header) if shifted else 0)]
    found = columns.chosen(header, table.rows, shifted)
    _refuse_several(table, found)
    own = tuple(cell.strip().lower() for cell in table.header) in OWN_HEADERS
    if "mal_id" in found:
        numbering = MAL
    used = {place for name, places in found.items() if name != "person" for place in places}
    sheet = Sheet(
        OWN_FORMAT if own else format,
        numbering=numbering,
        has_status="status" in found or shifted,
        used_columns=[header[p] or "(no name)" for p in sorted(used)],
        ignored_columns=[h for p, h in enumerate(table.header) if p not in used and h],
        notes=[SHIFTED] if shifted else [],
    )
    if "title" not in found and _id_of_no_site(header, found) and sheet.numbering == UNKNOWN:
        sheet.numbering = OTHER
    ids = [name for name in ("mal_id", "link") if name in found] or ["id"] * ("id" in found)
    for number, cells in zip(table.lines, table.rows, strict=True):
        row = _row(f"{table.unit} {number}", cells, found, ids)
        if own and not row.status:
            row = Row(**{**vars(row), "status": SEEN})
        if not row.title and not row.id and not row.other_titles:
            sheet.leave(row.where, "no title")
        elif any(cell.strip() for cell in cells[len(header) :]):
            sheet.leave(row.where, "it has more cells than there are columns")
        else:
            sheet.add(row)
    if sheet.numbering == UNKNOWN and ids == ["link"]:
        sheet.numbering = MAL
    return sheet


def _id_of_no_site(header: Sequence[str], found: dict[str, list[int]]) -> bool:
    """Return whether the ids are in a column that need not be of anime at all."""
    return "id" in found and columns.bare(header[found["id"][0]]) != "anime id"


def _refuse_several(table: Table, found: dict[str, list[int]]) -> None:
    if "person" not in found:
        return
    place = found["person"][0]
    people = {row[place].strip() for row in table.rows if place < len(row)} - {""}
    if len(people) > 1:
        raise InputError(
            f"the file has the lists of {len(people):,} people (column "
            f"{table.header[place]!r}): keep one person's lines"
        )


def no_formula(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula: behind an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _as_written(text: str) -> str:
    """Return a cell's text without the apostrophe that kept it from being a formula."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _row(where: str, cells: Sequence[str], found: dict[str, list[int]], ids: list[str]) -> Row:
    def cell(name: str) -> str:
        places = found.get(name, ())
        return _as_written(cells[places[0]]) if places and places[0] < len(cells) else ""

    number = ""
    for name in ids:
        text = line(cell(name))
        if name == "link":
            link = _MAL_LINK.search(text)
            text = link[1] if link else ""
        number = number or text
    others = [line(cells[p]) for p in found.get("other_title", ()) if p < len(cells)]
    return Row(
        where=where,
        title=line(cell("title")),
        other_titles=tuple(filter(None, others)),
        id=number,
        rating=line(cell("rating")),
        status=line(cell("status")),
        liked=line(cell("liked")),
        again=line(cell("again")),
        episodes=line(cell("episodes")),
        times=line(cell("times")),
        started=line(cell("started")),
        finished=line(cell("finished")),
        comments=note(cell("comments")),
        tags=line(cell("tags")),
        kind=line(cell("kind")),
        year=line(cell("year")),
    )
