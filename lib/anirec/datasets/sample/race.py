"""Which anime a member takes, in which order, and how they are enjoyed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anirec.datasets.sample.catalogue import N_FLAVOURS, SEGMENTS, SampleCatalogue
from anirec.datasets.sample.members import COHORTS, Members

MAINSTREAM_EXPONENT = 1.7
"""In the mainstream the chance of an anime goes with this power of its members."""

FLAVOUR_ODDS = 4.0
"""How many times likelier an anime of the preferred flavour is taken than one of another."""

MAX_ROUNDS = 8
STEP = 16
"""Places in a race that one step takes: its entry and at most fifteen later parts."""


@dataclass(frozen=True)
class DrawnEntries:
    """List entries: member and anime as positions, place in the race, enjoyment."""

    member: np.ndarray
    anime: np.ndarray
    place: np.ndarray
    enjoyment: np.ndarray

    def take(self, which: np.ndarray) -> DrawnEntries:
        return DrawnEntries(
            self.member[which], self.anime[which], self.place[which], self.enjoyment[which]
        )

    @classmethod
    def joined(cls, parts: list[DrawnEntries]) -> DrawnEntries:
        names = ("member", "anime", "place", "enjoyment")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Race:
    """Draws lists: which anime a step takes, and what follows from it.

    Parameters
    ----------
    catalogue : the anime. members : the people.
    effects : whether members prefer anime of their youth.
    """

    def __init__(self, catalogue: SampleCatalogue, members: Members, effects: bool = True) -> None:
        self.catalogue, self.members = catalogue, members
        self.cumulative_taste = members.taste.cumsum(axis=1)
        self.tables = _step_tables(catalogue, effects)

    def lists(
        self, rng: np.random.Generator, users: np.ndarray, wanted: np.ndarray | None = None
    ) -> DrawnEntries:
        """Return the lists of ``users`` (positions), sorted by member and place in the race.

        ``wanted`` is the length of each member's list, (n_members,); that of the scored by default.
        """
        wanted = self.members.wanted if wanted is None else wanted
        entries = None
        need = wanted[users].astype(float)
        for attempt in range(MAX_ROUNDS):
            # The more of what a member likes is on the list, the more steps lead to what is there.
            steps = np.where(need > 0, np.ceil(need * 0.9 * (attempt + 1)) + 1, 0).astype(int)
            racers = np.repeat(users, steps)
            drawn = self._walk(rng, racers, attempt)
            entries = drawn if entries is None else DrawnEntries.joined([entries, drawn])
            entries = self._first_of_each(entries)
            counts = np.bincount(entries.member, minlength=self.members.size)
            need = wanted[users] - counts[users]
            if not (need > 0).any():
                break
        entries = entries.take(np.lexsort((entries.place, entries.member)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(entries.member))])
        position = np.arange(len(entries.member)) - starts[entries.member]
        return entries.take(position < wanted[entries.member])

    def _walk(self, rng: np.random.Generator, racers: np.ndarray, attempt: int) -> DrawnEntries:
        """Take one step per element of ``racers`` and go through the franchises entered."""
        catalogue = self.catalogue
        anime = self._steps(rng, racers)
        place = (np.int64(attempt) << 40) + np.arange(len(racers), dtype=np.int64) * STEP
        franchise = rng.standard_normal(len(racers), dtype=np.float32) * np.float32(0.4)
        enjoyment = self._enjoyment(rng, racers, anime, franchise)
        parts = [DrawnEntries(racers, anime, place, enjoyment)]
        for later in range(1, STEP):
            goes_on = catalogue.following[anime] >= 0
            racers, franchise, place = racers[goes_on], franchise[goes_on], place[goes_on]
            enjoyment, anime = enjoyment[goes_on], catalogue.following[anime[goes_on]]
            if not len(racers):
                break
            chance = catalogue.keep[anime] * 2 / (1 + np.exp(-1.2 * enjoyment))
            taken = rng.random(len(racers)) < np.minimum(chance, 0.97)
            found = self._enjoyment(rng, racers[taken], anime[taken], franchise[taken])
            enjoyment[taken] = found
            parts.append(DrawnEntries(racers[taken], anime[taken], place[taken] + later, found))
        return DrawnEntries.joined(parts)

    def _steps(self, rng: np.random.Generator, racers: np.ndarray) -> np.ndarray:
        """Return the anime that each step takes, as positions in the catalogue."""
        members, n_segments = self.members, len(SEGMENTS)
        at = rng.random(len(racers), dtype=np.float32)[:, None]
        segment = (at > self.cumulative_taste[racers]).sum(axis=1).clip(max=n_segments - 1)
        mainstream = rng.random(len(racers), dtype=np.float32) < members.mainstream[racers]
        segment[mainstream] = n_segments
        table = (segment * len(COHORTS) + members.cohort[racers]) * N_FLAVOURS
        table = (table + members.flavour[racers, segment]).astype(np.uint8)
        order = np.argsort(table, kind="stable")
        ends = np.cumsum(np.bincount(table, minlength=len(self.tables)))
        anime = np.empty(len(racers), dtype=np.int64)
        at = rng.random(len(racers))
        for cumulative, stop, start in zip(self.tables, ends, [0, *ends[:-1]], strict=True):
            those = order[start:stop]
            anime[those] = np.searchsorted(cumulative, at[those] * cumulative[-1], side="right")
        return anime

    def _enjoyment(
        self,
        rng: np.random.Generator,
        racers: np.ndarray,
        anime: np.ndarray,
        franchise: np.ndarray,
    ) -> np.ndarray:
        """Return ``quality + affinity + franchise + noise``, standard deviation about one."""
        quality = 0.4 * self.catalogue.quality[anime]
        match = (self.members.taste[racers] * self.catalogue.segments[anime]).max(axis=1)
        noise = rng.standard_normal(len(racers), dtype=np.float32)
        return (quality + 0.9 * (match - 0.4) + franchise + 0.75 * noise).astype(np.float32)

    def _first_of_each(self, entries: DrawnEntries) -> DrawnEntries:
        """Drop the later ones of entries with the same member and anime."""
        entries = entries.take(np.argsort(entries.place, kind="stable"))
        pair = entries.member * np.int64(self.catalogue.size) + entries.anime
        return entries.take(np.unique(pair, return_index=True)[1])

    def latent(self, entries: DrawnEntries) -> np.ndarray:
        """Return the latent score of each entry: enjoyment on the member's own scale."""
        members = self.members
        return members.stretch[entries.member] * entries.enjoyment + members.shift[entries.member]


def _step_tables(catalogue: SampleCatalogue, effects: bool) -> list[np.ndarray]:
    """Return the cumulative weights of all anime per segment (the mainstream last), cohort and
    flavour, in that order."""
    share = catalogue.segments / catalogue.segments.sum(axis=1, keepdims=True) ** 0.5
    adult = catalogue.segments[:, list(SEGMENTS).index("adult")]
    mainstream = catalogue.entry ** (MAINSTREAM_EXPONENT - 1) * ~adult
    tables = []
    for chosen in [*share.T, mainstream]:
        for birth_year in COHORTS:
            nearness = np.exp(-np.abs(catalogue.year - (birth_year + 17)) / 20 * effects)
            for flavour in range(N_FLAVOURS):
                odds = np.where(catalogue.flavour == flavour, FLAVOUR_ODDS, 1.0)
                tables.append(np.cumsum(catalogue.entry * chosen * nearness * odds))
    return tables
