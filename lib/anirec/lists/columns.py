"""What a list's columns are called, and which of them are the person's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from anirec.config import InputError
from anirec.lists import scales, statuses

NAMES = {
    "title": (
        "anime title", "series title", "title", "anime name", "name", "anime", "series name",
        "series", "show", "show title", "title romaji", "romaji", "target title", "romaji title",
        "english title", "title english", "media title", "main title", "titel", "titre", "titolo",
        "título", "название", "tytuł", "タイトル",
    ),
    "other_title": (
        "english name", "english title", "title english", "english", "original title",
        "japanese title", "title japanese", "title native", "other name", "alternative title",
        "alternative titles", "target title ru", "romaji", "title romaji", "romaji title",
        "synonyms", "anime title eng",
    ),
    "mal_id": (
        "mal id", "series animedb id", "myanimelist id", "animedb id", "id mal", "mal",
        "mal anime id", "myanimelist", "anime mal id",
    ),
    "id": ("anime id", "animeid", "series id", "media id", "target id", "id", "anilist id"),
    "link": ("url", "link", "mal url", "myanimelist url", "anime url", "uri", "mal link"),
    "rating": (
        "my score", "my rating", "your rating", "your score", "user rating", "user score",
        "personal rating", "personal score", "own rating", "own score", "list score",
        "rating given", "score given", "my rate", "rating user", "score user", "userscore",
        "userrating", "rating 10", "rating", "score", "rate", "stars", "points", "grade", "mark",
        "bewertung", "wertung", "note 10", "calificación", "puntuación", "nota", "voto", "оценка",
        "ocena", "評価",
    ),
    "status": (
        "my status", "watching status", "watch status", "list status", "user status",
        "your status", "watchlist", "watch list", "shelf", "list", "status", "state",
        "estado", "statut", "stato", "статус",
    ),
    "liked": ("liked", "like", "my like", "thumb", "thumbs", "opinion", "reaction", "thumbs up"),
    "again": ("my rewatching", "is rewatching", "rewatching", "reconsuming", "repeating"),
    "episodes": (
        "my watched episodes", "watched episodes", "num watched episodes",
        "num episodes watched", "episodes watched", "episodes seen", "eps watched", "progress",
        "last ep watched", "lastepwatched", "watched eps", "watched ep", "watchedep", "eps seen",
        "current episode", "episode progress",
    ),
    "times": (
        "my times watched", "times watched", "times rewatched", "num times rewatched",
        "rewatches", "rewatch count", "rewatched times", "rewatched", "repeat", "repeats",
        "repeat count", "reconsume count",
    ),
    "started": (
        "my start date", "start date", "started at", "started", "date started", "started on",
        "watch start date", "start date string", "begun",
    ),
    "finished": (
        "my finish date", "finish date", "end date", "completed at", "finished at", "finished",
        "date finished", "date completed", "completed on", "finished on", "watched date",
        "finish date string", "watched at", "last watched at",
    ),
    "comments": (
        "my comments", "comments", "comment", "notes", "note", "my notes", "memo", "review",
        "text", "remarks", "thoughts",
    ),
    "tags": ("my tags", "tags", "my tag", "labels"),
    "kind": ("media type", "series type", "type", "kind", "format", "category", "target type"),
    "year": ("year", "release year", "start year", "season year", "released", "aired year"),
    "person": ("username", "user name", "user id", "userid", "user", "nickname"),
}  # fmt: skip
"""What the columns of lists are called, in small letters, the more telling names first."""

OWN = frozenset(
    ["my ", "your ", "user ", "personal ", "own ", "list ", "watching ", "watch", "rating given"]
)
"""What the names of columns begin with that are the person's own."""

COMMUNITY = frozenset([
    "members", "scored by", "popularity", "favorites", "favourites", "num list users",
    "num scoring users", "synopsis", "statistics", "user count",
])  # fmt: skip
"""Columns of a catalogue: beside them a score is everybody's."""

ABOUT = frozenset([
    "genre", "genres", "studio", "studios", "producers", "licensors", "source", "duration",
    "aired", "premiered", "rank", "ranked",
])  # fmt: skip
"""Columns that tell of anime: beside them scores to the hundredth are everybody's."""

RECOMMENDED = frozenset([
    "because", "expected", "match", "for you", "similarity", "predicted", "predicted rating",
    "predicted score", "recommended", "recommendation", "reason", "why",
])  # fmt: skip
"""Columns of a page of recommendations."""

_TITLES, _IDS = ("title",), ("mal_id", "id", "link")


def bare(header: str) -> str:
    """Return a column's name as `NAMES` has it: small letters, a blank between words."""
    spaced = []
    for place, c in enumerate(header):
        if c.isupper() and place and header[place - 1].islower():
            spaced.append(" ")
        spaced.append(c)
    small = unicodedata.normalize("NFKC", "".join(spaced)).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in small).split())


_KNOWN = {field: [bare(name) for name in names] for field, names in NAMES.items()}
_JOINED = {field: [name.replace(" ", "") for name in names] for field, names in _KNOWN.items()}


