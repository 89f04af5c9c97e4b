"""What every format is read into: a sheet of rows, each an entry as it was stated."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from anirec.config import InputError
from anirec.profiles import MAX_ENTRIES

MAX_TITLE = 500
"""Letters of a title that are kept."""

MAX_NOTE = 20_000
"""Letters of a comment that are kept."""

MAL, OTHER, UNKNOWN = "myanimelist", "other", "unknown"
"""Whose numbering the ids of a file are: MyAnimeList's, another site's, or nobody has said yet."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
READINGS = frozenset([
    "manga", "novel", "lightnovel", "oneshot", "manhwa", "manhua", "doujinshi", "doujin", "book",
    "comic", "ranobe", "webtoon", "webnovel",
])  # fmt: skip
"""Kinds of what is read rather than watched."""


@dataclass(frozen=True)
class Row:
    """An entry as it was stated, all of it text; empty where nothing was said.

    Attributes
    ----------
    where : which entry or line of the file it is.
    title, other_titles : its name, and other names that the file gives it.
    id : the number it has there; whose numbering that is, the sheet says.
    rating, status, liked : what the person said of it.
    again : whether it is being watched again.
    episodes, times : how many were watched; how often it was watched again.
    started, finished : days, as year, month and day.
    comments, tags : the person's own words.
    kind, year : TV, movie, manga …; the year it is from.
    extra : fields that have no meaning here, by name; they are exported again.
    """

    where: str
    title: str = ""
    other_titles: tuple[str, ...] = ()
    id: str = ""
    rating: str = ""
    status: str = ""
    liked: str = ""
    again: str = ""
    episodes: str = ""
    times: str = ""
    started: str = ""
    finished: str = ""
    comments: str = ""
    tags: str = ""
    kind: str = ""
    year: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """An entry of a file that was not taken, and why."""

    where: str
    why: str


@dataclass
class Sheet:
    """A file's entries as they were stated.

    Attributes
    ----------
    format : what the file is, in words.
    rows, left_out : its entries, and those that could not be read or are no anime.
    numbering : `MAL`, `OTHER` or `UNKNOWN`.
    has_status : whether the file says what is watched and what planned. One that does not is a
        list of what was watched.
    statuses : which numbers its statuses are, see `statuses.NUMBERS`.
    scale : the scale of its scores, None if their values tell.
    used_columns, ignored_columns : which of its columns were read, and which not.
    notes : what else the person should be told.
    """

    format: str
    rows: list[Row] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    numbering: str = UNKNOWN
    has_status: bool = True
    statuses: str = "myanimelist"
    scale: str | None = None
    used_columns: list[str] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take an entry, unless it is one of something that is read rather than watched.

        Raises
        ------
        InputError
            If the list has become too long.
        """
        if "".join(filter(str.isalpha, row.kind.lower())) in READINGS:
            self.leave(row.where, "manga" if "manga" in row.kind.lower() else row.kind.lower())
            return
        self.rows.append(row)
        self._check_length()

    def leave(self, where: str, why: str) -> None:
        """Count an entry that is not taken."""
        self.left_out.append(LeftOut(where, why))
        self._check_length()

    def _check_length(self) -> None:
        if len(self.rows) + len(self.left_out) > MAX_ENTRIES:
            raise InputError(f"the list has more than {MAX_ENTRIES:,} entries: split it")


def line(value: object) -> str:
    """Return a value as text on one line, without control characters, as long as a title may be.

    HTML entities are undone, also where they were escaped twice.
    """
    text = plain(value)
    for _ in range(3):
        undone = html.unescape(text)
        if undone == text:
            break
        text = undone
    return " ".join(CONTROL.sub("", text).split())[:MAX_TITLE]


def lines_of(text: str) -> list[str]:
    """Return a text's lines; control characters that some take for line breaks are none."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def note(value: object) -> str:
    """Return a value as text that keeps its lines, without control characters."""
    return CONTROL.sub("", plain(value)).strip()[:MAX_NOTE]


def plain(value: object) -> str:
    """Return a value of JSON as text: nothing for null, whole numbers without a point."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def mapping(value: object) -> Mapping:
    """Return a value of JSON if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
