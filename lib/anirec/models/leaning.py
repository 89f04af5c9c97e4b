"""What the ranker's order leans to: what goes with the list, and not only what everybody watches.

Asked for the likeliest, a ranker puts first what most people have watched, whatever was named. So
scores lean to what is often on the same lists as what is on this one and to what fewer know: the
more so the fewer entries tell of the person, and beyond the first ten, where people look for more
than the obvious.
"""

from __future__ import annotations

import numpy as np

from anirec.models.ranking_features import Case

FIRST = 10
"""Places that people look at first."""

FEW = 10
"""Entries up to which the pulls are at their full strength; beyond, they fall as one over n."""

NEAR = (2.3, 3.0)
"""What a normalised mutual information of 1 with the list adds, at full strength, among the first
and beyond."""

KNOWN = ((0.1, 0.2), (0.3, 0.7))
"""What being on e times as many lists takes off, among the first and beyond: always, and at full
strength."""

MOST_PARTS = 3
"""Parts of a franchise on the list that come among the first where one title is named, at most."""

GROUP = "leaning"
NAMES = ("goes with the list", "known to few", "after the first ten")


def leanings(case: Case, said: np.ndarray) -> np.ndarray:
    """Return what is added to the ranker's scores ``said``, by `NAMES`, float32 (3, n).

    The sums order the candidates: the first ten among themselves, then the rest.
    """
    few = min(1.0, FEW / max(len(case.person.entries), 1))
    information = case.together.information.mean(axis=0)
    popularity = case.popularity[case.candidates]
    rarity = popularity.max() - popularity

    def pulls(place: int) -> np.ndarray:
        known = KNOWN[place][0] + few * KNOWN[place][1]
        return np.stack([few * NEAR[place] * information, known * rarity, np.zeros(len(said))])

    added, rest = pulls(0), pulls(1)
    wanted = said + added.sum(axis=0)
    order = np.argsort(-wanted, kind="stable")
    first = order[_may_be_first(case, order)][:FIRST]
    beyond = np.setdiff1d(order, first)
    if len(beyond):
        below = wanted[first].min() - 1 - (said + rest.sum(axis=0))[beyond].max()
        rest[2] = below
        added[:, beyond] = rest[:, beyond]
    return added.astype(np.float32)


def _may_be_first(case: Case, order: np.ndarray) -> np.ndarray:
    """Return which of the candidates in some order may be among the first, bool (n,).

    All but those that would be more than `MOST_PARTS` of the franchise of a title named alone.
    """
    if len(case.person.entries) > 1:
        return np.ones(len(order), dtype=bool)
    number = case.facts.franchises[:, 0]
    own = number[case.candidates[order]] == number[case.person.entries[0]]
    return ~own | (np.cumsum(own) <= MOST_PARTS)
