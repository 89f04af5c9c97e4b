"""A person's list: what they watched, how they rated it, what they gave up; where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from anirec.config import InputError
from anirec.datasets.parsing import STATUSES

DISLIKED_BELOW = 5
"""A rating from this on is never a dislike."""

BELOW_MEAN = 2.5
"""A rating so far below the person's mean is a dislike, if it is below `DISLIKED_BELOW` too."""

USUAL_MEAN, MEAN_WEIGHT = 7.5, 3
"""The mean rating of people, and how many ratings it counts as in the mean of somebody who gave
few: a lone 4 is a dislike, a 4 of somebody whose ratings are 4, 3, 4, 2 and 1 is none."""

MAX_ENTRIES = 20_000
"""Entries of a list, at most."""

LIKED_AS = 9.0
"""The rating that a thumb up stands for where there is no rating."""

UNKNOWN_STATUS, WONT_WATCH = "unknown", "wont_watch"
LIST_STATUSES = (*STATUSES, WONT_WATCH, UNKNOWN_STATUS)
"""What an entry's status may be. The last two say nothing of the person's taste by themselves."""


@dataclass(frozen=True)
class Entry:
    """What somebody says of one anime.

    Attributes
    ----------
    rating : from 1 to 10; None where not rated.
    status : one of `LIST_STATUSES`; None for a title that was named and no more, which counts as
        watched to the end. `UNKNOWN_STATUS` is that of an entry of which nobody said so.
    liked : True for a thumb up, False for a thumb down ("not for me", watched or not), None where
        the person said neither.
    episodes_watched : how many episodes were watched; None where unknown.
    times_watched : how often it was watched again after the first time; None where unknown.
    rewatching : whether it is being watched again.
    started_on, finished_on : days as ``YYYY-MM-DD``, whose month or day may be 00; empty where
        unknown.
    comments, tags : the person's own words.
    extra : fields of the list it was imported from, by name, which are exported again.
    uncounted : whether it is left out of account when something is recommended; it is on the list
        nevertheless.

    Raises
    ------
    InputError
        If the rating or the status is none of these.
    """

    rating: float | None = None
    status: str | None = None
    liked: bool | None = None
    episodes_watched: int | None = None
    times_watched: int | None = None
    rewatching: bool = False
    started_on: str = ""
    finished_on: str = ""
    comments: str = ""
    tags: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    uncounted: bool = False

    def __post_init__(self) -> None:
        if self.rating is not None and not 1 <= self.rating <= 10:
            raise InputError(f"the rating {self.rating:g} must be from 1 to 10")
        if self.status is not None and self.status not in LIST_STATUSES:
            raise InputError(
                f"unknown status {self.status!r}: choose one of {', '.join(LIST_STATUSES)}"
            )

    @property
    def watched(self) -> bool:
        """Whether it says something of the person's taste.

        What is only planned does not, nor what somebody will not watch, nor an entry without a
        status unless a rating or episodes say that it was watched.
        """
        if self.uncounted:
            return False
        if self.liked is not None:
            return True
        if self.status == UNKNOWN_STATUS:
            return self.rating is not None or bool(self.episodes_watched) or self.seen_before
        return self.status not in ("plan_to_watch", WONT_WATCH)

    @property
    def seen_before(self) -> bool:
        """Whether it is being watched again, or was."""
        return self.rewatching or bool(self.times_watched)

    @property
    def finished(self) -> bool:
        """Whether the person saw it to the end, so that a sequel may follow."""
        if self.status is None:
            return self.liked is not False
        if self.status in ("plan_to_watch", WONT_WATCH):
            return False
        return self.status == "completed" or self.seen_before

    @property
    def stands_for(self) -> float | None:
        """The rating, or the one that a thumb up stands for; None where there is neither."""
        return LIKED_AS if self.liked and self.rating is None else self.rating


@dataclass(frozen=True)
class Unresolved:
    """An entry of an imported list whose anime the catalogue lacks; kept, and exported again.

    Attributes
    ----------
    title : as it was written, empty where the list has none.
    entry : what was said of it.
    mal_id : MyAnimeList's id; None where unknown.
    other_id : the id that another site gives it, such as ``AniList 1``; empty where there is none.
    """

    title: str
    entry: Entry = field(default_factory=Entry)
    mal_id: int | None = None
    other_id: str = ""


def merged_unresolved(
    known: tuple[Unresolved, ...], more: tuple[Unresolved, ...]
) -> tuple[Unresolved, ...]:
    """Return both, each title once: the later entry of it counts."""
    merged = {replace(missing, entry=Entry()): missing for missing in (*known, *more)}
    return tuple(merged.values())


@dataclass(frozen=True)
class Profile(Mapping):
    """A person's list, an immutable mapping of anime ids to `Entry`, in the order they were added.

    ``profile.set(20, rating=9)`` and ``profile.remove(20)`` return new profiles.

    Attributes
    ----------
    entries : `Entry` by anime id.
    unresolved : what imports could not find in the catalogue.
    """

    entries: Mapping[int, Entry] = field(default_factory=dict)
    unresolved: tuple[Unresolved, ...] = ()

    @classmethod
    def of(cls, entries: Profile | Mapping[int, Entry | float | None]) -> Profile:
        """Return a profile from a profile, entries or plain ratings (None: not rated) by id."""
        if isinstance(entries, Profile):
            return entries
        return cls(
            {
                int(anime_id): value if isinstance(value, Entry) else Entry(rating=value)
                for anime_id, value in entries.items()
            }
        )

    def set(self, anime_id: int, **changes: Any) -> Profile:
        """Return this profile with an entry added or some of its values (see `Entry`) changed."""
        entry = replace(self.entries.get(anime_id, Entry()), **changes)
        return replace(self, entries={**self.entries, int(anime_id): entry})

    def remove(self, anime_id: int) -> Profile:
        """Return this profile without an entry; the same if it has none."""
        kept = {known: entry for known, entry in self.entries.items() if known != anime_id}
        return replace(self, entries=kept)

    @cached_property
    def dislikes(self) -> frozenset[int]:
        """The anime that speak against similar ones: a thumb down, given up without a rating, or
        rated far below the person's own mean (`BELOW_MEAN`, `DISLIKED_BELOW`)."""
        counted = [entry for entry in self.values() if not entry.uncounted]
        ratings = [entry.rating for entry in counted if entry.rating is not None]
        mean = (sum(ratings) + MEAN_WEIGHT * USUAL_MEAN) / (len(ratings) + MEAN_WEIGHT)
        low = min(DISLIKED_BELOW, mean - BELOW_MEAN)
        return frozenset(a for a, entry in self.items() if _disliked(entry, low))

    def __getitem__(self, anime_id: int) -> Entry:
        return self.entries[anime_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def _disliked(entry: Entry, low: float) -> bool:
    """Return whether an entry is a dislike, where a rating below ``low`` is one."""
    if entry.liked is not None:
        return not entry.liked
    if entry.rating is not None:
        return entry.watched and entry.rating < low
    return entry.status == "dropped"
