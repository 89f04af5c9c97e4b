"""Cells of the raw files: text in, value out, ``None`` where the text stands for a missing value.

Each parser raises `BadCell` with a short reason for text it cannot make sense of.
"""

from __future__ import annotations

import ast
import html
import math
import re
from calendar import month_abbr
from collections.abc import Callable
from datetime import date
from warnings import catch_warnings

TYPES = ("TV", "Movie", "OVA", "ONA", "Special", "Music")
SEASONS = ("winter", "spring", "summer", "fall")
GENDERS = ("Male", "Female", "Non-Binary")
STATUSES = ("watching", "completed", "on_hold", "dropped", "plan_to_watch")
FIRST_YEAR, LAST_YEAR = 1900, 2040
"""Years of anime: the oldest films are from the 1900s, what is announced lies a few years off."""

MISSING_TITLE = frozenset({"", r"\n", "none found, add some"})
"""What stands for a missing value in every column, in lower case: ``\\N`` is a database's null."""

MISSING_NAME = MISSING_TITLE | {"unknown"}
"""The same for columns of text, where ``None`` or ``?`` might be a name."""

MISSING = MISSING_NAME | {
    "not available", "none", "nan", "null", "n/a", "na", "-", "?", "none found", "add some",
}  # fmt: skip
"""The same for all other columns."""

NO_DATE = "0000-00-00"
"""What MyAnimeList's lists have for a day that is not given."""

MONTHS = {name.lower(): number for number, name in enumerate(month_abbr) if name}
_DAY = re.compile(r"(?:([A-Za-z]{3})[a-z]*\.?\s+)?(?:(\d{1,2}),\s+)?(\d{4})")
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?")
_DURATION = re.compile(
    r"(?:(\d+)\s*hr\.?)?\s*(?:(\d+)\s*min\.?)?\s*(?:(\d+)\s*sec\.?)?(?:\s*per ep\.?)?"
)
_PREMIERED = re.compile(rf"({'|'.join(SEASONS)})\s+(\d{{4}})")


class BadCell(ValueError):
    """A cell that cannot be read; the message is the reason, such as ``not a number``."""


def is_missing(text: str) -> bool:
    """Return whether the text stands for a missing value."""
    return text.strip().lower() in MISSING


def text(cell: str) -> str | None:
    """Return the text with HTML entities decoded and outer blanks cut."""
    value = html.unescape(cell).strip()
    return None if value.lower() in MISSING_NAME else value


def title(cell: str) -> str | None:
    """Return a title: as `text`, but one may well be called "Unknown"."""
    value = html.unescape(cell).strip()
    return None if value.lower() in MISSING_TITLE else value


def names(cell: str) -> list[str] | None:
    """Return a list separated by commas, such as genres, in order and without repeats.

    It may be written as Python or JSON does: ``['Drama', 'Slice of Life']``.
    """
    if is_missing(cell):
        return None
    if cell.strip().startswith("[") and cell.strip().endswith("]"):
        return _listed(cell)
    parts = (html.unescape(part).strip() for part in cell.split(","))
    return list(dict.fromkeys(part for part in parts if part.lower() not in MISSING)) or None


def _listed(cell: str) -> list[str] | None:
    try:
        with catch_warnings(action="ignore", category=SyntaxWarning):
            parts = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise BadCell("not a list") from None
    told = (html.unescape(str(part)).strip() for part in parts)
    return list(dict.fromkeys(part for part in told if part.lower() not in MISSING)) or None


def titles(cell: str) -> list[str] | None:
    """Return a list of titles separated by a comma and a blank, in order and without repeats."""
    parts = (html.unescape(part).strip() for part in cell.split(", "))
    return list(dict.fromkeys(part for part in parts if part.lower() not in MISSING_TITLE)) or None


def one_title(cell: str) -> list[str] | None:
    """Return another title as a list of one."""
    value = title(cell)
    return None if value is None else [value]


_MAL_PAGE = re.compile(r"(?:https?://)?(?:www\.)?myanimelist\.net/anime/(\d+)(?:/.*)?")


def mal_page(cell: str) -> int | None:
    """Return MyAnimeList's id from the address of its page of an anime, or from the id alone."""
    match = _MAL_PAGE.fullmatch(cell.strip())
    return whole(1)(match[1] if match else cell)


def related(cell: str) -> list[dict[str, object]] | None:
    """Return the anime that one belongs to or with, and how.

    The text is a mapping of kinds of relation to lists of works, as Python or JSON writes it:
    ``{'Sequel': [{'mal_id': 13403, 'type': 'anime', ...}], 'Adaptation': [...]}``. Works that are
    no anime are left out.
    """
    if is_missing(cell) or cell.strip() == "[]":
        return None
    try:
        with catch_warnings(action="ignore", category=SyntaxWarning):
            relations = ast.literal_eval(cell.strip())
        found = [
            {"relation": _folded(relation).replace(" ", "_"), "anime_id": int(work["mal_id"])}
            for relation, works in relations.items()
            for work in works
            if work["type"] == "anime"
        ]
    except (ValueError, SyntaxError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadCell("not a list of relations") from None
    if not all(0 < one["anime_id"] < 2**31 for one in found):
        raise BadCell("not a list of relations")
    return found or None


def real_number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float | None]:
    """Return a parser of numbers between ``low`` and ``high``."""

    def parse(cell: str) -> float | None:
        if is_missing(cell):
            return None
        try:
            value = float(cell.replace("_", "x"))
        except ValueError:
            raise BadCell("not a number") from None
        if not math.isfinite(value):
            raise BadCell("not a number")
        if not low <= value <= high:
            raise BadCell("negative" if value < 0 <= low else "out of range")
        return value

    return parse


