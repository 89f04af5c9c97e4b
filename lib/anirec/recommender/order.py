"""In which order the candidates come: the best, the sliders' orders, surprises.

Scores are by row of the catalogue, float32 (n_anime,), -inf where an anime may not be shown.
"""

from __future__ import annotations

import numpy as np

from anirec.catalogue import Catalogue, Filters

POOL = 200
"""The sliders reorder this many of the best candidates, at least: the rest would be no match."""

POPULARITY_PULL = 1.5
"""What a standard deviation of log members counts at the ends of the popularity slider, in standard
deviations of the scores."""

VARIETY_PULL = 0.5
"""How much variety counts against relevance at the end of the variety slider."""

SURPRISE_POOL = 150
"""A surprise is one of this many of the best candidates."""

LEAST_SCORE_QUANTILE = 0.6
"""A surprise for somebody unknown has a mean score above this share of the catalogue."""


def best_first(scores: np.ndarray) -> np.ndarray:
    """Return the rows of finite scores, the greatest first."""
    found = np.flatnonzero(np.isfinite(scores))
    return found[np.argsort(-scores[found], kind="stable")]


def picked(catalogue: Catalogue, scores: np.ndarray, k: int, filters: Filters) -> np.ndarray:
    """Return the rows of the ``k`` anime to show, best first, under the two sliders."""
    best = best_first(scores)
    if not filters.popularity and not filters.variety:
        return best[:k]
    pool = best[: max(POOL, 5 * k)]
    worth = scores[pool]
    if filters.popularity and len(pool):
        members = _standardised_members(catalogue, pool)
        worth = worth + np.float32(filters.popularity * POPULARITY_PULL * worth.std()) * members
    if filters.variety and len(pool):
        return _diverse(catalogue, pool, worth, k, filters.variety)
    return pool[np.argsort(-worth, kind="stable")][:k]


def fit_of(scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how the anime at ``rows`` stand between the typical candidate and the best one, from
    0 to 1, float (n,): the typical one is the last of the best `POOL`."""
    pool = scores[best_first(scores)[:POOL]]
    if not len(pool):
        return np.zeros(len(rows))
    spread = float(pool[0] - pool[-1])
    if spread <= 0:
        return np.ones(len(rows))
    return np.clip((scores[rows] - pool[-1]) / spread, 0, 1).astype(np.float64)


def _standardised_members(catalogue: Catalogue, rows: np.ndarray) -> np.ndarray:
    members = np.log1p(np.nan_to_num(catalogue.numbers["members"][rows]))
    return (members - members.mean()) / max(float(members.std()), 1e-9)


def _diverse(
    catalogue: Catalogue, pool: np.ndarray, scores: np.ndarray, k: int, variety: float
) -> np.ndarray:
    """Choose by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    One after the other, each time the greatest ``(1 - λ) relevance - λ likeness`` to what is chosen
    already, both from 0 to 1; ``λ`` is `VARIETY_PULL` at full variety.
    """
    pull = VARIETY_PULL * variety
    relevance = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-9)
    nearest = np.zeros(len(pool), dtype=np.float32)
    left = np.ones(len(pool), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(k, len(pool)):
        worth = np.where(left, (1 - pull) * relevance - pull * nearest, -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, catalogue.likeness(pool[[best]], pool)[0])
    return pool[chosen]


def surprising(
    catalogue: Catalogue, scores: np.ndarray, liked: np.ndarray, k: int, seed: int
) -> np.ndarray:
    """Return the rows of ``k`` anime that are relevant, unlike ``liked`` and little known."""
    pool = best_first(scores)[:SURPRISE_POOL]
    if not len(pool):
        return pool
    relevance = np.linspace(1, 0, len(pool), endpoint=False) ** 2
    nearest = catalogue.likeness(liked, pool).max(axis=0, initial=0)
    members = _standardised_members(catalogue, pool)
    unexpected = (1 - nearest) / (1 + np.exp(members))
    chance = np.random.default_rng(seed).gumbel(scale=0.5, size=len(pool))
    worth = np.log(relevance + 1e-9) + np.log(unexpected + 1e-3) + chance
    return pool[np.argsort(-worth, kind="stable")][:k]


def well_liked(catalogue: Catalogue, allowed: np.ndarray) -> np.ndarray:
    """Return the mean scores of what is allowed, and -inf for the lesser ones."""
    scores = np.where(allowed, catalogue.numbers["score"], np.nan)
    if not np.isfinite(scores).any():
        return np.where(allowed, np.nan_to_num(catalogue.numbers["members"]), -np.inf)
    least = np.nanquantile(scores, LEAST_SCORE_QUANTILE)
    return np.where(scores >= least, scores, -np.inf)
