"""Lists from elsewhere and for elsewhere: MyAnimeList's export and CSV."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.datasets.parsing import STATUSES
from anirec.profiles.profile import MAX_ENTRIES, Entry, Profile, Unresolved

MAX_UPLOAD = 8 * 2**20
"""Bytes of a file to import, at most."""

MAX_TEXT = 32 * 2**20
"""Bytes of its content once unpacked, at most: what a list of `MAX_ENTRIES` takes."""

MAX_DEPTH = 16
"""Levels of elements in an XML list, at most; an export has three."""

MAX_TITLE = 500
"""Letters of a title that are kept."""

MOST_PROBLEMS = 20
"""Problems of an import that are told one by one."""

TAKEN_FOR = 90.0
"""A title in a CSV list that no anime has is taken for a similar one from this similarity on."""

MAL_STATUSES = {
    "watching": "watching", "1": "watching",
    "completed": "completed", "2": "completed",
    "on-hold": "on_hold", "onhold": "on_hold", "on hold": "on_hold", "3": "on_hold",
    "dropped": "dropped", "4": "dropped",
    "plan to watch": "plan_to_watch", "plantowatch": "plan_to_watch", "6": "plan_to_watch",
}  # fmt: skip
MAL_NAMES = {
    "watching": "Watching", "completed": "Completed", "on_hold": "On-Hold", "dropped": "Dropped",
    "plan_to_watch": "Plan to Watch", "wont_watch": "Dropped", "unknown": "", None: "Completed",
}  # fmt: skip
LIKED_TAGS = {"anirec:liked": True, "anirec:disliked": False}
"""Tags by which a thumb survives an export to MyAnimeList's format."""

CSV_COLUMNS = {
    "title": ("title", "name", "anime", "anime title", "series_title"),
    "rating": ("rating", "score", "my_score"),
    "status": ("status", "my_status"),
    "liked": ("liked",),
    "anime_id": ("anime_id", "mal_id", "series_animedb_id"),
}
"""What a list's columns may be called, in small letters."""

GZIP = b"\x1f\x8b"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Imported:
    """A list read from a file.

    Attributes
    ----------
    profile : what was found in the catalogue, and in ``unresolved`` what was not.
    problems : one line for each title not found, taken for a similar one, given twice, or with a
        value that makes no sense (which is left out); at most `MOST_PROBLEMS` and a last line that
        counts the others.
    text : one sentence that sums it up.
    """

    profile: Profile
    problems: list[str]
    text: str


@dataclass(frozen=True)
class _Row:
    """An entry of a list as it was read; empty where nothing was said."""

    where: str
    title: str
    rating: str = ""
    status: str = ""
    liked: str = ""
    anime_id: str = ""


def read_list(content: bytes, catalogue: Catalogue) -> Imported:
    """Read somebody's list: a MyAnimeList export (XML, also gzipped) or a CSV file.

    An export's entries are found by id, and by title where the catalogue lacks the id or has the
    title elsewhere; those of a CSV list, with a column ``title`` and any of ``rating``, ``status``,
    ``liked`` and ``anime_id``, also by a similar title.

    Raises
    ------
    InputError
        If the file is too large, too long, damaged, of another kind, or holds no entries.
    """
    if len(content) > MAX_UPLOAD:
        raise InputError(f"the file is larger than {MAX_UPLOAD >> 20} MB: no list is")
    text = _unpacked(content) if content.startswith(GZIP) else content
    rows = _xml_rows(text) if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else None
    return _imported(_csv_rows(text) if rows is None else rows, catalogue, guess=rows is None)


def _unpacked(content: bytes) -> bytes:
    """Return what is gzipped, stopping as soon as it is too much."""
    parts: list[bytes] = []
    room = MAX_TEXT + 1
    while content.startswith(GZIP):
        unpacking = zlib.decompressobj(wbits=31)
        try:
            parts.append(unpacking.decompress(content, room))
        except zlib.error:
            raise InputError("the .gz file is damaged: download it again") from None
        room -= len(parts[-1])
        if room <= 0:
            raise InputError(f"the .gz file holds more than {MAX_TEXT >> 20} MB: no list does")
        if not unpacking.eof:
            raise InputError("the .gz file is cut off: download it again")
        content = unpacking.unused_data
    return b"".join(parts)


