"""A person's list as a model sees it, and the model's scores for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anirec.interactions import Interactions, positions
from anirec.models import Ability, Model
from anirec.profiles import Entry, Profile
from anirec.recommender.order import POOL, best_first

SPEAKS_FROM = 7
"""A title rated so or better is one that the person said they like."""

DISLIKED_SHARE = 0.5
"""What a thumb down takes away, as a share of what having watched the anime would add."""


@dataclass(frozen=True)
class Taste:
    """A profile as a model sees it.

    Attributes
    ----------
    fitted : the model.
    shown : the entries the model is shown, (1, n_anime).
    against : the thumbs down: each takes away `DISLIKED_SHARE` of what having watched it would add.
    """

    fitted: Model
    shown: Interactions
    against: Interactions

    @classmethod
    def of(cls, profile: Profile, fitted, ignore_dislikes: bool = False) -> Taste:
        """Return what a model is shown of a profile, and what counts against similar anime."""
        watched = {anime_id: entry for anime_id, entry in profile.items() if entry.watched}
        against = {a: Entry() for a, entry in watched.items() if entry.liked is False}
        signed = fitted.can(Ability.SIGNED) and not ignore_dislikes
        shown = {
            anime_id: entry
            for anime_id, entry in watched.items()
            if anime_id not in against and (signed or anime_id not in profile.dislikes)
        }
        return cls(
            fitted,
            encoded_entries(shown, fitted.anime_ids_),
            encoded_entries({} if ignore_dislikes else against, fitted.anime_ids_),
        )

    @property
    def is_sum(self) -> bool:
        """Whether the match is a sum over the profile."""
        return self.fitted.can(Ability.CONTRIBUTIONS) and self.shown.nnz > 0

    @property
    def anime_ids(self) -> np.ndarray:
        """What the terms of the match come from, (n_terms,)."""
        return self.fitted.anime_ids_[np.concatenate([self.shown.indices, self.against.indices])]

    def contributions(self, columns: np.ndarray) -> np.ndarray:
        """Return the terms of the match of several anime, float32 (n_terms, len(columns))."""
        terms = self.fitted.contributions(self.shown, columns)
        return np.concatenate([terms, self._taken_away(columns)])

    def _taken_away(self, columns: np.ndarray) -> np.ndarray:
        said = self.fitted.contributions(self.against, columns)
        return np.float32(-DISLIKED_SHARE) * said

    def scores(self, usable: np.ndarray | None) -> np.ndarray:
        """Return the model's score of each of its anime, float32 (n_anime,), less the dislikes.

        Popularity where the model knows nothing of the list. The scores of a ranker are no sums:
        what dislikes take away of the match is taken from them in standard deviations of the best
        `POOL` ones.
        """
        if not self.shown.nnz:
            return self.fitted.popularity_
        scores = self.fitted.score(self.shown, allowed=usable)[0]
        if not self.against.nnz or not self.is_sum:
            return scores
        pool = best_first(scores)[:POOL]
        if not len(pool):
            return scores
        match = self.fitted.contributions(self.shown, pool).sum(axis=0)
        scale = scores[pool].std() / max(float(match.std()), 1e-9)
        if not self.fitted.can(Ability.RANKINGS):
            pool, scale = np.arange(len(scores)), 1.0
        scores[pool] += scale * self._taken_away(pool).sum(axis=0)
        return scores

    def rankings(self, columns: np.ndarray, usable: np.ndarray) -> list[pd.DataFrame | None]:
        """Return what a two-stage model's ranker made of anime; None where it had no say."""
        return self.fitted.rankings(self.shown, columns, allowed=usable)


def encoded_entries(entries: Mapping[int, Entry], anime_ids: np.ndarray) -> Interactions:
    """Return one person's entries as `Interactions` (1, n_anime) on a model's anime columns."""
    wanted = np.sort(np.fromiter(entries, dtype=np.int64, count=len(entries)))
    columns, known = positions(anime_ids, wanted)
    kept = [entries[anime_id] for anime_id in wanted[known].tolist()]
    ratings = np.array([np.nan if e.stands_for is None else e.stands_for for e in kept], np.float32)
    dropped = np.array([entry.status == "dropped" for entry in kept], dtype=bool)
    return Interactions(
        user_ids=np.zeros(1, dtype=np.int64),
        anime_ids=anime_ids,
        indptr=np.array([0, len(kept)], dtype=np.int64),
        indices=columns[known].astype(np.int32),
        ratings=ratings,
        dropped=dropped & np.isnan(ratings),
        n_unknown=len(wanted) - len(kept),
    )


def liked_ids(profile: Profile) -> list[int]:
    """Return what was watched and not disliked."""
    return [a for a, entry in profile.items() if entry.watched and a not in profile.dislikes]


def said_liked(entry: Entry) -> bool:
    """Return whether the person said that they like a title, rather than merely watched it."""
    return entry.liked is True or (entry.rating or 0) >= SPEAKS_FROM
