"""For two or more: what everybody likes, the least satisfied first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anirec.catalogue.filters import Filters
from anirec.config import InputError
from anirec.profiles import Profile
from anirec.recommender.reasons import list_note
from anirec.recommender.shelves import Said
from anirec.recommender.taste import Taste


class Groups:
    """What `AnimeRecommender` recommends to several people at once."""

    def for_group(
        self,
        profiles: Sequence[Said],
        k: int = 10,
        model: str | None = None,
        filters: Filters | None = None,
        again: bool = False,
    ) -> pd.DataFrame:
        """Recommend what everybody likes: the least satisfied person counts first.

        Each person's scores are turned into the share of anime that stand below (so that nobody's
        scale counts more), and an anime is worth to the group what it is worth to the one it is
        worth least to; the mean decides between equals (least misery: O'Connor et al., "PolyLens",
        ECSCW 2001).

        Parameters
        ----------
        profiles : a list for each person.
        again : whether what somebody has seen may come, unless it is disliked by anybody.

        Returns
        -------
        pandas.DataFrame
            ``rank``, `SHOWN`, ``least`` (the share that stands below for the least satisfied),
            ``shares`` and ``reasons`` (tuples, one for each person).

        Raises
        ------
        InputError
            If there are fewer than two people, or a list has nothing that its person likes.
        """
        filters = filters or Filters()
        if len(profiles) < 2:
            raise InputError("a group has two people or more: add another list")
        people = [self._checked(profile) for profile in profiles]
        fitted = self.model(model or self.default_model)
        allowed = np.ones(len(self.catalogue), dtype=bool)
        for person in people:
            out = person.dislikes if again else person
            rest = Profile({a: person[a] for a in out}) if again else person
            allowed &= self._allowed(rest, filters)
        shares, scores = [], []
        for person in people:
            taste = Taste.of(person, fitted, filters.ignore_dislikes)
            own = self._scores(taste, allowed)
            scores.append((taste, own))
            shares.append(_shares_below(own))
        stacked = np.stack(shares)
        worth = np.where(np.isfinite(stacked).all(axis=0), stacked.min(axis=0), -np.inf)
        order = np.lexsort((-stacked.mean(axis=0), -worth))
        rows = order[np.isfinite(worth[order])][:k]
        frame = self._described(rows)
        reasons = [
            self._reasoned(rows, own, taste, person, k)["because"].tolist()
            if taste.is_sum
            else [""] * len(rows)
            for person, (taste, own) in zip(people, scores, strict=True)
        ]
        frame["least"] = worth[rows]
        frame["shares"] = [tuple(column) for column in stacked[:, rows].T.tolist()]
        frame["reasons"] = list(zip(*reasons, strict=True))
        frame.attrs["note"] = list_note(True, len(frame), k)
        return frame


def _shares_below(scores: np.ndarray) -> np.ndarray:
    """Return the share of the finite scores below each, from 0 to 1; -inf where it is none."""
    shares = np.full(len(scores), -np.inf)
    found = np.flatnonzero(np.isfinite(scores))
    order = np.argsort(scores[found], kind="stable")
    shares[found[order]] = np.arange(len(found)) / max(len(found) - 1, 1)
    return shares