def _xml_rows(text: bytes) -> list[_Row]:
    rows: list[_Row] = []
    depth, manga = 0, False
    try:
        for event, element in iterparse(io.BytesIO(text), ("start", "end"), forbid_dtd=True):
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise InputError("the XML file is nested too deeply: it is no MyAnimeList export")
            if event == "end" and depth == 1:
                manga |= element.tag == "manga"
                if element.tag == "anime":
                    rows.append(_xml_row(element, len(rows) + 1))
                    _check_length(rows)
                element.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reason = "it declares a DTD" if isinstance(error, DefusedXmlException) else str(error)
        raise InputError(f"the XML file cannot be read: {_clean(reason)}") from None
    if not rows:
        kind = "a manga list" if manga else "no MyAnimeList export"
        raise InputError(f"the file is {kind}: choose the anime list you exported")
    return rows


def _xml_row(element: Element, number: int) -> _Row:
    def text(name: str) -> str:
        return _clean(element.findtext(name) or "")

    tags = {tag.strip() for tag in text("my_tags").split(",")}
    liked = next((str(value) for tag, value in LIKED_TAGS.items() if tag in tags), "")
    return _Row(
        where=f"entry {number}",
        title=text("series_title"),
        rating=text("my_score"),
        status=text("my_status"),
        liked=liked,
        anime_id=text("series_animedb_id"),
    )


