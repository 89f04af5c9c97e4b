"""Which anime belong together, and in which order their parts are watched.

Where a dataset has relations they tell both. Where it has none, the titles and the side information
do: anime whose titles share a name are of one franchise if the name is rare and their genres agree,
the less so the more the name is cut off from the rest of the title (``Naruto: Shippuuden``, but
not ``Air Gear``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Franchises:
    """Which anime belong together, and in which order they are watched.

    Attributes
    ----------
    anime_ids : int (n_anime,), as in the table they were found in.
    number : int32 (n_anime,), the franchise of each anime; one of its own for most.
    place : int32 (n_anime,), the place of each anime in its franchise's order of watching, from 0.
    previous : int32 (n_anime,), position of the part that comes before each anime, or -1.
    sequel : bool (n_anime,), whether that part must be known to follow the anime. It need not
        where more people have the anime on their list than the part before it: a remake or a new
        beginning.
    """

    anime_ids: np.ndarray
    number: np.ndarray
    place: np.ndarray
    previous: np.ndarray
    sequel: np.ndarray

    def parts(self, position: int) -> np.ndarray:
        """Return the positions of the whole franchise of an anime, in the order of watching."""
        members = np.flatnonzero(self.number == self.number[position])
        return members[np.argsort(self.place[members], kind="stable")]

    def known(self, on_list: np.ndarray) -> np.ndarray:
        """Return which anime are of a franchise that one on the list is of, bool (n_anime,)."""
        return np.isin(self.number, self.number[on_list])

    def finished(self, seen: np.ndarray) -> np.ndarray:
        """Return what somebody has finished who finished ``seen``, bool (n_anime,): also the parts
        before."""
        finished = seen.copy()
        pending = np.flatnonzero(seen)
        while len(pending):
            before = np.unique(self.previous[pending])
            pending = before[(before >= 0) & ~finished[before]]
            finished[pending] = True
        return finished

    def too_early(self, seen: np.ndarray) -> np.ndarray:
        """Return the sequels of parts that are not finished, bool (n_anime,)."""
        before = self.finished(seen)[self.previous]
        return self.sequel & ~np.where(self.previous >= 0, before, True)

    def next_parts(self, seen: np.ndarray, on_list: np.ndarray) -> np.ndarray:
        """Return the next part of each franchise with a part finished, bool (n_anime,).

        It is the first that follows a finished part, is not on the list, and comes after all that
        are finished; where there is none so late, the first one left out.
        """
        finished = self.finished(seen)
        follows = (self.previous >= 0) & finished[self.previous] & ~finished & ~on_list
        furthest = np.full(self.number.max(initial=0) + 1, -1)
        np.maximum.at(furthest, self.number[finished], self.place[finished])
        candidates = np.flatnonzero(follows)
        late = self.place[candidates] > furthest[self.number[candidates]]
        order = np.lexsort((self.place[candidates], ~late, self.number[candidates]))
        _, first = np.unique(self.number[candidates][order], return_index=True)
        chosen = np.zeros(len(self.number), dtype=bool)
        chosen[candidates[order][first]] = True
        return chosen
