"""How well a person's taste is known, and what would tell most of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from anirec.interactions import Interactions

KNOWN_FROM = 10
"""From so many titles on it can be told how well a profile is known."""

TO_RATE_POOL = 2000
"""What is asked for a rating is one of this many best known anime."""

MOST_JUDGED = 100
"""Titles of a long profile that are ranked from the others; the rest would change little."""

JUDGED_AT_ONCE = 32
"""Profiles less one title that are scored at once: bounds memory at this × n_anime float32."""

HARDEST = 5
"""Titles named as hardest to explain."""


@dataclass(frozen=True)
class Knowledge:
    """How well a person's taste is known.

    Attributes
    ----------
    percentile : the typical title of the list, ranked from the others alone among all anime not on
        the list, stands above this share of them, from 0 to 1; None for fewer than `KNOWN_FROM`
        titles that the model knows.
    titles : frame with ``anime_id``, ``title``, ``percentile`` of each title ranked, the hardest to
        explain first.
    text : one sentence.
    """

    percentile: float | None
    titles: pd.DataFrame
    text: str


def unknown(text: str) -> Knowledge:
    """Return that nothing can be told, and why."""
    return Knowledge(None, pd.DataFrame(columns=["anime_id", "title", "percentile"]), text)


def knowledge_of(
    profile: Interactions, fitted, on_list: np.ndarray, titles: pd.Series
) -> Knowledge:
    """Return how well a profile is known to a model: each title ranked from the others alone.

    Parameters
    ----------
    profile : (1, n_anime), what the model is shown.
    fitted : the model; a title must say nothing about itself there (zero diagonal).
    on_list : columns of all that is on the list, shown or not.
    titles : by anime id.
    """
    if profile.nnz < KNOWN_FROM:
        missing = KNOWN_FROM - profile.nnz
        noun = "title" if missing == 1 else "titles"
        return unknown(f"Add {missing} more {noun} to see how well I know you.")
    columns, percentiles = _left_out_percentiles(fitted, profile, on_list)
    ids = fitted.anime_ids_[columns]
    names = titles.reindex(ids).to_numpy()
    told = pd.DataFrame({"anime_id": ids, "title": names, "percentile": percentiles})
    told = told.sort_values("percentile", kind="stable", ignore_index=True)
    typical = float(np.median(percentiles))
    hardest = "; ".join(told["title"].head(HARDEST).dropna())
    text = (
        "From the others alone I would rank a typical title of yours above "
        f"{min(typical, 0.999):.1%} of the anime you have not seen. "
        f"Hardest to explain: {hardest}."
    )
    return Knowledge(typical, told, text)


def most_telling(
    popularity: np.ndarray, franchise: np.ndarray, uncertain: Uncertainty, k: int
) -> np.ndarray:
    """Return the rows of ``k`` anime whose rating would tell most, int64, one per franchise.

    Each time the one whose expected rating is least certain given all before, times the chance that
    the person has seen it: sequential D-optimal design (Rubens, Kaplan and Sugiyama, "Active
    Learning in Recommender Systems", 2011).

    Parameters
    ----------
    popularity : (n_anime,), the chance that somebody has seen each; 0 where it may not be asked.
    franchise : (n_anime,), the number of each one's.
    uncertain : what is known of the ratings; it takes what is chosen as known.
    """
    rows = np.argsort(-popularity, kind="stable")[:TO_RATE_POOL]
    rows = rows[popularity[rows] > 0]
    left = np.ones(len(rows), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < k and left.any():
        worth = uncertain.variance(rows) * popularity[rows]
        best = int(rows[np.argmax(np.where(left, worth, -np.inf))])
        chosen.append(best)
        uncertain.observe(best)
        left &= franchise[rows] != franchise[best]
    return np.array(chosen, dtype=np.int64)


class Uncertainty:
    """How uncertain the ratings of anime are given that some are known, by Bayesian regression.

    Parameters
    ----------
    factors : float32 (n_anime, n), what a rating is linear in.
    known : rows that are known already.
    """

    def __init__(self, factors: np.ndarray, known: np.ndarray) -> None:
        spread = float(np.sqrt((factors**2).sum(axis=1).mean())) or 1.0
        self._factors = np.hstack(
            [factors / np.float32(spread), np.ones((len(factors), 1), dtype=np.float32)]
        )
        design = self._factors[known].astype(np.float64)
        self._covariance = np.linalg.inv(design.T @ design + np.eye(self._factors.shape[1]))

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """Return the variance of the expected rating of the anime at ``rows``, float (n,)."""
        factors = self._factors[rows]
        return np.einsum("ij,ij->i", factors @ self._covariance, factors)

    def observe(self, row: int) -> None:
        """Take one more rating as known (Sherman–Morrison)."""
        gain = self._covariance @ self._factors[row]
        self._covariance -= np.outer(gain, gain) / (1 + self._factors[row] @ gain)


def _left_out_percentiles(
    fitted, profile: Interactions, on_list: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of a profile, and above which share of the anime not on the list each one is
    ranked from the others alone, float (n,). Of long profiles evenly spaced entries are taken."""
    count = min(profile.nnz, MOST_JUDGED)
    judged = np.unique(np.linspace(0, profile.nnz - 1, count).round().astype(np.int64))
    columns = profile.indices[judged]
    unseen = np.ones(profile.shape[1], dtype=bool)
    unseen[on_list] = False
    percentiles = np.empty(len(judged))
    for start in range(0, len(judged), JUDGED_AT_ONCE):
        left_out = judged[start : start + JUDGED_AT_ONCE]
        scores = fitted.score(_each_without(profile, left_out))
        own = scores[np.arange(len(left_out)), profile.indices[left_out]]
        others = scores[:, unseen]
        below = (others < own[:, None]).mean(axis=1) + (others == own[:, None]).mean(axis=1) / 2
        percentiles[start : start + len(left_out)] = below
    return columns, percentiles


def _each_without(profile: Interactions, left_out: np.ndarray) -> Interactions:
    """Return one profile (1, n_anime) once for each of some entries, without that entry."""
    n, count = profile.nnz, len(left_out)
    kept = np.tile(np.arange(n), (count, 1))
    kept = kept[kept != left_out[:, None]]
    return replace(
        profile,
        user_ids=np.arange(count),
        indptr=np.arange(count + 1, dtype=np.int64) * (n - 1),
        indices=profile.indices[kept],
        ratings=profile.ratings[kept],
        dropped=profile.dropped[kept],
        n_unknown=0,
    )