def _csv_rows(text: bytes) -> list[_Row]:
    decoded = _decoded(text)
    first = decoded.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows: list[_Row] = []
    reader = csv.reader(io.StringIO(decoded.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        columns = _csv_columns(next(reader, []))
        for cells in reader:
            values = {
                name: _clean(cells[place]) for name, place in columns.items() if place < len(cells)
            }
            if any(cell.strip() for cell in cells):
                rows.append(_Row(where=f"line {reader.line_num}", **{"title": ""} | values))
                _check_length(rows)
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} of the list cannot be read: {error}") from None
    if not rows:
        raise InputError("the list is empty: write one title per line below 'title,rating'")
    return rows


def _csv_columns(header: list[str]) -> dict[str, int]:
    known = [cell.strip().lower() for cell in header]
    columns = {
        name: known.index(alias)
        for name, aliases in CSV_COLUMNS.items()
        for alias in aliases[::-1]
        if alias in known
    }
    if "title" not in columns and "anime_id" not in columns:
        raise InputError(
            "the file is neither a MyAnimeList export nor a list whose first line is 'title,rating'"
        )
    return columns


def _decoded(text: bytes) -> str:
    encoding = "utf-16" if text.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        raise InputError("the list is not text in UTF-8: save it as CSV in UTF-8") from None


def _check_length(rows: list[_Row]) -> None:
    if len(rows) > MAX_ENTRIES:
        raise InputError(f"the list has more than {MAX_ENTRIES:,} entries: split it")


def _clean(text: str) -> str:
    """Return text on one line, without control characters, and no longer than a title is."""
    return " ".join(CONTROL.sub("", text).split())[:MAX_TITLE]


def _imported(rows: list[_Row], catalogue: Catalogue, guess: bool) -> Imported:
    entries: dict[int, Entry] = {}
    unresolved: list[Unresolved] = []
    problems: list[str] = []
    for row in rows:
        entry = Entry(_rating(row, problems), _status(row, problems), _liked(row, problems))
        stated = int(row.anime_id) if re.fullmatch(r"[0-9]{1,9}", row.anime_id) else None
        anime_id = _found(row, stated, catalogue, guess, problems)
        if anime_id is None:
            if not row.title and stated is None:
                problems.append(f"{row.where}: no title; left out")
                continue
            unresolved.append(Unresolved(row.title, entry, stated))
            problems.append(f"{row.where}: {row.title or stated!r} is not in this catalogue; kept")
            continue
        if anime_id in entries:
            title = catalogue.anime.at[anime_id, "title"]
            problems.append(f"{row.where}: {title!r} is there twice; the later entry counts")
        entries[anime_id] = entry
    if not entries and not unresolved:
        raise InputError("the list names no anime: write one title per line below 'title,rating'")
    told = problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        told.append(f"and {len(problems) - MOST_PROBLEMS} more")
    profile = Profile(entries, tuple(unresolved))
    return Imported(profile, told, _summary(len(rows), profile))


def _found(
    row: _Row, stated: int | None, catalogue: Catalogue, guess: bool, problems: list[str]
) -> int | None:
    """Return the id of the anime an entry is about, None if the catalogue lacks it."""
    named = catalogue.titles.named(row.title) if row.title else None
    if stated is not None and stated in catalogue.anime.index:
        # Two catalogues may number anime differently: a title that is somebody else's tells.
        if named is None or catalogue.titles.is_name_of(row.title, stated):
            return stated
        return named
    if named is not None or not guess or not row.title:
        return named
    alike = catalogue.titles.alike(row.title, TAKEN_FOR)
    if alike is not None:
        title = catalogue.anime.at[alike, "title"]
        problems.append(f"{row.where}: {row.title!r} is taken for {title!r}")
    return alike


def _rating(row: _Row, problems: list[str]) -> float | None:
    text = row.rating.removesuffix("/10").strip()
    if text in ("", "0", "-", "-1"):
        return None
    if re.fullmatch(r"[0-9]{1,2}([.,][0-9]{1,3})?", text):
        rating = float(text.replace(",", "."))
        if 1 <= rating <= 10:
            return rating
        if rating == 0:
            return None
    problems.append(f"{row.where}: {row.rating!r} is no rating from 1 to 10; left out")
    return None


def _status(row: _Row, problems: list[str]) -> str | None:
    text = row.status.lower().replace("_", " ")
    status = MAL_STATUSES.get(text) or MAL_STATUSES.get(text.replace(" ", "-"))
    if status is None and text:
        problems.append(f"{row.where}: {row.status!r} is no status; left out")
    return status


def _liked(row: _Row, problems: list[str]) -> bool | None:
    text = row.liked.lower()
    known = {
        "": None,
        "true": True,
        "yes": True,
        "1": True,
        "false": False,
        "no": False,
        "0": False,
    }
    if text not in known:
        problems.append(f"{row.where}: {row.liked!r} is neither true nor false; left out")
    return known.get(text)


def _summary(n_rows: int, profile: Profile) -> str:
    counts = Counter(entry.status for entry in profile.values())
    parts = [
        f"{counts[status]:,} {status.replace('_', ' ')}" for status in STATUSES if counts[status]
    ]
    found = f"{len(profile):,} found" + (f" ({', '.join(parts)})" if parts else "")
    missing = f", {len(profile.unresolved):,} not in this catalogue" if profile.unresolved else ""
    return f"{n_rows:,} entries read: {found}{missing}."


def to_csv(profile: Profile, catalogue: Catalogue) -> str:
    """Return a profile as a CSV list that `read_list` reads again as it was."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["title", "rating", "status", "liked", "anime_id"])
    for anime_id, title, entry in _all_entries(profile, catalogue):
        writer.writerow(
            [
                title,
                "" if entry.rating is None else f"{entry.rating:g}",
                entry.status or "",
                "" if entry.liked is None else str(entry.liked).lower(),
                "" if anime_id is None else anime_id,
            ]
        )
    return stream.getvalue()


def to_xml(profile: Profile, catalogue: Catalogue) -> str:
    """Return a profile in the format of MyAnimeList's export, which it imports again.

    MyAnimeList knows whole ratings only, and a status for all: an unknown one becomes completed.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8" ?>',
        "<myanimelist>",
        "<myinfo><user_export_type>1</user_export_type></myinfo>",
    ]
    for anime_id, title, entry in _all_entries(profile, catalogue):
        tag = next((tag for tag, liked in LIKED_TAGS.items() if liked is entry.liked), "")
        lines += [
            "<anime>",
            f"<series_animedb_id>{anime_id or 0}</series_animedb_id>",
            f"<series_title>{escape(title)}</series_title>",
            f"<my_score>{round(entry.rating or 0)}</my_score>",
            f"<my_status>{MAL_NAMES[entry.status]}</my_status>",
            f"<my_tags>{tag}</my_tags>",
            "<update_on_import>1</update_on_import>",
            "</anime>",
        ]
    return "\n".join([*lines, "</myanimelist>", ""])


def _all_entries(profile: Profile, catalogue: Catalogue) -> Iterator[tuple[int | None, str, Entry]]:
    for anime_id, entry in profile.items():
        known = anime_id in catalogue.anime.index
        yield anime_id, _clean(catalogue.anime.at[anime_id, "title"]) if known else "", entry
    for missing in profile.unresolved:
        yield missing.mal_id, missing.title, missing.entry
