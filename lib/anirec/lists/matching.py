"""Which anime of the catalogue an entry of a list is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from anirec.catalogue import Catalogue
from anirec.catalogue.titles import OTHER_NAME, SIMILAR, TITLE, Meant
from anirec.lists.row import MAL, OTHER, UNKNOWN, Row, Sheet
from anirec.profiles import Profile, Unresolved
from anirec.profiles.merging import fuller

BY_ID = "id"
"""How an anime was found whose id MyAnimeList's numbering gave; see `titles` for the others."""

LEAST_AGREEING = 0.5
"""Ids are MyAnimeList's if at least this share of those the catalogue knows have their titles."""

_NUMBER = re.compile(r"\s*([0-9]{1,9})(?:\.0*)?\s*")


@dataclass(frozen=True)
class Found:
    """The anime an entry is about: how it was found, and what the person should be told."""

    anime_id: int
    how: str
    told: str = ""


def whole_number(text: str) -> int | None:
    """Return a whole number, also one written ``1.0``; None if it is none or 0."""
    match = _NUMBER.fullmatch(text)
    return (int(match[1]) or None) if match else None


class Matching:
    """Finds the anime of one file's entries.

    Parameters
    ----------
    sheet : the file's entries. Whose numbering its ids are is decided here, once for all of them:
        by the format, else by whether they agree with the catalogue's ids and titles.

    Attributes
    ----------
    numbering : `MAL` or `OTHER`.
    """

    def __init__(self, sheet: Sheet, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.numbering = sheet.numbering if sheet.numbering != UNKNOWN else self._decided(sheet)

    def mal_id(self, row: Row) -> int | None:
        """Return the id that MyAnimeList gives what an entry is about, as far as it is stated."""
        return whole_number(row.id) if self.numbering == MAL else None

    def find(self, row: Row) -> Found | None:
        """Return the anime an entry is about, None if the catalogue lacks it."""
        mal_id = self.mal_id(row)
        if mal_id is None:
            return self._by_title(row)
        if mal_id in self.catalogue.by_mal_id:
            return Found(self.catalogue.by_mal_id[mal_id], BY_ID)
        # An id that the catalogue lacks is an anime it lacks, unless it lacks the id alone.
        if not self._without_mal_id or not row.title:
            return None
        meant = self._meant(row, row.title, similar=False, among=self._without_mal_id)
        return None if meant is None else Found(meant.anime_id, meant.how)

    def _by_title(self, row: Row) -> Found | None:
        for similar in (False, True):
            for name in filter(None, (row.title, *row.other_titles)):
                meant = self._meant(row, name, similar=similar)
                if meant is not None:
                    return Found(meant.anime_id, meant.how, self._told(name, meant))
                if similar:
                    break
        return None

    def _told(self, name: str, meant: Meant) -> str:
        title = self.catalogue.anime.at[meant.anime_id, "title"]
        if meant.how == SIMILAR:
            return f"{name!r} is taken for {title!r}"
        if meant.shared:
            return f"{name!r} is the name of {meant.shared + 1} anime: the most popular is taken"
        return ""

    def _meant(
        self, row: Row, name: str, similar: bool, among: frozenset[int] | None = None
    ) -> Meant | None:
        year = whole_number(row.year)
        return self.catalogue.titles.meant(
            name, year=year, kind=row.kind or None, among=among, similar=similar
        )

    @cached_property
    def _without_mal_id(self) -> frozenset[int]:
        """The anime whose id in MyAnimeList's numbering the catalogue does not know."""
        return frozenset(self.catalogue.anime.index) - set(self.catalogue.by_mal_id.values())

    def _decided(self, sheet: Sheet) -> str:
        known = self.catalogue.by_mal_id
        stated = [(row, whole_number(row.id)) for row in sheet.rows]
        stated = [(row, mal_id) for row, mal_id in stated if mal_id in known]
        named = [(row, known[mal_id]) for row, mal_id in stated if row.title]
        if named:
            agreeing = sum(self._is_called(row, anime_id) for row, anime_id in named)
            return MAL if agreeing >= LEAST_AGREEING * len(named) else OTHER
        if any(row.title for row in sheet.rows):
            return OTHER
        if sheet.statuses == "taiga":
            return self._by_episodes([(row, known[mal_id]) for row, mal_id in stated])
        return MAL

    def _is_called(self, row: Row, anime_id: int) -> bool:
        titles = self.catalogue.titles
        for name in (row.title, *row.other_titles):
            meant = titles.meant(name, among=frozenset([anime_id])) if name else None
            if meant is not None and meant.how in (TITLE, OTHER_NAME, SIMILAR):
                return True
        return False

    def _by_episodes(self, named: list[tuple[Row, int]]) -> str:
        """Return whose ids a file without titles has: of what was watched to the end, as many
        episodes must have been watched as MyAnimeList's anime of that id has."""
        agreeing = compared = 0
        for row, anime_id in named:
            episodes = self.catalogue.anime.at[anime_id, "episodes"]
            watched = whole_number(row.episodes)
            if row.status.strip() in ("2", "completed") and watched and not pd.isna(episodes):
                compared += 1
                agreeing += int(episodes) == watched
        return MAL if compared and agreeing >= 0.8 * compared else OTHER


def found_again(profile: Profile, catalogue: Catalogue) -> Profile:
    """Return a list in which what an earlier catalogue lacked and this one has is an entry.

    An anime is found by MyAnimeList's id, and by its very name where no id is known; likeness is
    not enough, since nobody is asked. What the list says of it already is made one with it. The
    same profile comes back where nothing is found.
    """
    entries, missing = dict(profile.entries), []
    for one in profile.unresolved:
        anime_id = _found_again(one, catalogue)
        if anime_id is None:
            missing.append(one)
        else:
            known = entries.get(anime_id)
            entries[anime_id] = one.entry if known is None else fuller(one.entry, known)
    if len(missing) == len(profile.unresolved):
        return profile
    return Profile(entries, tuple(missing))


def _found_again(one: Unresolved, catalogue: Catalogue) -> int | None:
    if one.mal_id is not None:
        return catalogue.by_mal_id.get(one.mal_id)
    meant = catalogue.titles.meant(one.title, similar=False)
    return meant.anime_id if meant is not None and not meant.shared else None
