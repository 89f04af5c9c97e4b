"""How far each entry of a list has come: its status, episodes and dates, and where people stop.

Who starts an anime of ``E`` episodes stops after episode ``e < E`` at a rate of their own: the
chance to still watch after it is ``exp(-rate * G(e))``, where ``G`` (`stop_course`) is 1 at the
end of a series of twelve episodes and steep after its first and third. The rate is such that a
member drops a series of twelve with their own chance, and lower for what they enjoy. Some entries
are looked at while they are under way, at an episode that has nothing to do with where
they would stop.

Without effects, whether an entry is under way depends on nothing, the chance to drop it on its
member alone, and where they stop on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from anirec.datasets.parsing import STATUSES
from anirec.datasets.sample.catalogue import SampleCatalogue
from anirec.datasets.sample.members import SNAPSHOT_DAY, Members
from anirec.datasets.sample.race import DrawnEntries

USUAL_EPISODES = 12
"""The length of a series over which a member drops with their own chance."""

ENJOYED = 0.4
"""How much an enjoyment of one lowers the logarithm of the rate of stopping."""

UNDER_WAY = 0.15
"""The share of entries that are under way when the lists are read."""

ON_HOLD = 0.4
"""The share of those that are on hold."""

REWATCHES = 0.08
"""How often a completed anime of no particular enjoyment is watched again."""

DATED = (0.5, 0.85)
"""The share of members who state days, and of their entries for which they do."""

EPISODES_A_DAY = (0.7, 0.8)
"""Mean and standard deviation of the logarithm of the episodes watched a day."""

LENGTHS = {"12": (12, 13), "24": (24, 26)}
"""Name of a class of series -> least and greatest number of episodes, for the truth."""

NO_DAY = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class EntryProgress:
    """How far entries have come, one element each.

    Attributes
    ----------
    status : int64 (n,), positions in `STATUSES`. episodes, again : int64 (n,), episodes watched and
        times watched again. started, finished : datetime64[D] (n,), NaT where not stated.
    updated : int64 (n,), seconds since 1970.
    """

    status: np.ndarray
    episodes: np.ndarray
    again: np.ndarray
    started: np.ndarray
    finished: np.ndarray
    updated: np.ndarray

    def take(self, which: np.ndarray) -> EntryProgress:
        return EntryProgress(*(values[which] for values in vars(self).values()))

    @classmethod
    def of_planned(cls, rng: np.random.Generator, joined: np.ndarray) -> EntryProgress:
        """Return the progress of entries that are only planned, by the days of joining."""
        n = len(joined)
        days = joined + (rng.random(n) * (SNAPSHOT_DAY - joined).astype(int)).astype(int)
        nothing, never = np.zeros(n, dtype=int), np.full(n, NO_DAY)
        status = np.full(n, STATUSES.index("plan_to_watch"))
        return cls(status, nothing, nothing, never, never, _moments(rng, days))


def stop_course(n_episodes: int) -> np.ndarray:
    """Return the cumulative rate of stopping ``G`` after 0, 1, ..., ``n_episodes`` episodes."""
    after = np.arange(1, max(n_episodes, USUAL_EPISODES) + 1)
    rate = 0.5 / np.maximum(after - 2, 1)
    rate[:3] = 3, 1, 4
    total = np.concatenate([[0], np.cumsum(rate)])
    return (total / total[USUAL_EPISODES - 1])[: n_episodes + 1]


class Watching:
    """Draws the progress of started entries, and keeps what the truth about stopping is.

    Parameters
    ----------
    catalogue, members : what positions mean.
    effects : whether where people stop depends on the anime and on how they like it.
    """

    def __init__(self, catalogue: SampleCatalogue, members: Members, effects: bool = True) -> None:
        self._catalogue, self._members, self._effects = catalogue, members, effects
        self._cumulative = stop_course(int(catalogue.episodes.max()))
        self._stayed = {name: np.zeros(least) for name, (least, _) in LENGTHS.items()}
        self._n = dict.fromkeys(LENGTHS, 0)

    def progress(self, rng: np.random.Generator, entries: DrawnEntries) -> EntryProgress:
        """Return the progress of entries, which are in the order in which they were started."""
        n = len(entries.member)
        length = self._catalogue.episodes[entries.anime]
        stop = self._stop(rng, entries, length)
        first = int(self._effects)  # who is under way has seen one, if nobody stops before
        seen = first + np.floor(rng.random(n) * np.maximum(length - first, 1)).astype(int)
        under_way = rng.random(n) < UNDER_WAY
        if self._effects:
            under_way &= seen < np.minimum(stop, length)
        dropped = ~under_way & (stop < length)
        on_hold = under_way & (rng.random(n) < ON_HOLD)
        status = np.full(n, STATUSES.index("completed"))
        status[under_way] = STATUSES.index("watching")
        status[on_hold] = STATUSES.index("on_hold")
        status[dropped] = STATUSES.index("dropped")
        episodes = np.where(under_way, seen, np.where(dropped, stop, length))
        completed = ~under_way & ~dropped
        liked = entries.enjoyment if self._effects else np.zeros(n)
        again = rng.poisson(REWATCHES * np.exp(0.5 * liked)) * completed
        return EntryProgress(status, episodes, again, *self._days(rng, entries, status, episodes))

    def truth(self) -> dict[str, object]:
        """Return the planted chances to go on after each episode, by classes of length.

        Without effects there is nothing planted.
        """
        if not self._effects:
            return {}
        kept = {
            name: (self._stayed[name][1:] / max(1, n)).round(6).tolist()
            for name, n in self._n.items()
        }
        return {
            "under_way": UNDER_WAY,
            "episodes": LENGTHS,
            "still_watching_after_episode": kept,
        }

    def _stop(
        self, rng: np.random.Generator, entries: DrawnEntries, length: np.ndarray
    ) -> np.ndarray:
        """Return after which episode each entry would be stopped, its length or more for never."""
        drops = self._members.drops[entries.member]
        chance = rng.random(len(drops))
        if not self._effects:
            return np.where(chance < drops, (chance / drops * length).astype(int), length)
        rate = -np.log1p(-np.minimum(drops, 0.95)) * np.exp(-ENJOYED * entries.enjoyment)
        self._keep(length, rate)
        reached = -np.log(np.maximum(chance, 1e-300)) / np.maximum(rate, 1e-12)
        return np.maximum(np.searchsorted(self._cumulative, reached), 1)

    def _keep(self, length: np.ndarray, rate: np.ndarray) -> None:
        """Add up the chances to be still watching after each episode."""
        for name, (least, most) in LENGTHS.items():
            these = (length >= least) & (length <= most)
            self._n[name] += int(these.sum())
            self._stayed[name] += [np.exp(-rate[these] * g).sum() for g in self._cumulative[:least]]

    def _days(
        self,
        rng: np.random.Generator,
        entries: DrawnEntries,
        status: np.ndarray,
        episodes: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ``started``, ``finished`` and ``updated`` of `EntryProgress`.

        Entries are started in their order, between joining and the snapshot.
        """
        n, member = len(entries.member), entries.member
        drawn = rng.random(n)
        drawn = drawn[np.lexsort((drawn, member))]
        joined = self._members.joined[member]
        began = self._catalogue.began[entries.anime]
        first = joined + (drawn * (SNAPSHOT_DAY - joined).astype(int)).astype(int)
        pace = np.exp(rng.normal(*EPISODES_A_DAY, n))
        takes = np.ceil(episodes / pace).astype(int)
        first = np.minimum(np.maximum(first, began), SNAPSHOT_DAY)
        last = first + np.maximum(takes - 1, 0)
        late = np.maximum((last - SNAPSHOT_DAY).astype(int), 0)
        first = np.maximum(first - late, np.minimum(began, first))
        last = np.minimum(last, SNAPSHOT_DAY)
        stating = rng.random(self._members.size) < DATED[0]
        stated = stating[member] & (rng.random(n) < DATED[1]) & (episodes > 0)
        completed = status == STATUSES.index("completed")
        return (
            np.where(stated, first, NO_DAY),
            np.where(stated & completed, last, NO_DAY),
            _moments(rng, last),
        )


def _moments(rng: np.random.Generator, days: np.ndarray) -> np.ndarray:
    """Return a second at random of each day, counted from 1970."""
    return days.astype("datetime64[s]").astype(np.int64) + rng.integers(0, 86_400, len(days))


def still_watching(truth: dict, name: str) -> pd.Series:
    """Return the planted chance to go on after each episode, of a class of `LENGTHS`.

    Parameters
    ----------
    truth : what `anirec.datasets.sample.read_truth` returns first.
    """
    chances = truth["stopping"]["still_watching_after_episode"][name]
    return pd.Series(chances, index=range(1, len(chances) + 1), name="still watching")
