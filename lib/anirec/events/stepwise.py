"""Following made visible: how places move as lists and ratings come, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anirec.catalogue.features import item_features
from anirec.interactions import Interactions
from anirec.models import HybridEASE
from anirec.models.base import Model
from anirec.models.incremental import HybridSums

STEPS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500)
"""Lists that have the new title at each step."""

MOST_USERS = 5_000
MOST_ANIME = 2_000
"""Lists and best known anime of which the small community is made."""


@dataclass(frozen=True)
class Arrival:
    """A title that is taken for new.

    Attributes
    ----------
    places : frame with ``lists`` (how many have it) and ``place`` among all anime the fan lacks.
    reasons : the titles that speak most for it before anybody had it, best first.
    """

    places: pd.DataFrame
    reasons: list[str]


def arrival(
    lists: Interactions,
    anime: pd.DataFrame,
    new: int,
    fan: Sequence[int],
    settings: HybridEASE | None = None,
    steps: Sequence[int] = STEPS,
) -> Arrival:
    """Take a title for one that enters the catalogue now, and let its lists come one by one.

    Parameters
    ----------
    lists, anime : the community, and the anime table.
    new : the title; its lists are those that have it, in their order here, given first without it.
    fan : anime that somebody likes for whom its place is told.
    settings : whose settings the model has.
    steps : after how many lists the place is told; those it has no lists for are left out.

    Returns
    -------
    Arrival, of a community of the best known anime and so many lists at most that it takes seconds.
    """
    kept = np.union1d(lists.best_known(MOST_ANIME), [*fan, new])
    some = lists.users(np.arange(min(lists.shape[0], MOST_USERS))).among(kept)
    some = some.users(some.lengths > 1)
    column = int(np.searchsorted(kept, new))
    without = some.entries(some.indices != column)
    having = np.flatnonzero(
        np.diff(np.concatenate([[0], np.cumsum(some.indices == column)])[some.indptr])
    )
    features = item_features(anime, kept)
    state = HybridSums.begin(settings or HybridEASE(), without, features)
    profile = _profile({int(a): None for a in fan}, kept)
    told, done = [], 0
    reasons: list[str] = []
    for step in (step for step in steps if step <= len(having)):
        if step > done:
            rows = having[done:step]
            state.partial_fit(some.users(rows), without.users(rows))
            done = step
        model = state.model()
        scores = model.score(profile)[0]
        scores[profile.indices] = -np.inf
        told.append({"lists": step, "place": int((scores > scores[column]).sum()) + 1})
        if not step:
            terms = model.explain(profile, new).nlargest(3, "contribution")
            titles = anime.set_index("anime_id")["title"]
            reasons = titles.reindex(terms["anime_id"][terms["contribution"] > 0]).tolist()
    return Arrival(pd.DataFrame(told, columns=["lists", "place"]), reasons)


def recommendations_by_step(
    model: Model, ratings: Mapping[int, float], titles: pd.Series, k: int = 5
) -> pd.DataFrame:
    """Return what is recommended after each of somebody's ratings, by a fitted model.

    Columns ``rated`` (title and rating) and ``recommended`` (the ``k`` best titles).
    """
    known: dict[int, float | None] = {}
    told = []
    for anime_id, rating in ratings.items():
        known[int(anime_id)] = rating
        profile = _profile(known, model.anime_ids_)
        scores = model.score(profile)[0]
        scores[profile.indices] = -np.inf
        best = model.anime_ids_[np.argsort(-scores, kind="stable")[:k]]
        told.append(
            {
                "rated": f"{titles[anime_id]}: {rating:g}",
                "recommended": " · ".join(titles.reindex(best).fillna("?")),
            }
        )
    return pd.DataFrame(told, columns=["rated", "recommended"])


def places_by_step(
    model: Model, ratings: Mapping[int, float], titles: pd.Series, k: int = 5
) -> pd.DataFrame:
    """Return where anime stand after each of somebody's ratings: those ever among the ``k`` best.

    Columns ``step`` (1 for the first rating), ``rated`` (title and rating), ``title`` and ``place``
    among all that is not on the list; an anime has no row once it is on it.
    """
    known: dict[int, float | None] = {}
    places = []
    for anime_id, rating in ratings.items():
        known[int(anime_id)] = rating
        profile = _profile(known, model.anime_ids_)
        scores = model.score(profile)[0]
        scores[profile.indices] = -np.inf
        place = np.empty(len(scores), dtype=int)
        place[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
        place[profile.indices] = 0
        places.append(place)
    steps = np.array(places).reshape(len(places), -1)
    ever = np.flatnonzero(((steps >= 1) & (steps <= k)).any(axis=0))
    rows = [
        (step + 1, f"{titles[anime_id]}: {rating:g}", titles.get(model.anime_ids_[column], "?"), at)
        for step, (anime_id, rating) in enumerate(ratings.items())
        for column, at in zip(ever, steps[step, ever], strict=True)
        if at
    ]
    return pd.DataFrame(rows, columns=["step", "rated", "title", "place"])


def _profile(ratings: Mapping[int, float | None], anime_ids: np.ndarray) -> Interactions:
    frame = pd.DataFrame(
        {"user_id": 0, "anime_id": list(ratings), "rating": list(ratings.values())}
    )
    return Interactions.from_frame(frame.astype({"rating": float}), anime_ids=anime_ids)