def whole(low: int = 0, high: int = 2**31 - 1) -> Callable[[str], int | None]:
    """Return a parser of whole numbers between ``low`` and ``high``; ``26.0`` is one."""
    any_number = real_number(low, high)

    def parse(cell: str) -> int | None:
        value = any_number(cell)
        if value is not None and value != int(value):
            raise BadCell("not a whole number")
        return None if value is None else int(value)

    return parse


def episodes(cell: str) -> int | None:
    """Return the number of episodes; 0 stands for unknown."""
    return whole(0, 2**15 - 1)(cell) or None


def rank_number(cell: str) -> int | None:
    """Return a rank, 1 for the best; 0 stands for none."""
    return whole()(cell) or None


def score(cell: str) -> float | None:
    """Return a mean score between 1 and 10; 0 stands for none."""
    value = real_number(0, 10)(cell)
    if value is not None and 0 < value < 1:
        raise BadCell("out of range")
    return value or None


def duration(cell: str) -> float | None:
    """Return minutes from ``24 min per ep``, ``1 hr 55 min`` or ``30 sec``."""
    if is_missing(cell):
        return None
    match = _DURATION.fullmatch(cell.strip().lower())
    if not match or not any(match.groups()):
        raise BadCell("not a duration")
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return hours * 60 + minutes + seconds / 60 or None


def minutes(cell: str) -> float | None:
    """Return minutes from a number of them, or from what `duration` reads."""
    try:
        return real_number(0)(cell) or None
    except BadCell:
        return duration(cell)


def year(cell: str) -> int | None:
    """Return a year of anime."""
    value = whole()(cell)
    return None if value is None else _year(value)


def premiered(cell: str) -> tuple[int | None, str | None]:
    """Return year and season from ``spring 1998``."""
    if is_missing(cell):
        return None, None
    match = _PREMIERED.fullmatch(cell.strip().lower())
    if not match:
        raise BadCell("not a season")
    return _year(int(match[2])), match[1]


def aired(cell: str) -> tuple[date | None, date | None]:
    """Return first and last day from ``Apr 3, 1998 to Apr 24, 1999``, ``2001 to ?``, ``Sep 2001``.

    A day that is not given is the first of the month, a month that is not given January. One day
    alone is both ends.
    """
    if is_missing(cell):
        return None, None
    first, to, last = cell.strip().partition(" to ")
    begin = _spelled_day(first)
    end = _spelled_day(last) if to else begin
    if begin and end and end < begin:
        raise BadCell("ends before it begins")
    return begin, end


def _spelled_day(words: str) -> date | None:
    if is_missing(words):
        return None
    match = _DAY.fullmatch(words.strip())
    if not match or (match[2] and not match[1]):
        raise BadCell("not a date")
    month = MONTHS.get(match[1].lower()) if match[1] else 1
    if month is None:
        raise BadCell("not a date")
    return _date(_year(int(match[3])), month, int(match[2] or 1))


def day(cell: str) -> date | None:
    """Return the day of ``1985-03-04T00:00:00+00:00`` or ``1985-03-04``."""
    if is_missing(cell):
        return None
    match = _ISO_DAY.fullmatch(cell.strip())
    if not match:
        raise BadCell("not a date")
    return _date(*(int(group) for group in match.groups()))


def day_between(first: date, last: date) -> Callable[[str], date | None]:
    """Return a parser of days that refuses those outside ``first`` to ``last``."""

    def parse(cell: str) -> date | None:
        value = day(cell)
        if value is not None and not first <= value <= last:
            raise BadCell("in the future" if value > last else f"before {first.year}")
        return value

    return parse


def _year(year: int) -> int:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadCell("year out of range")
    return year


def _date(year: int, month: int, day_of_month: int) -> date:
    try:
        return date(year, month, day_of_month)
    except ValueError:
        raise BadCell("not a date") from None


def one_of(*known: str) -> Callable[[str], str | None]:
    """Return a parser of words from a fixed list, in its own spelling."""
    spelled = {_folded(word): word for word in known}

    def parse(cell: str) -> str | None:
        if is_missing(cell):
            return None
        try:
            return spelled[_folded(cell)]
        except KeyError:
            raise BadCell("not a known value") from None

    return parse


def _folded(word: str) -> str:
    return re.sub(r"[\W_]+", " ", word.lower()).strip()


anime_id = whole(1)
user_id = whole(0)
count = whole()
anime_type = one_of(*TYPES)
season = one_of(*SEASONS)
gender = one_of(*GENDERS)


_NO_SYNOPSIS = re.compile(
    r"no (?:description available|synopsis (?:information )?has been added)", re.IGNORECASE
)


def synopsis(cell: str) -> str | None:
    """Return a synopsis; the sentence that says there is none yet is a missing value."""
    value = text(cell)
    return None if value is None or _NO_SYNOPSIS.match(value) else value
