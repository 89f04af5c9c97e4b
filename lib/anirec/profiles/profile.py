"""A person's list: what they watched, how they rated it, what they gave up; where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from anirec.config import InputError
from anirec.datasets.parsing import STATUSES

DISLIKED_BELOW = 5
"""A title rated below this is a dislike."""

MAX_ENTRIES = 20_000
"""Entries of a list, at most."""

LIKED_AS = 9.0
"""The rating that a thumb up stands for where there is no rating."""


@dataclass(frozen=True)
class Entry:
    """What somebody says of one anime.

    Attributes
    ----------
    rating : from 1 to 10; None where not rated.
    status : one of `STATUSES`; None where unknown, which counts as watched to the end.
    liked : True for a thumb up, False for a thumb down ("not for me", watched or not), None where
        the person said neither.

    Raises
    ------
    InputError
        If the rating or the status is none of these.
    """

    rating: float | None = None
    status: str | None = None
    liked: bool | None = None

    def __post_init__(self) -> None:
        if self.rating is not None and not 1 <= self.rating <= 10:
            raise InputError(f"the rating {self.rating:g} must be from 1 to 10")
        if self.status is not None and self.status not in STATUSES:
            raise InputError(f"unknown status {self.status!r}: choose one of {', '.join(STATUSES)}")

    @property
    def disliked(self) -> bool:
        """Whether it speaks against similar anime: a thumb down, a low rating, or given up."""
        if self.liked is not None:
            return not self.liked
        if self.rating is not None:
            return self.rating < DISLIKED_BELOW
        return self.status == "dropped"

    @property
    def watched(self) -> bool:
        """Whether it says something of the person's taste: what is only planned does not."""
        return self.status != "plan_to_watch" or self.liked is not None

    @property
    def finished(self) -> bool:
        """Whether the person saw it to the end, so that a sequel may follow."""
        if self.status is None:
            return self.liked is not False
        return self.status == "completed"

    @property
    def stands_for(self) -> float | None:
        """The rating, or the one that a thumb up stands for; None where there is neither."""
        return LIKED_AS if self.liked and self.rating is None else self.rating


@dataclass(frozen=True)
class Unresolved:
    """An entry of an imported list whose anime the catalogue lacks; kept, and exported again."""

    title: str
    entry: Entry = field(default_factory=Entry)
    anime_id: int | None = None


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

    def set(self, anime_id: int, **changes: object) -> Profile:
        """Return this profile with an entry added or some of its values (see `Entry`) changed."""
        entry = replace(self.entries.get(anime_id, Entry()), **changes)
        return replace(self, entries={**self.entries, int(anime_id): entry})

    def remove(self, anime_id: int) -> Profile:
        """Return this profile without an entry; the same if it has none."""
        kept = {known: entry for known, entry in self.entries.items() if known != anime_id}
        return replace(self, entries=kept)

    def __getitem__(self, anime_id: int) -> Entry:
        return self.entries[anime_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)
