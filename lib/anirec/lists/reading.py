"""Somebody's list, read: what is understood of a file, entry by entry."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import pandas as pd

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists import scales, statuses
from anirec.lists.content import text_of
from anirec.lists.matching import Found, Matching, whole_number
from anirec.lists.recognising import recognised
from anirec.lists.row import MAL, LeftOut, Row, Sheet, line
from anirec.lists.tables import OWN_FORMAT, SEEN
from anirec.profiles import UNKNOWN_STATUS, WONT_WATCH, Entry, Profile, Unresolved
from anirec.profiles.merging import fuller

MOST_PROBLEMS = 20
"""Problems of an import that are told one by one."""

LIKED_TAGS = {"anirec:liked": True, "anirec:disliked": False}
"""Tags by which a thumb survives an export to MyAnimeList's format."""

WONT_WATCH_TAG = "anirec:wont-watch"
"""The tag by which that status survives it."""

_EPISODES = re.compile(r"(?:s0?1e)?(\d{1,5})(?:\.0+)?(?:\s*(?:/|of)\s*[\d?-]+)?", re.I)
_ISO_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T\s].*)?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_TRUE = frozenset(["1", "true", "yes", "y", "on", "1.0", "x"])


@dataclass(frozen=True)
class Understood:
    """What one entry of a file was taken for.

    Attributes
    ----------
    row : its place among those that were read, from 1; ``where`` in words.
    stated_id, stated_title : what the file calls it.
    anime_id, title, matched_by : the anime of the catalogue, and how it was found: ``id``,
        ``title``, ``other name`` or ``similar``; None where the catalogue lacks it.
    entry : what is said of it.
    mal_id : MyAnimeList's id of it, as far as the file states it.
    problem : what the person should know of it; None if there is nothing.
    """

    row: int
    where: str
    stated_id: int | str | None
    stated_title: str
    anime_id: int | None
    title: str | None
    matched_by: str | None
    entry: Entry
    mal_id: int | None
    problem: str | None

    def record(self) -> dict[str, object]:
        """Return it as ``anirec list`` shows it."""
        entry = self.entry
        neutral = entry.status in (UNKNOWN_STATUS, WONT_WATCH)
        return {
            "row": self.row,
            "stated_id": self.stated_id,
            "stated_title": self.stated_title,
            "anime_id": self.anime_id,
            "title": self.title,
            "matched_by": self.matched_by,
            "status": None if neutral else entry.status,
            "rating": entry.rating,
            "liked": entry.liked,
            "watched": entry.watched,
            "finished": entry.finished,
            "episodes_watched": entry.episodes_watched,
            "times_watched": entry.times_watched,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Imported:
    """A list read from a file.

    Attributes
    ----------
    profile : what was found in the catalogue, and in ``unresolved`` what was not.
    problems : one line for each title not found, taken for a similar one, given twice, or with a
        value that makes no sense (which is left out); at most `MOST_PROBLEMS` and a last line that
        counts the others.
    text : a sentence or two that sum it up.
    format, scale : what the file is, and on which scale its scores are.
    used_columns, ignored_columns : which of its columns were read, and which not.
    entries : each entry; two of one anime are one.
    left_out : the entries that were not taken, and why.
    """

    profile: Profile
    problems: list[str]
    text: str
    format: str
    scale: str
    used_columns: list[str]
    ignored_columns: list[str]
    entries: list[Understood]
    left_out: list[LeftOut]

    def record(self) -> dict[str, object]:
        """Return all of it as ``anirec list --format json`` shows it."""
        return {
            "format": self.format,
            "scale": self.scale,
            "used_columns": self.used_columns,
            "ignored_columns": self.ignored_columns,
            "entries": [entry.record() for entry in self.entries],
            "left_out": [{"where": one.where, "why": one.why} for one in self.left_out],
            "summary": self.text,
        }

    def frame(self) -> pd.DataFrame:
        """Return the entries as ``anirec list`` shows them to a person."""
        rows = [
            (e.row, e.stated_title or str(e.stated_id or ""), e.title or "", e.matched_by or "",
             _said(e.entry), e.problem or "")
            for e in self.entries
        ]  # fmt: skip
        names = ["row", "stated_title", "understood", "matched_by", "said", "problem"]
        return pd.DataFrame(rows, columns=names)


def read_list(content: bytes, catalogue: Catalogue, scale: str | None = None) -> Imported:
    """Read somebody's list, in any of the formats that ``data/README.md`` tells of.

    Parameters
    ----------
    content : the bytes of the file, which may be packed.
    scale : the scale of its scores, one of `scales.GREATEST`, where the person says it; otherwise
        the format or the scores decide.

    Raises
    ------
    InputError
        If the file is too large, too long, damaged, no list or nobody's, or holds no entries. The
        message is one line that says why.
    """
    sheet = recognised(text_of(content), catalogue.titles.is_name)
    return understood(sheet, catalogue, scale)


def understood(sheet: Sheet, catalogue: Catalogue, scale: str | None = None) -> Imported:
    """Return what a sheet's entries mean. Raises InputError as `read_list` does."""
    _refuse_empty(sheet)
    chosen = scales.decide((row.rating for row in sheet.rows), scale or sheet.scale)
    matching = Matching(sheet, catalogue)
    entries = _merged(
        [_understood(n, row, sheet, chosen, matching) for n, row in enumerate(sheet.rows, start=1)],
        sheet,
    )
    profile = Profile(
        {e.anime_id: e.entry for e in entries if e.anime_id is not None},
        tuple(_unresolved(e, sheet, matching) for e in entries if e.anime_id is None),
    )
    problems = [f"{e.where}: {e.problem}" for e in entries if e.problem]
    told = [*sheet.notes, *_told_left_out(sheet.left_out), *problems]
    if len(told) > MOST_PROBLEMS:
        told = [*told[:MOST_PROBLEMS], f"and {len(told) - MOST_PROBLEMS} more"]
    scored = any(entry.entry.rating is not None for entry in entries)
    return Imported(
        profile=profile,
        problems=told,
        text=_summary(sheet, profile, len(entries), chosen if scored else None, scale),
        format=sheet.format,
        scale=chosen,
        used_columns=sheet.used_columns,
        ignored_columns=sheet.ignored_columns,
        entries=entries,
        left_out=sheet.left_out,
    )


def _refuse_empty(sheet: Sheet) -> None:
    if sheet.rows:
        return
    why = Counter(one.why for one in sheet.left_out).most_common(1)
    if not why:
        raise InputError("the list is empty: export it again once there is something on it")
    if why[0][0] == "manga":
        raise InputError("the file is a manga list: choose the anime list you exported")
    raise InputError(
        f"the list is empty of anime that can be read: {len(sheet.left_out):,} left out, "
        f"{why[0][0]}"
    )


def _understood(n: int, row: Row, sheet: Sheet, scale: str, matching: Matching) -> Understood:
    found = matching.find(row)
    anime = None if found is None else matching.catalogue.anime.loc[found.anime_id]
    problems: list[str] = []
    entry = _entry(row, sheet, scale, None if anime is None else anime["episodes"], problems)
    if found is None:
        problems.insert(0, f"{row.title or row.id!r} is not in this catalogue; kept")
    elif found.told:
        problems.insert(0, found.told)
    own = whole_number(row.id)
    return Understood(
        row=n,
        where=row.where,
        stated_id=own if own is not None else row.id if row.id not in ("", "0") else None,
        stated_title=row.title,
        anime_id=None if found is None else found.anime_id,
        title=None if anime is None else anime["title"],
        matched_by=_how(found),
        entry=entry,
        mal_id=matching.mal_id(row),
        problem="; ".join(problems) or None,
    )


def _said(entry: Entry) -> str:
    """Return what an entry says in a few words: ``★ 9 · completed``."""
    rating = "" if entry.rating is None else f"★ {entry.rating:g}"
    thumb = {True: "liked", False: "not for me", None: ""}[entry.liked]
    status = (entry.status or "watched").replace("_", " ")
    return " · ".join(filter(None, (rating, thumb, status)))


def _how(found: Found | None) -> str | None:
    return None if found is None else found.how


def _entry(row: Row, sheet: Sheet, scale: str, total: object, problems: list[str]) -> Entry:
    """Return what an entry says; what cannot be read says nothing, and is told."""
    rating, liked = _opinion(row, scale, problems)
    tags, told = _tags(row.tags)
    liked = told.get("liked", liked)
    episodes, times = _count(row.episodes), _count(row.times)
    status, again = _status(row, sheet, episodes, total, problems)
    if told.get("wont_watch"):
        status = WONT_WATCH
    if status == UNKNOWN_STATUS and liked is False and "liked" in told:
        status = None
    return Entry(
        rating=rating,
        status=status,
        liked=liked,
        episodes_watched=episodes,
        times_watched=times,
        rewatching=again or row.again.strip().lower() in _TRUE,
        started_on=_day(row.started),
        finished_on=_day(row.finished),
        comments=row.comments,
        tags=tags,
        extra=row.extra,
    )


def _opinion(row: Row, scale: str, problems: list[str]) -> tuple[float | None, bool | None]:
    rating = liked = None
    try:
        if scales.is_thumb(row.rating):
            liked = scales.thumb(row.rating)
        else:
            rating = scales.rating(row.rating, scale)
    except scales.BadScore as error:
        problems.append(f"{error}; left out")
    try:
        liked = scales.thumb(row.liked) if row.liked else liked
    except scales.BadScore as error:
        problems.append(f"{error}; left out")
    return rating, liked


def _tags(text: str) -> tuple[str, dict[str, bool]]:
    """Return the tags that are the person's own, and what those of anirec say."""
    told: dict[str, bool] = {}
    own = []
    for tag in text.split(","):
        if tag.strip() in LIKED_TAGS:
            told["liked"] = LIKED_TAGS[tag.strip()]
        elif tag.strip() == WONT_WATCH_TAG:
            told["wont_watch"] = True
        else:
            own.append(tag)
    return (",".join(own).strip() if told else text), told


def _status(
    row: Row, sheet: Sheet, episodes: int | None, total: object, problems: list[str]
) -> tuple[str | None, bool]:
    """Return the status, None for what is on a list of what was watched; and whether it is being
    watched again."""
    if sheet.format == OWN_FORMAT and row.status == SEEN:
        return None, False
    if not sheet.has_status and not row.status:
        short = total is not None and not pd.isna(total) and float(total) > (episodes or 0)
        return (UNKNOWN_STATUS if episodes == 0 or (episodes and short) else None), False
    status, again, known = statuses.meaning(row.status, sheet.statuses)
    if not known:
        problems.append(f"{row.status!r} is no status that is known: what it says is left open")
    elif status == WONT_WATCH:
        problems.append(f"{row.status!r}: kept, and counts neither for nor against anything")
    return status, again


def _count(text: str) -> int | None:
    match = _EPISODES.fullmatch(text.strip())
    return min(int(match[1]), 32_767) if match else None


def _day(text: str) -> str:
    """Return a day as ``YYYY-MM-DD``, empty if there is none or it cannot be read."""
    text = text.strip()
    if match := _ISO_DAY.fullmatch(text):
        year, month, day = match[1], match[2], match[3] or "00"
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match[1], match[2], match[3]
    else:
        return ""
    if year == "0000" or int(month) > 12 or int(day) > 31:
        return ""
    return f"{year}-{month.zfill(2)}-{day.zfill(2)}"


def _merged(entries: list[Understood], sheet: Sheet) -> list[Understood]:
    """Return the entries with those of one anime made one; what says more counts."""
    first: dict[object, int] = {}
    kept: list[Understood] = []
    for one in entries:
        key = _identity(one)
        place = first.setdefault(key, len(kept)) if key is not None else len(kept)
        if place == len(kept):
            kept.append(one)
            continue
        before = kept[place]
        said = f"{one.where} is about the same anime: the two are one"
        kept[place] = replace(
            before,
            entry=fuller(before.entry, one.entry),
            problem="; ".join(filter(None, [before.problem, said])),
        )
        sheet.left_out.append(LeftOut(one.where, f"merged with {before.where}"))
    return kept


def _identity(one: Understood) -> object:
    if one.anime_id is not None:
        return one.anime_id
    if one.stated_id is not None:
        return ("id", one.stated_id)
    return ("title", one.stated_title.casefold()) if one.stated_title else None


def _unresolved(one: Understood, sheet: Sheet, matching: Matching) -> Unresolved:
    other = ""
    if matching.numbering != MAL and one.stated_id is not None:
        other = f"{sheet.format.partition(' (')[0]} {one.stated_id}"
    return Unresolved(one.stated_title, one.entry, one.mal_id, other)


def _told_left_out(left_out: list[LeftOut]) -> list[str]:
    counts = Counter(one.why for one in left_out if not one.why.startswith("merged with"))
    first = {one.why: one.where for one in reversed(left_out)}
    return [
        f"{first[why]}: left out, {why}" if count == 1 else f"{count:,} left out: {why}"
        for why, count in counts.most_common()
    ]


def _summary(
    sheet: Sheet, profile: Profile, n_entries: int, scale: str | None, given: str | None
) -> str:
    counts = Counter(entry.status for entry in profile.values())
    parts = [
        f"{count:,} {status.replace('_', ' ')}"
        for status, count in counts.most_common()
        if status not in (None, UNKNOWN_STATUS)
    ]
    if counts[UNKNOWN_STATUS]:
        parts.append(f"{counts[UNKNOWN_STATUS]:,} without a status")
    found = f"{len(profile):,} found" + (f" ({', '.join(parts)})" if parts else "")
    missing = f", {len(profile.unresolved):,} not in this catalogue" if profile.unresolved else ""
    what = f"{sheet.format}: " if not sheet.format.startswith("plain") else ""
    text = f"{line(what)}{' ' if what else ''}{n_entries:,} entries read: {found}{missing}."
    if scale is not None and scale != scales.TEN and given is None:
        text += f" The scores are taken to be on the scale of {scale}."
    if sheet.ignored_columns and sheet.scale is None:
        text += f" Not read: {', '.join(sheet.ignored_columns[:8])}."
    return text