def is_header(cells: Sequence[str]) -> bool:
    """Return whether a row names columns: one for titles or ids, or several that are known."""
    named = _places(cells)
    telling = any(name in named for name in _TITLES + _IDS)
    return telling and (len(cells) == 1 or len(named) > 1 or len(cells) == len(named))


def _places(cells: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of the columns of each field, the most telling names first."""
    names = [bare(cell).replace(" ", "") for cell in cells]
    found: dict[str, list[int]] = {}
    for field, known in _JOINED.items():
        ranked = [(known.index(name), place) for place, name in enumerate(names) if name in known]
        if ranked:
            found[field] = [place for _, place in sorted(ranked)]
    return found


SHIFTED = ("rating", "status", "liked", "again", "episodes", "times")
"""Fields that are not read by their columns' names where columns have lost theirs."""


def chosen(
    header: Sequence[str], rows: Sequence[Sequence[str]], shifted: bool = False
) -> dict[str, list[int]]:
    """Return which columns are read as what: their places in ``header`` by field of `NAMES`.

    A person's own column beats the community's, and a status that is about airing is none.
    ``other_title`` may have several, each of the others has one.

    Parameters
    ----------
    shifted : whether names are missing, so that what stands below another may be a score or not.

    Raises
    ------
    InputError
        If there is neither a title nor an id, or the file is nobody's list.
    """
    found = _places(header)
    columns: dict[str, list[int]] = {}
    taken: set[int] = set()
    for field in NAMES:
        places = [place for place in found.get(field, []) if place not in taken]
        if shifted and field in SHIFTED:
            continue
        if field == "status":
            places = [p for p in places if not statuses.are_of_airing(_values(rows, p))]
            places = [p for p in places if bare(header[p]) != "list" or _mostly_statuses(rows, p)]
        if field == "liked":
            places = [p for p in places if _mostly_thumbs(rows, p)]
        if places:
            columns[field] = places if field == "other_title" else places[:1]
            taken.update(columns[field])
    _find_statuses(header, rows, columns)
    _refuse_catalogues(header, columns, rows)
    if not any(name in columns for name in _TITLES + _IDS):
        raise InputError(
            "no column of the list has titles or ids: write 'title,rating' as its first line"
        )
    return columns


def _find_statuses(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: dict[str, list[int]]
) -> None:
    """Take the column that has statuses in words for theirs, whatever it is called: what is planned
    must not count as watched. Where another is called so, names and columns do not fit."""
    named = columns.get("status", [])
    if any(_mostly_statuses(rows, place) for place in named):
        return
    others = {p for field, places in columns.items() if field not in SHIFTED for p in places}
    words = [p for p in range(len(header)) if p not in others and _mostly_statuses(rows, p)]
    if not words:
        return
    if named or any(words[0] in columns.get(field, ()) for field in SHIFTED):
        for field in SHIFTED:
            columns.pop(field, None)
    columns["status"] = words[:1]


def _values(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    return [row[place] for row in rows if place < len(row)]


def _mostly_statuses(rows: Sequence[Sequence[str]], place: int) -> bool:
    said = [value for value in _values(rows, place) if value.strip()]
    return sum(map(statuses.is_status, said)) * 2 >= len(said) > 0


def _mostly_thumbs(rows: Sequence[Sequence[str]], place: int) -> bool:
    said = [value for value in _values(rows, place) if value.strip()]
    return sum(map(_thumb, said)) * 2 >= len(said)


def _thumb(text: str) -> bool:
    try:
        return scales.thumb(text) is not None
    except scales.BadScore:
        return False


def is_own(header: str) -> bool:
    """Return whether a column is the person's own by its name."""
    name = bare(header)
    return any(name.startswith(start) for start in OWN)


def _refuse_catalogues(
    header: Sequence[str], columns: dict[str, list[int]], rows: Sequence[Sequence[str]]
) -> None:
    names = {bare(cell) for cell in header}
    told = sorted(names & RECOMMENDED)
    read = [place for field in columns for place in columns[field]]
    of_person = any(
        field in columns for field in ("status", "liked", "episodes", "times", "again", "person")
    ) or any(is_own(header[place]) for place in read)
    if of_person:
        return
    if told and ("rank" in names or len(told) > 1 or "because" in names):
        raise InputError(
            "the file is a page of recommendations (it has a column "
            f"{told[0]!r}): its scores are not a person's; choose the list you exported"
        )
    community = sorted(names & COMMUNITY)
    if "rating" in columns and not community and _to_the_hundredth(rows, columns["rating"][0]):
        community = sorted(names & ABOUT)
    if community and "rating" in columns:
        score = header[columns["rating"][0]]
        raise InputError(
            f"the file is a catalogue or a page of recommendations: its column {score!r} is the "
            f"community's (beside {community[0]!r}), not a person's; name yours 'my_score'"
        )
    if len(community) >= 3:
        raise InputError(
            "the file is a catalogue: nothing in it is a person's; choose the list you exported"
        )


def _to_the_hundredth(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Return whether most scores have two digits behind the point, as means have."""
    said = [value.strip() for value in _values(rows, place) if value.strip()]
    return sum(
        bool(re.fullmatch(r"[0-9]+[.,][0-9]*[1-9]", v)) and len(v) >= 4 for v in said
    ) * 2 > (len(said))
